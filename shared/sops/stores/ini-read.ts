/** SOPS files in INI, read as the Go library ini.v1 reads them: quotes, continued lines and comments included. */
import { unflatten } from "../flatten.ts";
import { SopsError } from "../sops-error.ts";
import { Branch, Comment, type Item } from "../tree.ts";
import type { StoredFile } from "./store.ts";

const metadataSection = "sops";

/** @throws SopsError (`malformed`) with the line */
export function readIni(bytes: Uint8Array): StoredFile {
  const sections = parse(new TextDecoder("utf-8").decode(bytes));
  const own = sections.filter(({ name }) => name === metadataSection);
  const flat = own[0] && [...own[0].keys].map(([name, { value }]) => [name, value.replaceAll("\\n", "\n")] as const);
  const content = sections.filter(({ name }) => name !== metadataSection);
  return { branches: [new Branch(content.map(itemOf))], metadata: flat && unflatten(flat) };
}

interface Section {
  readonly name: string;
  comment: string;
  readonly keys: Map<string, { value: string; comment: string }>;
}

/** A section's comment comes first in it; a key's comment follows its key, although it stands before it. */
function itemOf(section: Section): Item {
  const items: Item[] = commentItems(section.comment);
  for (const [key, { value, comment }] of section.keys) items.push({ key, value }, ...commentItems(comment));
  return { key: section.name, value: new Branch(items) };
}

function commentItems(comment: string): Item[] {
  if (comment === "") return [];
  const marker = comment.startsWith(";") ? /^[; ]+/ : /^[# ]+/;
  return [{ key: undefined, value: new Comment(/^[;#]/.test(comment) ? comment.replace(marker, "") : comment) }];
}

interface Reader {
  readonly lines: readonly string[];
  at: number;
  comment: string;
  /** Of keys named `-`, which are numbered. */
  count: number;
}

function parse(text: string): readonly Section[] {
  const reader: Reader = { lines: text.split("\n"), at: 0, comment: "", count: 1 };
  let section: Section = { name: "DEFAULT", comment: "", keys: new Map() };
  const sections = [section];
  while (reader.at < reader.lines.length) {
    const line = nextLine(reader).trimStart();
    if (line === "") continue;
    if (/^[#;]/.test(line)) reader.comment += `${line}\n`;
    else if (line.startsWith("[")) {
      section = readHeader(reader, line);
      sections.push(section);
    } else readKey(reader, line, section);
  }
  return sections;
}

function nextLine(reader: Reader): string {
  const line = reader.lines[reader.at] ?? "";
  reader.at += 1;
  return line;
}

const failure = (reader: Reader, message: string): SopsError =>
  new SopsError("malformed", `line ${reader.at}: ${message}`);

function takeComment(reader: Reader): string {
  const comment = reader.comment.trim();
  reader.comment = "";
  return comment;
}

function readHeader(reader: Reader, line: string): Section {
  const end = line.lastIndexOf("]");
  if (end <= 1) throw failure(reader, "the name of a section is empty or does not end");
  reader.comment += commentIn(line.slice(end + 1));
  reader.count = 1;
  return { name: line.slice(1, end), comment: takeComment(reader), keys: new Map() };
}

const commentIn = (text: string): string => /[#;][^]*/.exec(text)?.[0] ?? "";

function readKey(reader: Reader, line: string, section: Section): void {
  const { name, rest } = readName(reader, line);
  const value = readValue(reader, rest);
  const key = name === "-" ? `#${reader.count}` : name;
  if (key === "") throw failure(reader, "the name of a key is empty");
  if (name === "-") reader.count += 1;
  section.keys.set(key, { value, comment: takeComment(reader) });
}

function readName(reader: Reader, line: string): { readonly name: string; readonly rest: string } {
  const quote = line.length > 6 && line.startsWith('"""') ? '"""' : (/^["`]/.exec(line)?.[0] ?? "");
  const end = quote === "" ? 0 : line.indexOf(quote, quote.length);
  if (end < 0) throw failure(reader, "the quotes around a key do not end");
  const delimiter = /[=:]/.exec(line.slice(end + quote.length));
  if (!delimiter) throw failure(reader, "there is no equals sign or colon");
  const at = end + quote.length + delimiter.index;
  const name = quote === "" ? line.slice(0, at) : line.slice(quote.length, end);
  return { name: name.trim(), rest: line.slice(at + 1) };
}

function readValue(reader: Reader, text: string): string {
  const line = text.trimStart();
  if (line === "") return "";
  const quote = line.length > 3 && line.startsWith('"""') ? '"""' : line.startsWith("`") ? "`" : "";
  if (quote !== "") {
    const end = line.slice(quote.length).lastIndexOf(quote);
    return end < 0 ? readQuotedLines(reader, line.slice(quote.length), quote) : line.slice(quote.length).slice(0, end);
  }
  const trimmed = line.trimEnd();
  if (trimmed.endsWith("\\")) return readContinuedLines(reader, trimmed.slice(0, -1));
  const comment = commentIn(trimmed);
  reader.comment += comment;
  return withoutQuotes(trimmed.slice(0, trimmed.length - comment.length).trim());
}

function readQuotedLines(reader: Reader, first: string, quote: string): string {
  const parts = [`${first}\n`];
  while (reader.at < reader.lines.length) {
    const line = nextLine(reader);
    const end = line.lastIndexOf(quote);
    if (end < 0) {
      parts.push(`${line}\n`);
      continue;
    }
    reader.comment += commentIn(line.slice(end)).trim();
    return parts.join("") + line.slice(0, end);
  }
  throw failure(reader, "a value in quotes does not end");
}

function readContinuedLines(reader: Reader, first: string): string {
  let value = first;
  while (reader.at < reader.lines.length) {
    const line = nextLine(reader).trim();
    value += line;
    if (line === "" || !value.endsWith("\\")) return value;
    value = value.slice(0, -1);
  }
  return value;
}

function withoutQuotes(text: string): string {
  const quote = /^['"]/.exec(text)?.[0];
  return quote !== undefined && text.length >= 2 && text.indexOf(quote, 1) === text.length - 1
    ? text.slice(1, -1)
    : text;
}
