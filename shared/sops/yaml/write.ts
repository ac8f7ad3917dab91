/** YAML byte for byte as SOPS prints it: go-yaml v3, four spaces, nothing folded, comments as heads and feet. */
import { Branch, Comment, type Item, type Value } from "../tree.ts";
import { type Printed, printScalar } from "./scalars.ts";

const step = 4;

/** The next stop: within an item of a list, whose content stands two columns in, that is only two more. */
const deeper = (indent: number): number => step * Math.floor((indent + step) / step);

/** Documents with `---` between them. */
export function writeYaml(branches: readonly Branch[]): Uint8Array {
  return Buffer.from(branches.map(printDocument).join("---\n"));
}

function printDocument(branch: Branch): string {
  const lines: string[] = [];
  const comments = commentsOf(branch.items);
  if (comments) {
    lines.push(...comments.map((text) => `#${text}`), "{}");
  } else if (branch.items.length === 0) lines.push("{}");
  else writeMapping(lines, branch, { indent: 0, lead: "" });
  return `${lines.join("\n")}\n`;
}

/** Where a container begins: its first line may stand behind a dash. */
interface Place {
  readonly indent: number;
  /** What is on the first line already. */
  readonly lead: string;
}

const pad = (indent: number): string => " ".repeat(indent);

/** The comments of a branch that holds nothing else. */
function commentsOf(items: readonly Item[]): readonly string[] | undefined {
  if (items.length === 0) return undefined;
  const texts = items.map((item) => (item.key === undefined ? item.value.text : undefined));
  return texts.every((text) => text !== undefined) ? texts : undefined;
}

function writeMapping(lines: string[], branch: Branch, { indent, lead }: Place): void {
  let head = lead;
  const writeLine = (text: string): void => {
    lines.push((head === "" ? pad(indent) : head) + text);
    head = "";
  };
  let inline: string | undefined;
  for (const item of branch.items) {
    if (item.key === undefined) {
      if (item.value.isInline) inline = item.value.text;
      else writeLine(`#${item.value.text}`);
      continue;
    }
    writeEntry(lines, item.key, item.value, { indent, writeLine, inline });
    inline = undefined;
  }
}

interface Line {
  readonly indent: number;
  readonly writeLine: (text: string) => void;
  readonly inline: string | undefined;
}

/** Longer keys, and those of several lines, stand behind a question mark. */
const simpleKeyBytes = 128;

function writeEntry(lines: string[], key: string, value: Value, { indent, writeLine, inline }: Line): void {
  const isSimple = Buffer.byteLength(key) <= simpleKeyBytes && !/[\r\n\u0085\u2028\u2029]/.test(key);
  const name = printScalar(key, { indent: deeper(indent), isKey: isSimple });
  if (!isSimple) {
    writeLine(`? ${name.text}`);
    lines.push(...name.rest);
  }
  const start = isSimple ? `${name.text}:` : ":";
  const write = isSimple ? writeLine : (text: string) => lines.push(pad(indent) + text);
  const behind = inline === undefined ? "" : ` #${inline}`;
  if (isBlock(value)) {
    const inner = deeper(indent);
    // Behind a lone colon a container begins on the same line.
    if (isSimple) write(start + behind);
    writeNested(lines, value, { indent: inner, lead: isSimple ? "" : `${pad(indent)}:${pad(inner - indent - 1)}` });
    return;
  }
  const printed =
    Array.isArray(value) || value instanceof Branch ? emptyOf(value, indent) : printLeaf(value, deeper(indent));
  write(`${start} ${printed.text}${behind}`);
  lines.push(...printed.rest);
}

function printLeaf(value: Exclude<Value, Branch | Value[]>, indent: number): Printed {
  return printScalar(value instanceof Comment ? value.text : value, { indent, isKey: false });
}

/** Containers with something in them, be it a comment. */
const isBlock = (value: Value): value is Branch | Value[] =>
  value instanceof Branch
    ? value.items.some(({ key }) => key !== undefined)
    : Array.isArray(value) && value.some((item) => !(item instanceof Comment));

/** Comments in an empty mapping break it open, those of an empty list slip out behind it. */
function emptyOf(value: Branch | readonly Value[], indent: number): Printed {
  const own = value instanceof Branch ? value.items.map((item) => item.value) : value;
  const comments = own.flatMap((item) => (item instanceof Comment ? [item.text] : []));
  if (!(value instanceof Branch)) return { text: "[]", rest: comments.map((text) => `${pad(indent)}#${text}`) };
  if (comments.length === 0) return { text: "{}", rest: [] };
  return { text: "{", rest: [...comments.map((text) => `${pad(deeper(indent))}#${text}`), "}"] };
}

function writeNested(lines: string[], value: Branch | Value[], place: Place): void {
  if (value instanceof Branch) writeMapping(lines, value, place);
  else writeSequence(lines, value, place);
}

function writeSequence(lines: string[], values: readonly Value[], { indent, lead }: Place): void {
  let head = lead;
  let inline: string | undefined;
  const begin = (text: string): string => {
    const line = (head === "" ? pad(indent) : head) + text;
    head = "";
    return line;
  };
  for (const value of values) {
    if (value instanceof Comment) {
      if (value.isInline) inline = value.text;
      else lines.push(begin(`#${value.text}`));
      continue;
    }
    const { comments, rest } = splitHead(value);
    for (const text of comments) lines.push(begin(`#${text}`));
    writeItem(lines, rest, { indent: indent + 2, lead: begin("- ") }, inline);
    inline = undefined;
  }
}

/** What an item of a list begins with are comments of the item: they stand in front of its dash. */
function splitHead(value: Value): { readonly comments: readonly string[]; readonly rest: Value } {
  if (value instanceof Branch && isBlock(value)) {
    const end = value.items.findIndex(({ key, value: own }) => key !== undefined || own.isInline);
    const comments = value.items.slice(0, end).flatMap((item) => (item.key === undefined ? [item.value.text] : []));
    return { comments, rest: new Branch(value.items.slice(end)) };
  }
  if (!Array.isArray(value) || !isBlock(value)) return { comments: [], rest: value };
  const end = value.findIndex((item) => !(item instanceof Comment) || item.isInline);
  const comments = value.slice(0, end).flatMap((item) => (item instanceof Comment ? [item.text] : []));
  return { comments, rest: value.slice(end) };
}

function writeItem(lines: string[], value: Value, { indent, lead }: Place, inline: string | undefined): void {
  const behind = inline === undefined ? "" : ` #${inline}`;
  if (value instanceof Branch && isBlock(value)) writeMapping(lines, value, { indent, lead });
  else if (Array.isArray(value) && isBlock(value)) writeSequence(lines, value, { indent, lead });
  else {
    const printed = Array.isArray(value) || value instanceof Branch ? emptyOf(value, indent) : printLeaf(value, indent);
    lines.push(`${lead}${printed.text}${behind}`, ...printed.rest);
  }
}
