/**
 * Reads the YAML that SOPS prints: block mappings and lists, scalars on one line or literal, comments. Whatever
 * else it meets makes it give up, so that what it does read is never a guess.
 */
import { SopsError } from "../sops-error.ts";
import { Branch, Comment, type Item, type Value } from "../tree.ts";
import { resolvePlain } from "./resolve.ts";
import { findValueEnd, unquoteDouble } from "./scan.ts";

/** `undefined` for YAML of another form, right or wrong. @throws SopsError (`malformed`) with the line */
export function readRegularYaml(text: string): readonly Branch[] | undefined {
  // Tabs, carriage returns and line separators mean things of their own; directives and anchors are not SOPS'.
  if (/[^\n\P{Cc}]|[\u2028\u2029\ufeff]|^(?:%|\.\.\.)/mu.test(text)) return undefined;
  const reader: Reader = {
    lines: text.split("\n"),
    at: -1,
    indent: -1,
    content: "",
    comments: [],
    depth: 0,
    isInnermost: true,
  };
  try {
    return readDocuments(reader);
  } catch (error) {
    if (error instanceof Irregular) return undefined;
    throw error;
  }
}

class Irregular extends Error {}

interface PendingComment {
  readonly column: number;
  readonly text: string;
  readonly line: number;
}

interface Reader {
  readonly lines: readonly string[];
  at: number;
  /** Of the content below the cursor; -1 at the end of the document. */
  indent: number;
  content: string;
  /** Between the last content and the one below the cursor. */
  comments: PendingComment[];
  depth: number;
  /** Until the level that holds the last content has taken its comments. */
  isInnermost: boolean;
}

const deepestNesting = 200;

function readDocuments(reader: Reader): readonly Branch[] {
  const branches: Branch[] = [];
  advance(reader);
  const begins = isSeparator(reader);
  if (reader.at >= reader.lines.length && reader.comments.length === 0) return branches;
  if (!begins) branches.push(readDocument(reader));
  while (isSeparator(reader)) {
    if (reader.comments.length > 0 && branches.length === 0) throw new Irregular();
    reader.comments = [];
    advance(reader);
    branches.push(readDocument(reader));
  }
  if (reader.at < reader.lines.length) throw new Irregular();
  return branches;
}

const isSeparator = (reader: Reader): boolean => reader.lines[reader.at] === "---";

function readDocument(reader: Reader): Branch {
  if (reader.indent < 0) return new Branch(takeComments(reader, 0));
  if (reader.indent > 0 || isDash(reader.content)) throw new Irregular();
  return readMapping(reader, 0);
}

/** To the next line with content, gathering comments. The end of a document is content of indent -1. */
function advance(reader: Reader): void {
  reader.isInnermost = true;
  for (;;) {
    reader.at += 1;
    const line = reader.lines[reader.at];
    if (line === undefined || line === "---") {
      reader.indent = -1;
      reader.content = "";
      return;
    }
    const indent = indentOf(line);
    if (indent === line.length) continue;
    if (line.charCodeAt(indent) !== 0x23) {
      if (line.startsWith("--- ")) throw new Irregular();
      reader.indent = indent;
      reader.content = line.slice(indent);
      return;
    }
    reader.comments.push({ column: indent, text: line.slice(indent + 1), line: reader.at });
  }
}

function indentOf(line: string): number {
  let indent = 0;
  while (line.charCodeAt(indent) === 0x20) indent += 1;
  return indent;
}

const isDash = (content: string): boolean => content === "-" || content.startsWith("- ");

const comment = (text: string): Item => ({ key: undefined, value: new Comment(text) });

/** What belongs to a level that ends: go-yaml goes by columns, and by empty lines where it changes its mind. */
function takeLast(reader: Reader, indent: number): Item[] {
  const first = reader.comments[0];
  const isInnermost = reader.isInnermost;
  reader.isInnermost = false;
  if (!isInnermost || !first || first.column >= indent || reader.indent < 0) return takeComments(reader, indent);
  const change = reader.comments.findIndex(({ column }) => column !== first.column);
  const end = change < 0 ? reader.comments.length : change;
  const last = reader.comments[end - 1] ?? first;
  const isFoot = reader.lines[first.line - 1]?.trim() !== "" && reader.lines[last.line + 1]?.trim() === "";
  if (isFoot || (change < 0 && first.column === reader.indent)) return takeComments(reader, indent);
  // A comment between the columns of what stands before and behind it stays with what stands before.
  return reader.comments.splice(0, end).map(({ text }) => comment(text));
}

/** Those in front of the first that stands left of a level's indent: they belong to the level. */
function takeComments(reader: Reader, indent: number): Item[] {
  const end = reader.comments.findIndex(({ column }) => column < indent);
  const taken = reader.comments.splice(0, end < 0 ? reader.comments.length : end);
  return taken.map(({ text }) => comment(text));
}

function readMapping(reader: Reader, indent: number): Branch {
  const items: Item[] = [];
  const names = new Set<string>();
  while (reader.indent === indent && !isDash(reader.content)) {
    items.push(...takeComments(reader, 0));
    const { key, rest } = readKey(reader);
    if (names.has(key)) throw failure(reader, "the same key stands twice in a mapping");
    names.add(key);
    readEntry(reader, { key, rest, indent, items });
  }
  if (reader.indent > indent) throw new Irregular();
  items.push(...takeLast(reader, indent));
  return new Branch(items);
}

interface Entry {
  readonly key: string;
  readonly rest: string;
  readonly indent: number;
  readonly items: Item[];
}

function readEntry(reader: Reader, { key, rest, indent, items }: Entry): void {
  if (rest === "" || rest.startsWith("#")) {
    if (rest !== "") items.push(comment(rest.slice(1)));
    advance(reader);
    items.push({ key, value: readNested(reader, indent, true) });
    return;
  }
  const { value, line } = readInline(reader, rest, indent);
  if (line === undefined) items.push({ key, value });
  else if (value instanceof Branch) items.push({ key, value: new Branch([comment(line)]) });
  else if (Array.isArray(value)) items.push({ key, value: [new Comment(line)] });
  else items.push({ key: undefined, value: new Comment(line, true) }, { key, value });
}

/** What follows a key or dash on its own lines; nothing means null. */
function readNested(reader: Reader, indent: number, isValueOfKey: boolean): Value {
  const isList = isDash(reader.content);
  const isDeeper = reader.indent > indent || (isValueOfKey && isList && reader.indent === indent);
  if (!isDeeper) return null;
  reader.depth += 1;
  if (reader.depth > deepestNesting) throw new Irregular();
  const own = reader.indent;
  const value = isList ? readSequence(reader, own, isValueOfKey && own === indent) : readMappingOnly(reader, own);
  reader.depth -= 1;
  return value;
}

/** A scalar on a line of its own is nothing that SOPS prints. */
function readMappingOnly(reader: Reader, indent: number): Branch {
  if (findKeyEnd(reader.content) < 0) throw new Irregular();
  return readMapping(reader, indent);
}

function readSequence(reader: Reader, indent: number, isIndentless: boolean): Value[] {
  const values: Value[] = [];
  while (reader.indent === indent && isDash(reader.content)) {
    values.push(...takeComments(reader, 0).map(({ value }) => value));
    readItem(reader, indent, values);
  }
  if (reader.indent > indent || (reader.indent === indent && !isIndentless)) throw new Irregular();
  const foot = isIndentless && reader.indent === indent ? takeFoot(reader) : takeLast(reader, indent);
  values.push(...foot.map(({ value }) => value));
  return values;
}

/** Comments right below the last item that an empty line sets apart from what follows. */
function takeFoot(reader: Reader): Item[] {
  const first = reader.comments[0]?.line ?? 0;
  let end = 0;
  while (reader.comments[end]?.line === first + end) end += 1;
  const isDirect = reader.lines[first - 1]?.trim() !== "";
  const isApart = reader.lines[first + end]?.trim() === "";
  return isDirect && isApart ? reader.comments.splice(0, end).map(({ text }) => comment(text)) : [];
}

function readItem(reader: Reader, indent: number, values: Value[]): void {
  const rest = reader.content.slice(1);
  const text = rest.trimStart();
  if (text === "" || text.startsWith("#")) {
    if (text !== "") throw new Irregular();
    advance(reader);
    values.push(readNested(reader, indent, false));
    return;
  }
  if (isDash(text) || findKeyEnd(text) >= 0) {
    reader.indent = indent + 1 + rest.length - text.length;
    reader.content = text;
    values.push(readNested(reader, indent, false));
    return;
  }
  const { value, line } = readInline(reader, text, indent);
  if (line !== undefined) values.push(new Comment(line, true));
  values.push(value);
}

/** Where the colon of a key is; -1 when the content is no key. */
function findKeyEnd(content: string): number {
  const first = content.charCodeAt(0);
  if (first === 0x22 || first === 0x27) {
    const end = findValueEnd(content);
    return end > 0 && /^:(?: |$)/.test(content.slice(end, end + 2)) ? end : -1;
  }
  const end = content.search(/:(?: |$)/);
  return end;
}

function readKey(reader: Reader): { readonly key: string; readonly rest: string } {
  const { content } = reader;
  const end = findKeyEnd(content);
  if (end <= 0) throw new Irregular();
  const text = content.slice(0, end);
  const rest = content.slice(end + 1).trimStart();
  if (text.startsWith('"')) return { key: unquoted(text), rest };
  if (text.startsWith("'")) return { key: text.slice(1, -1).replaceAll("''", "'"), rest };
  if (!isPlain(text) || text.endsWith(" ")) throw new Irregular();
  if (typeof resolvePlain(text) !== "string") throw failure(reader, "a key is not a text: SOPS needs quotes around it");
  return { key: text, rest };
}

const isPlain = (text: string): boolean =>
  !/^[,[\]{}#&*!|>'"%@`]|^[-?:](?: |$)| #|: |:$/.test(text) && text !== "---" && text !== "<<";

function unquoted(text: string): string {
  const value = unquoteDouble(text);
  if (value === undefined) throw new Irregular();
  return value;
}

interface Inline {
  readonly value: Value;
  /** The comment on the same line. */
  readonly line: string | undefined;
}

function readInline(reader: Reader, text: string, indent: number): Inline {
  if (text.startsWith("|")) return readLiteral(reader, text, indent);
  const end = findValueEnd(text);
  const scalar = text.slice(0, end);
  const behind = text.slice(end).trimStart();
  if (end < 0 || (behind !== "" && (!behind.startsWith("#") || !/\s/.test(text.charAt(end))))) throw new Irregular();
  const value = scalarOf(reader, scalar);
  advance(reader);
  // What is indented deeper would go on with the scalar.
  if (reader.indent > indent) throw new Irregular();
  return { value, line: behind === "" ? undefined : behind.slice(1) };
}

function scalarOf(reader: Reader, text: string): Value {
  if (text.startsWith('"')) return unquoted(text);
  if (text.startsWith("'")) return text.slice(1, -1).replaceAll("''", "'");
  if (text === "{}") return new Branch([]);
  if (text === "[]") return [];
  if (!isPlain(text)) throw new Irregular();
  const value = resolvePlain(text);
  if (typeof value === "bigint" && value >= 2n ** 63n)
    throw failure(reader, "a whole number does not fit 64 bits, and SOPS cannot read it");
  return value;
}

function readLiteral(reader: Reader, header: string, indent: number): Inline {
  const [, hint = "", chomp = "", hintBehind = "", line] = /^\|([1-9])?([+-])?([1-9])?(?: +#(.*))?$/.exec(header) ?? [];
  if (!/^\|[1-9]?[+-]?[1-9]?(?: +#.*)?$/.test(header) || (hint !== "" && hintBehind !== "")) throw new Irregular();
  const given = Number(hint || hintBehind || "0");
  const lines = literalLines(reader, indent, given);
  const kept = chomp === "+" ? lines : lines.slice(0, lines.findLastIndex((text) => text !== "") + 1);
  // At the end of a file that lacks its last line feed, the text lacks it too.
  const isCut = reader.at === reader.lines.length && reader.lines.at(-1) !== "";
  const value = kept.length === 0 ? "" : kept.join("\n") + (chomp === "-" || isCut ? "" : "\n");
  reader.at -= 1;
  advance(reader);
  if (reader.indent > indent) throw new Irregular();
  return { value, line };
}

/** Leaves the cursor on the line behind the block. */
function literalLines(reader: Reader, indent: number, given: number): string[] {
  const lines: string[] = [];
  let own = given === 0 ? 0 : indent + given;
  for (reader.at += 1; reader.at < reader.lines.length; reader.at += 1) {
    const line = reader.lines[reader.at] ?? "";
    const spaces = indentOf(line);
    const isEmpty = spaces === line.length;
    if (own === 0 && !isEmpty && spaces > indent) own = spaces;
    if (!isEmpty && (own === 0 || spaces < own)) {
      if (spaces > indent) throw new Irregular();
      break;
    }
    if (isEmpty && own === 0 && spaces > indent + 1) throw new Irregular();
    if (isEmpty && reader.at === reader.lines.length - 1) continue;
    lines.push(isEmpty && spaces <= own ? "" : line.slice(own));
  }
  return lines;
}

const failure = (reader: Reader, message: string): SopsError =>
  new SopsError("malformed", `line ${reader.at + 1}: ${message}`);
