/** Functions over text in which the library differs from cel-go: characters are code points, numbers are read strictly. */
import {
  celEnv,
  type CelFunc,
  celFunc,
  celMethod,
  CelScalar,
  celUint,
  isCelError,
  listType,
  objectType,
  parse,
  plan,
} from "@bufbuild/cel";

import { celList, type CelList, isInt } from "./value.ts";

const { BOOL, BYTES, DOUBLE, DYN, INT, STRING, UINT } = CelScalar;
const LIST = listType(DYN);
const TIMESTAMP = objectType("google.protobuf.Timestamp");

/** A string longer than this, in UTF-16 units, is refused: only a hostile expression makes one. */
export const maxTextLength = 1_000_000;

export const encoders: readonly CelFunc[] = [
  celFunc("base64.encode", [BYTES], STRING, (bytes) => Buffer.from(bytes).toString("base64")),
  celFunc("base64.decode", [STRING], BYTES, decodeBase64),
];

function decodeBase64(text: string): Uint8Array {
  const digits = text.replace(/[\r\n]/g, "").replace(/={0,2}$/, "");
  const wrong = digits.search(/[^A-Za-z0-9+/]/);
  if (wrong >= 0) throw new Error(`illegal base64 data at input byte ${wrong}`);
  if (digits.length % 4 === 1) throw new Error(`illegal base64 data at input byte ${digits.length - 1}`);
  return Uint8Array.from(Buffer.from(digits, "base64"));
}

const conversion = (to: string) => new Error(`type conversion error from 'string' to '${to}'`);

export function createConversions(): readonly CelFunc[] {
  const plain = celEnv();
  const textOf = plan(plain, parse("string(t)")) as (bindings: { t: unknown }) => unknown;
  const timestampOf = plan(plain, parse("timestamp(t)"));
  return [
    celFunc("int", [STRING], INT, (text) => {
      if (!/^[+-]?\d+$/.test(text) || !isInt(BigInt(text))) throw conversion("int");
      return BigInt(text);
    }),
    celFunc("uint", [STRING], UINT, (text) => {
      if (!/^\d+$/.test(text) || BigInt(text) >= 2n ** 64n) throw conversion("uint");
      return celUint(BigInt(text));
    }),
    celFunc("double", [STRING], DOUBLE, toDouble),
    // The library takes the seconds for milliseconds.
    celFunc("timestamp", [INT], TIMESTAMP, (seconds) => timestampOf({ t: seconds * 1000n }) as never),
    celFunc("string", [TIMESTAMP], STRING, (time) => {
      const text = textOf({ t: time });
      if (isCelError(text)) throw text;
      return String(text).replace(/(\.\d*?)0+Z$/, (_, part: string) => (part === "." ? "Z" : `${part}Z`));
    }),
    celFunc("bool", [STRING], BOOL, (text) => {
      if (/^(?:1|t|T|TRUE|true|True)$/.test(text)) return true;
      if (/^(?:0|f|F|FALSE|false|False)$/.test(text)) return false;
      throw conversion("bool");
    }),
  ];
}

function toDouble(text: string): number {
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(text);
  if (special) return special[2]?.toLowerCase() === "nan" ? NaN : special[1] === "-" ? -Infinity : Infinity;
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text)) throw conversion("double");
  return Number(text);
}

export const texts: readonly CelFunc[] = [
  celMethod("charAt", STRING, [INT], STRING, function (index) {
    const characters = Array.from(this);
    return characters[position(index, characters.length)] ?? "";
  }),
  celMethod("substring", STRING, [INT], STRING, function (from) {
    return part(this, from, undefined);
  }),
  celMethod("substring", STRING, [INT, INT], STRING, function (from, to) {
    return part(this, from, to);
  }),
  celMethod("indexOf", STRING, [STRING], INT, function (wanted) {
    return indexOf(this, wanted, 0n);
  }),
  celMethod("indexOf", STRING, [STRING, INT], INT, function (wanted, from) {
    return indexOf(this, wanted, from);
  }),
  celMethod("lastIndexOf", STRING, [STRING], INT, function (wanted) {
    return codePoints(this, this.lastIndexOf(wanted));
  }),
  celMethod("reverse", STRING, [], STRING, function () {
    return Array.from(this).reverse().join("");
  }),
  celMethod("replace", STRING, [STRING, STRING, INT], STRING, replaceFirst),
  celMethod("replace", STRING, [STRING, STRING], STRING, function (old, replacement) {
    return bounded(this.replaceAll(old, () => replacement));
  }),
  celMethod("split", STRING, [STRING], LIST, function (separator) {
    return celList(separator === "" ? Array.from(this) : this.split(separator));
  }),
  celMethod("split", STRING, [STRING, INT], LIST, splitFirst),
  celFunc("_+_", [STRING, STRING], STRING, (left, right) => bounded(left + right)),
];

function replaceFirst(this: string, old: string, replacement: string, count: bigint): string {
  if (count < 0n) return bounded(this.replaceAll(old, () => replacement));
  let left = count;
  return bounded(this.replaceAll(old, (match) => (left-- > 0n ? replacement : match)));
}

function splitFirst(this: string, separator: string, count: bigint): CelList {
  const parts = separator === "" ? Array.from(this) : this.split(separator);
  if (count < 0n || count >= BigInt(parts.length)) return celList(parts);
  if (count === 0n) return celList([]);
  const head = parts.slice(0, Number(count) - 1);
  return celList([...head, parts.slice(head.length).join(separator)]);
}

function bounded(text: string): string {
  if (text.length > maxTextLength) throw new Error(`string is longer than ${maxTextLength} characters`);
  return text;
}

/** A place in a text of that many characters, the end included. */
function position(index: bigint, length: number): number {
  if (index < 0n || index > BigInt(length)) throw new Error(`index out of range: ${index}`);
  return Number(index);
}

function part(text: string, from: bigint, to: bigint | undefined): string {
  const characters = Array.from(text);
  const start = position(from, characters.length);
  const end = to === undefined ? characters.length : position(to, characters.length);
  if (start > end) throw new Error(`invalid substring range. start: ${start}, end: ${end}`);
  return characters.slice(start, end).join("");
}

function indexOf(text: string, wanted: string, from: bigint): bigint {
  const characters = Array.from(text);
  if (from < 0n || from >= BigInt(Math.max(characters.length, 1))) throw new Error(`index out of range: ${from}`);
  return codePoints(text, text.indexOf(wanted, characters.slice(0, Number(from)).join("").length));
}

/** An offset in UTF-16 units as one in code points; -1 stays. */
const codePoints = (text: string, offset: number): bigint =>
  BigInt(offset < 0 ? offset : Array.from(text.slice(0, offset)).length);
