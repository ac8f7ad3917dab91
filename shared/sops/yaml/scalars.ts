/** One scalar as go-yaml v3 prints it: plain, in quotes, or as a literal block. */
import { goGeneral } from "../go-numbers.ts";
import { Time } from "../tree.ts";
import { isPlainText } from "./resolve.ts";

export interface Printed {
  /** On the line of the key or dash. */
  readonly text: string;
  /** The lines of a block. */
  readonly rest: readonly string[];
}

export interface Where {
  /** Of the lines of a block. */
  readonly indent: number;
  readonly isKey: boolean;
}

const line = (text: string): Printed => ({ text, rest: [] });

export function printScalar(
  value: string | Uint8Array | bigint | number | boolean | null | Time,
  where: Where,
): Printed {
  if (typeof value === "string") return printText(value, where);
  if (value instanceof Uint8Array) return printBinary(value, where);
  if (typeof value === "number") return line(printFloat(value));
  return line(value instanceof Time ? value.rfc3339 : String(value));
}

function printFloat(value: number): string {
  if (Number.isNaN(value)) return ".nan";
  return Number.isFinite(value) ? goGeneral(value) : value > 0 ? ".inf" : "-.inf";
}

const base64Line = 70;

/** Bytes that are no text. */
function printBinary(bytes: Uint8Array, where: Where): Printed {
  const text = Buffer.from(bytes).toString("base64");
  const lines = text.match(new RegExp(`.{1,${base64Line}}`, "g")) ?? [];
  if (text.length < base64Line) return line(`!!binary ${text}`);
  const block = printText(`${lines.join("\n")}\n`, where);
  return { text: `!!binary ${block.text}`, rest: block.rest };
}

function printText(text: string, where: Where): Printed {
  if (text === "<<") return line("!!merge <<");
  const form = analyze(text);
  if (text.includes("\n"))
    return form.block && !where.isKey ? printLiteral(text, where.indent) : line(doubleQuoted(text));
  if (!isPlainText(text)) return line(doubleQuoted(text));
  if (form.plain) return line(text);
  return line(form.singleQuoted ? `'${text.replaceAll("'", "''")}'` : doubleQuoted(text));
}

interface Form {
  readonly plain: boolean;
  readonly singleQuoted: boolean;
  readonly block: boolean;
}

const unprintable = /[^\t\n\x20-\x7e\u00a0-\ud7ff\ue000-\ufffd]|\ufeff/;
const breaks = /[\r\n\u0085\u2028\u2029]/;

/** In which styles the text would be read back as it is. */
function analyze(text: string): Form {
  const special = unprintable.test(text);
  const spaceBeforeBreak = / [\r\n\u0085\u2028\u2029]/.test(text);
  const spaceBehindBreak = /[\r\n\u0085\u2028\u2029] /.test(text);
  const indicator =
    /^(?:---|\.\.\.)/.test(text) ||
    /^[#,[\]{}&*!|>'"%@`]/.test(text) ||
    /^[?:-](?:[ \t]|$)/.test(text) ||
    /:(?:[ \t]|$)/.test(text.slice(1)) ||
    /[ \t\r\n\u0085\u2028\u2029]#/.test(text);
  const tab = text.includes("\t");
  return {
    plain:
      !special &&
      !tab &&
      !indicator &&
      !spaceBehindBreak &&
      !spaceBeforeBreak &&
      !/^ | $/.test(text) &&
      !breaks.test(text),
    singleQuoted: !special && !tab && !spaceBeforeBreak && !spaceBehindBreak,
    block: !special && !spaceBeforeBreak && !text.endsWith(" "),
  };
}

/** A block that begins with a space or line feed says how deep it is, and says four even where it is not. */
function printLiteral(text: string, indent: number): Printed {
  const hint = /^[ \n]/.test(text) ? "4" : "";
  const chomp = text.endsWith("\n") ? (/^\n$|\n\n$/.test(text) ? "+" : "") : "-";
  const lines = (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n");
  const padding = " ".repeat(indent);
  return { text: `|${hint}${chomp}`, rest: lines.map((content) => (content === "" ? "" : padding + content)) };
}

const escapes = new Map(
  Object.entries({ "\0": "0", "\x07": "a", "\b": "b", "\t": "t", "\n": "n", "\v": "v", "\f": "f", "\r": "r" }).concat(
    Object.entries({ "\x1b": "e", '"': '"', "\\": "\\", "\u0085": "N", "\u2028": "L", "\u2029": "P" }),
  ),
);

function doubleQuoted(text: string): string {
  // go-yaml escapes everything behind a byte order mark.
  const isMarked = text.startsWith("\ufeff");
  let quoted = "";
  for (const character of text) quoted += escaped(character, isMarked);
  return `"${quoted}"`;
}

const printable = /^[\x20-\x7e\u00a0-\ud7ff\ue000-\ufefe\uff00-\ufffd]$/;

function escaped(character: string, isMarked: boolean): string {
  const short = escapes.get(character);
  if (short !== undefined) return `\\${short}`;
  if (printable.test(character) && !isMarked) return character;
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16).toUpperCase();
  if (code <= 0xff) return `\\x${hex.padStart(2, "0")}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}
