/** SOPS files in JSON, and binary ones, which are JSON with one text in it. Key order and whole numbers are kept. */
import { goJson } from "../go-numbers.ts";
import { findQuoteEnd } from "../quotes.ts";
import { SopsError } from "../sops-error.ts";
import { Branch, Comment, findItem, type Item, Time, type Value } from "../tree.ts";

const deepestNesting = 1000;

/** @throws SopsError (`malformed`) with the line, never with text of the file */
export function readJson(bytes: Uint8Array): Branch {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  const reader: Reader = { text, at: 0, depth: 0 };
  skipSpace(reader);
  if (text[reader.at] !== "{") throw failure(reader, "a JSON file of SOPS begins with an object");
  const branch = readObject(reader);
  skipSpace(reader);
  if (reader.at < text.length) throw failure(reader, "there is something behind the object");
  return branch;
}

interface Reader {
  readonly text: string;
  at: number;
  depth: number;
}

function failure({ text, at }: Reader, message: string): SopsError {
  return new SopsError("malformed", `line ${text.slice(0, at).split("\n").length}: ${message}`);
}

function skipSpace(reader: Reader): void {
  const { text } = reader;
  for (; reader.at < text.length; reader.at += 1) {
    const code = text.charCodeAt(reader.at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
  }
}

function readObject(reader: Reader): Branch {
  const items: Item[] = [];
  readList(reader, "}", () => {
    if (reader.text[reader.at] !== '"') throw failure(reader, "the name of a field is expected");
    const key = readString(reader);
    skipSpace(reader);
    if (reader.text[reader.at] !== ":") throw failure(reader, "a colon is expected");
    reader.at += 1;
    skipSpace(reader);
    items.push({ key, value: readValue(reader) });
  });
  return new Branch(items);
}

function readArray(reader: Reader): Value[] {
  const values: Value[] = [];
  readList(reader, "]", () => values.push(readValue(reader)));
  return values;
}

/** From behind the opening bracket to behind the closing one. */
function readList(reader: Reader, end: string, readEntry: () => unknown): void {
  reader.depth += 1;
  if (reader.depth > deepestNesting) throw failure(reader, `more than ${deepestNesting} levels of nesting`);
  reader.at += 1;
  skipSpace(reader);
  for (let first = true; reader.text[reader.at] !== end; first = false) {
    if (!first) {
      if (reader.text[reader.at] !== ",") throw failure(reader, "a comma or a closing bracket is expected");
      reader.at += 1;
      skipSpace(reader);
    }
    readEntry();
    skipSpace(reader);
  }
  reader.at += 1;
  reader.depth -= 1;
}

function readValue(reader: Reader): Value {
  switch (reader.text[reader.at]) {
    case '"':
      return readString(reader);
    case "{":
      return readObject(reader);
    case "[":
      return readArray(reader);
    default:
      return readWord(reader);
  }
}

const control = /[^ -\uffff]/;

function readString(reader: Reader): string {
  const end = findQuoteEnd(reader.text, reader.at);
  const literal = end < 0 ? "" : reader.text.slice(reader.at, end);
  if (literal === "" || control.test(literal))
    throw failure(reader, "a text does not end, or holds a control character");
  try {
    const text = literal.includes("\\")
      ? (JSON.parse(literal) as string).replace(/\p{Surrogate}/gu, "\ufffd")
      : literal.slice(1, -1);
    reader.at += literal.length;
    return text;
  } catch {
    // The message of JSON.parse quotes its input.
    throw failure(reader, "a text holds an escape that JSON does not know");
  }
}

const word = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y;
const limit = 2n ** 63n;

function readWord(reader: Reader): Value {
  word.lastIndex = reader.at;
  const text = word.exec(reader.text)?.[0];
  if (text === undefined) throw failure(reader, "a value is expected");
  reader.at += text.length;
  if (text === "null") return null;
  if (text === "true" || text === "false") return text === "true";
  if (/^-?\d{1,19}$/.test(text)) {
    const whole = BigInt(text);
    if (whole >= -limit && whole < limit) return whole;
  }
  const number = Number(text);
  if (!Number.isFinite(number)) throw failure(reader, "a number is too large");
  return number;
}

/** As Go's encoding/json, indented by tabs, with a line feed at the end. Comments have no place in JSON. */
export function writeJson(branch: Branch): Uint8Array {
  const parts: string[] = [];
  writeValue(parts, branch, "\n");
  parts.push("\n");
  return Buffer.from(parts.join(""));
}

/** The text of a binary file. @throws SopsError (`malformed`) when the file holds none */
export function writeBinary(branch: Branch): Uint8Array {
  const content = findItem(branch, "data");
  if (typeof content === "string") return Buffer.from(content);
  if (content instanceof Uint8Array) return content;
  throw new SopsError("malformed", "the file holds no binary content: there is no text under the key data");
}

function writeValue(parts: string[], value: Value, line: string): void {
  if (value instanceof Branch) {
    const items = value.items.filter(({ key }) => key !== undefined);
    writeEntries(parts, items, { open: "{", close: "}", line }, (item, inner) => {
      parts.push(goJsonText(item.key ?? ""), ": ");
      writeValue(parts, item.value, inner);
    });
  } else if (Array.isArray(value)) {
    const values = value.filter((item) => !(item instanceof Comment));
    writeEntries(parts, values, { open: "[", close: "]", line }, (item, inner) => writeValue(parts, item, inner));
  } else parts.push(scalar(value));
}

interface Brackets {
  readonly open: string;
  readonly close: string;
  readonly line: string;
}

function writeEntries<T>(
  parts: string[],
  entries: readonly T[],
  { open, close, line }: Brackets,
  write: (entry: T, line: string) => void,
): void {
  parts.push(open);
  for (const [index, entry] of entries.entries()) {
    parts.push(index > 0 ? "," : "", `${line}\t`);
    write(entry, `${line}\t`);
  }
  parts.push(entries.length > 0 ? line : "", close);
}

function scalar(value: string | Uint8Array | bigint | number | boolean | null | Time | Comment): string {
  if (typeof value === "string") return goJsonText(value);
  if (typeof value === "number") return finite(value);
  if (value instanceof Uint8Array)
    return goJsonText(Buffer.from(value).toString("utf8")).replaceAll("\ufffd", "\\ufffd");
  if (value instanceof Time) return goJsonText(value.rfc3339);
  if (value instanceof Comment) return goJsonText(value.text);
  return String(value);
}

function finite(value: number): string {
  if (!Number.isFinite(value))
    throw new SopsError("malformed", "a number is infinite or none: JSON has no such numbers");
  return goJson(value);
}

const special = /[<>&\u2028\u2029]/g;

/** A text as encoding/json writes it, which keeps it harmless within HTML. */
function goJsonText(text: string): string {
  return JSON.stringify(text).replace(
    special,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
