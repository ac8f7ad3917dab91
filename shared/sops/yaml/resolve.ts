/** What go-yaml v3 takes an unquoted scalar for: a mix of YAML 1.1 and 1.2 that no option of npm `yaml` gives. */
import { isClock, isDate } from "../rfc3339.ts";
import { Time } from "../tree.ts";

/** Beyond 64 bits a whole number is a float; `too-large` fits only without sign, and SOPS refuses it. */
export type Resolved = string | bigint | number | boolean | null | Time;

const words = new Map<string, Resolved>([
  ...["true", "True", "TRUE"].map((word): [string, boolean] => [word, true]),
  ...["false", "False", "FALSE"].map((word): [string, boolean] => [word, false]),
  ...["", "~", "null", "Null", "NULL"].map((word): [string, null] => [word, null]),
  ...[".nan", ".NaN", ".NAN"].map((word): [string, number] => [word, Number.NaN]),
  ...[".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"].map((word): [string, number] => [word, Infinity]),
  ...["-.inf", "-.Inf", "-.INF"].map((word): [string, number] => [word, -Infinity]),
]);

const integer = /^[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|[1-9]\d*|0)$/;
const float = /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/;
const dotted = /^\.\d+(?:[eE][-+]?\d+)?$/;
const largest = 2n ** 63n;

export function resolvePlain(text: string): Resolved {
  const word = words.get(text);
  if (word !== undefined) return word;
  const first = text.charCodeAt(0);
  if (first === 0x2e) return dotted.test(text) ? finite(text) : text;
  const mayBeNumber = (first >= 0x30 && first <= 0x39) || first === 0x2b || first === 0x2d;
  if (!mayBeNumber) return text;
  return timeOf(text) ?? numberOf(text.replaceAll("_", "")) ?? text;
}

function numberOf(digits: string): bigint | number | undefined {
  if (integer.test(digits)) {
    const isNegative = digits.startsWith("-");
    const size = sizeOf(digits.replace(/^[-+]/, "").toLowerCase());
    if (isNegative ? size <= largest : size < (digits.startsWith("+") ? largest : 2n * largest))
      return isNegative ? -size : size;
  }
  if (!float.test(digits)) return undefined;
  const value = Number(digits);
  return Number.isFinite(value) ? value : undefined;
}

const sizeOf = (digits: string): bigint => BigInt(/^0\d/.test(digits) ? `0o${digits.slice(1)}` : digits);

function finite(text: string): number | string {
  const value = Number(text);
  return Number.isFinite(value) ? value : text;
}

const timestamp =
  /^(\d{4})-(\d{1,2})-(\d{1,2})(?:([Tt ])(\d{1,2}):(\d{1,2}):(\d{1,2})(?:[.,](\d+))?(Z|[-+]\d\d:\d\d)?)?$/;

function timeOf(text: string): Time | undefined {
  if (text.charCodeAt(4) !== 0x2d) return undefined;
  const [, year = "", month = "", day = "", between, ...clock] = timestamp.exec(text) ?? [];
  if (year === "" || !isDate(Number(year), Number(month), Number(day))) return undefined;
  const [hour = "0", minute = "0", second = "0", fraction = "", zone] = clock;
  const needsZone = between === "T" || between === "t";
  if (needsZone !== (zone !== undefined) || !isClock(Number(hour), Number(minute), Number(second))) return undefined;
  const two = (part: string): string => part.padStart(2, "0");
  const parts = fraction.slice(0, 9).replace(/0+$/, "");
  const offset = zone === undefined || /^[+-]00:00$/.test(zone) ? "Z" : zone;
  const date = `${year}-${two(month)}-${two(day)}`;
  return new Time(`${date}T${two(hour)}:${two(minute)}:${two(second)}${parts && `.${parts}`}${offset}`);
}

const base60 = /^[-+]?\d[\d_]*(?::[0-5]?\d)+(?:\.[\d_]*)?$/;
const oldBooleans = new Set("y Y yes Yes YES on On ON n N no No NO off Off OFF".split(" "));

/** Whether a text stays text without quotes, for go-yaml and for older readers. */
export function isPlainText(text: string): boolean {
  return typeof resolvePlain(text) === "string" && !oldBooleans.has(text) && !base60.test(text);
}
