/** YAML byte for byte as Flux's CLI prints it (sigs.k8s.io/yaml): sorted keys, lines folded behind column 80. */
import { isLosslessNumber } from "lossless-json";

import { isPlainText, printFloat } from "./go-yaml-scalars.ts";

/** Where a value stands: that decides whether it begins on the line of its key or dash. */
type Place = "root" | "mapping" | "sequence";

interface Writer {
  readonly parts: string[];
  /** Characters on the line so far. */
  column: number;
}

const WIDTH = 80;
const INDENT = 2;
/** Bytes of a key that still stands on the line of its value. */
const SIMPLE_KEY_BYTES = 128;

/** One document that ends with a line feed. `undefined` fields are left out. */
export function printGoYaml(value: unknown): string {
  const writer: Writer = { parts: [], column: 0 };
  writeNode(writer, value, 0, "root");
  breakLine(writer, 0);
  return writer.parts.join("");
}

function writeNode(writer: Writer, value: unknown, indent: number, place: Place): void {
  if (Array.isArray(value)) writeSequence(writer, value, indent, place);
  else if (isMapping(value)) writeMapping(writer, value, indent, place);
  else writeScalar(writer, value, place === "root" ? INDENT : indent + INDENT);
}

function writeSequence(writer: Writer, items: readonly unknown[], indent: number, place: Place): void {
  if (items.length === 0) put(writer, place === "mapping" ? " []" : "[]");
  const own = place === "sequence" ? indent + INDENT : indent;
  for (const [index, item] of items.entries()) {
    if (index > 0 || place === "mapping") breakLine(writer, own);
    put(writer, "- ");
    writeNode(writer, item, own, "sequence");
  }
}

function writeMapping(writer: Writer, mapping: Mapping, indent: number, place: Place): void {
  const keys = Object.keys(mapping)
    .filter((key) => mapping[key] !== undefined)
    .sort(compareKeys);
  if (keys.length === 0) put(writer, place === "mapping" ? " {}" : "{}");
  const own = place === "root" ? 0 : indent + INDENT;
  for (const [index, key] of keys.entries()) {
    if (index > 0 || place === "mapping") breakLine(writer, own);
    writeKey(writer, key, own);
    const value = mapping[key];
    if (!Array.isArray(value) && !isMapping(value)) put(writer, " ");
    writeNode(writer, value, own, "mapping");
  }
}

/** Long keys and those of several lines get a line of their own, behind a question mark. */
function writeKey(writer: Writer, key: string, indent: number): void {
  const isSimple = Buffer.byteLength(key) <= SIMPLE_KEY_BYTES && !key.includes("\n");
  if (!isSimple) put(writer, "? ");
  writeText(writer, key, indent + INDENT, isSimple);
  if (!isSimple) breakLine(writer, indent);
  put(writer, ":");
}

function writeScalar(writer: Writer, value: unknown, indent: number): void {
  if (typeof value === "string") writeText(writer, value, indent, false);
  else if (typeof value === "number") put(writer, printFloat(value));
  else if (isLosslessNumber(value)) put(writer, value.toString());
  else put(writer, typeof value === "bigint" || typeof value === "boolean" ? String(value) : "null");
}

function writeText(writer: Writer, text: string, indent: number, isKey: boolean): void {
  const form = analyze(text);
  if (text.includes("\n") && form.block && !isKey) writeLiteral(writer, text, indent);
  else if (text.includes("\n") || !isPlainText(text)) writeDoubleQuoted(writer, text, indent, isKey);
  else if (form.plain) writeFolded(writer, text, indent, isKey, "");
  else if (form.singleQuoted) writeFolded(writer, text, indent, isKey, "'");
  else writeDoubleQuoted(writer, text, indent, isKey);
}

interface Form {
  readonly plain: boolean;
  readonly singleQuoted: boolean;
  readonly block: boolean;
}

/** In which styles the text would be read back as it is. */
function analyze(text: string): Form {
  const special = /[^\n\x20-\x7e\u00a0-\ud7ff\ue000-\ufffd]|\ufeff|[\ufffe\uffff]/.test(text);
  const spaceBeforeBreak = text.includes(" \n");
  const indicator =
    /^(?:---|\.\.\.)/.test(text) ||
    /^[#,[\]{}&*!|>'"%@`]/.test(text) ||
    /^[?:-](?:[ \t\n]|$)/.test(text) ||
    /:(?:[ \t\n]|$)/.test(text.slice(1)) ||
    /[ \t\n]#/.test(text);
  return {
    plain: !special && !indicator && !/^ | $|[\n\u2028\u2029]/.test(text),
    singleQuoted: !special && !spaceBeforeBreak && !text.includes("\n "),
    block: !special && !spaceBeforeBreak && !text.endsWith(" "),
  };
}

function writeLiteral(writer: Writer, text: string, indent: number): void {
  const hint = /^[ \n]/.test(text) ? String(INDENT) : "";
  const chomp = text.endsWith("\n") ? (/^\n$|\n\n$/.test(text) ? "+" : "") : "-";
  put(writer, `|${hint}${chomp}\n`);
  const lines = text.endsWith("\n") ? text.slice(0, -1).split("\n") : text.split("\n");
  put(writer, lines.map((line) => (line === "" ? "" : " ".repeat(indent) + line)).join("\n"));
  if (text.endsWith("\n")) put(writer, "\n");
}

/** Plain or in single quotes: a line that is already too long breaks at the next lone space. */
function writeFolded(writer: Writer, text: string, indent: number, isKey: boolean, quote: "" | "'"): void {
  put(writer, quote);
  const characters = Array.from(text);
  let behindSpace = false;
  for (const [index, character] of characters.entries()) {
    const isSpace = character === " ";
    const mayBreak = isSpace && !isKey && !behindSpace && writer.column > WIDTH && characters[index + 1] !== " ";
    if (mayBreak && (quote === "" || (index > 0 && index < characters.length - 1))) breakLine(writer, indent);
    else put(writer, quote !== "" && character === "'" ? "''" : character);
    behindSpace = isSpace;
  }
  put(writer, quote);
}

const escapes = new Map(
  Object.entries({ "\0": "0", "\x07": "a", "\b": "b", "\t": "t", "\n": "n", "\v": "v", "\f": "f", "\r": "r" }).concat(
    Object.entries({ "\x1b": "e", '"': '"', "\\": "\\", "\u0085": "N", "\u2028": "L", "\u2029": "P" }),
  ),
);

function writeDoubleQuoted(writer: Writer, text: string, indent: number, isKey: boolean): void {
  put(writer, '"');
  const characters = Array.from(text);
  let behindSpace = false;
  for (const [index, character] of characters.entries()) {
    const isSpace = character === " ";
    const isInside = index > 0 && index < characters.length - 1;
    if (isSpace && !isKey && !behindSpace && writer.column > WIDTH && isInside) {
      breakLine(writer, indent);
      if (characters[index + 1] === " ") put(writer, "\\");
    } else put(writer, escaped(character));
    behindSpace = isSpace;
  }
  put(writer, '"');
}

function escaped(character: string): string {
  const short = escapes.get(character);
  if (short !== undefined) return `\\${short}`;
  if (/^[\x20-\x7e\u00a0-\ud7ff\ue000-\ufefe\uff00-\ufffd]$/.test(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16).toUpperCase();
  if (code <= 0xff) return `\\x${hex.padStart(2, "0")}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

/** Text without line feeds, or one that ends with its last. */
function put(writer: Writer, text: string): void {
  if (text === "") return;
  writer.parts.push(text);
  const at = text.lastIndexOf("\n");
  const rest = at < 0 ? text : text.slice(at + 1);
  const length = rest.length === 1 ? 1 : Array.from(rest).length;
  writer.column = at < 0 ? writer.column + length : length;
}

function breakLine(writer: Writer, indent: number): void {
  if (writer.column > 0) writer.parts.push("\n");
  writer.parts.push(" ".repeat(indent));
  writer.column = indent;
}

type Mapping = Readonly<Record<string, unknown>>;

const isMapping = (value: unknown): value is Mapping =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !isLosslessNumber(value);

/** Letters behind everything else, runs of digits by their value (the order of go-yaml). */
export function compareKeys(a: string, b: string): number {
  const left = Array.from(a);
  const right = Array.from(b);
  for (let at = 0; at < left.length && at < right.length; at += 1) {
    const [x = "", y = ""] = [left[at], right[at]];
    if (x === y) continue;
    const [isLetterX, isLetterY] = [isLetter(x), isLetter(y)];
    if (isLetterX && isLetterY) return codeOf(x) - codeOf(y);
    if (isLetterX || isLetterY) return isLetterY ? -1 : 1;
    return compareDigits(left, right, at);
  }
  return left.length - right.length;
}

function compareDigits(left: readonly string[], right: readonly string[], at: number): number {
  // A zero within a number is no leading zero.
  const inNumber =
    (left[at] === "0" || right[at] === "0") && /[1-9]\p{Nd}*$/u.test(left.slice(0, at).join("")) ? "1" : "";
  const digits = (characters: readonly string[]) => /^\d*/.exec(characters.slice(at).join(""))?.[0] ?? "";
  const [x, y] = [digits(left), digits(right)];
  const difference = Number(inNumber + x) - Number(inNumber + y);
  if (difference !== 0) return difference;
  return x.length - y.length || codeOf(left[at] ?? "") - codeOf(right[at] ?? "");
}

const isLetter = (character: string): boolean => /^\p{L}$/u.test(character);

const codeOf = (character: string): number => character.codePointAt(0) ?? 0;
