/** What `${name<operator>…}` makes of a value, as Flux does it, which is not always what Bash does. */
import { type ByteText, mapRunes, runeAt, splitRunes } from "./byte-text.ts";
import { trimPrefix, trimSuffix } from "./glob.ts";

type Operator = (value: ByteText, operands: readonly ByteText[]) => ByteText;

/** `+` and `?` give the default too: there is neither an alternative value nor an error message. */
const orDefault: Operator = (value, operands) => (value === "" ? operands.join("") : value);

const trimming =
  (trim: typeof trimPrefix, which: "shortest" | "longest"): Operator =>
  (value, [pattern]) =>
    pattern === undefined ? value : trim(value, pattern, which);

const operators: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  [",", (value) => onFirstRune(value, lower)],
  [",,", (value) => mapRunes(value, lower)],
  ["^", (value) => onFirstRune(value, upper)],
  ["^^", (value) => mapRunes(value, upper)],
  [":", substring],
  ["#", trimming(trimPrefix, "shortest")],
  ["##", trimming(trimPrefix, "longest")],
  ["%", trimming(trimSuffix, "shortest")],
  ["%%", trimming(trimSuffix, "longest")],
  ["/", (value, [old = "", replacement = ""]) => replaceFirst(value, old, replacement)],
  ["//", (value, [old = "", replacement = ""]) => replaceAll(value, old, replacement)],
  ["/#", replacePrefix],
  ["/%", replaceSuffix],
]);

const tolerant = new Set(["-", "+", "=", "?", ":-", ":+", ":=", ":?"]);

/** Whether the operator has an answer for a variable that is not set. */
export const toleratesUnset = (operator: string): boolean => tolerant.has(operator);

/** Of an operator that nobody knows, such as `,^`, nothing is left but the value. */
export function applyOperator(operator: string, value: ByteText, operands: readonly ByteText[]): ByteText {
  if (operator === "#" && operands.length === 0) return String(value.length);
  return (operators.get(operator) ?? orDefault)(value, operands);
}

function onFirstRune(value: ByteText, map: (character: string) => string): ByteText {
  const first = runeAt(value, 0);
  return mapRunes(first, map) + value.slice(first.length);
}

const oneCharacter = /^.$/su;

/** One character becomes one character: no `SS` of `ß`, no dot beside an `i`, no final sigma. */
function upper(character: string): string {
  const mapped = character.toUpperCase();
  return oneCharacter.test(mapped) ? mapped : iotaUpper(character);
}

function lower(character: string): string {
  const mapped = character.toLowerCase();
  return oneCharacter.test(mapped) ? mapped : mapped.charAt(0);
}

/** Greek letters with an iota below have capitals of their own, eight or nine places on. */
function iotaUpper(character: string): string {
  const codePoint = character.codePointAt(0) ?? 0;
  const capitals = [8, 9].map((distance) => String.fromCodePoint(codePoint + distance));
  return capitals.find((capital) => capital.toLowerCase() === character) ?? character;
}

/** Offsets that are no numbers leave the value as it is: so does `${name: -1}`, for the space. */
function substring(value: ByteText, operands: readonly ByteText[]): ByteText {
  const [position, length] = operands.map(parseInteger);
  if (position === undefined) return value;
  const start = position < 0 ? Math.max(0, value.length + position) : position;
  if (operands.length === 1) return value.slice(start);
  if (length === undefined) return value;
  const end = length < 0 ? value.length + length : start + length;
  return end < start ? "" : value.slice(start, end);
}

/** A 64-bit integer as `strconv.Atoi` reads it. What a double rounds lies behind every end. */
function parseInteger(text: ByteText): number | undefined {
  if (!/^[+-]?[0-9]+$/.test(text)) return undefined;
  const value = BigInt(text.replace("+", ""));
  return BigInt.asIntN(64, value) === value ? Number(value) : undefined;
}

/** An empty text stands before every character and at the end. */
function replaceAll(value: ByteText, old: ByteText, replacement: ByteText): ByteText {
  if (old !== "") return value.split(old).join(replacement);
  return ["", ...splitRunes(value), ""].join(replacement);
}

function replaceFirst(value: ByteText, old: ByteText, replacement: ByteText): ByteText {
  const at = value.indexOf(old);
  return at < 0 ? value : value.slice(0, at) + replacement + value.slice(at + old.length);
}

/** Without a replacement nothing is replaced, unlike in `${name/old}`. */
function replacePrefix(value: ByteText, [old, replacement]: readonly ByteText[]): ByteText {
  if (old === undefined || replacement === undefined || !value.startsWith(old)) return value;
  return replacement + value.slice(old.length);
}

function replaceSuffix(value: ByteText, [old, replacement]: readonly ByteText[]): ByteText {
  if (old === undefined || replacement === undefined || !value.endsWith(old)) return value;
  return value.slice(0, value.length - old.length) + replacement;
}
