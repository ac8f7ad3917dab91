/** Reads a text with `${…}` into literals and expansions, by the grammar of Flux's envsubst with all its corners. */
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { type ByteText, fromByteText, runeAt } from "./byte-text.ts";

export type TemplateNode = ByteText | Expansion;

export interface Expansion {
  readonly variable: string;
  /** Empty for the bare value. */
  readonly operator: string;
  readonly operands: readonly TemplateNode[];
}

/** Far more than anybody nests, far less than the stack holds. */
const MAX_DEPTH = 500;

interface Cursor {
  readonly text: ByteText;
  at: number;
  depth: number;
}

/** Where a literal ends, apart from `${`, and what doubles or escapes in it. */
interface LiteralRule {
  readonly special: RegExp;
  readonly end: string;
  /** The first of two characters of which the second is kept. */
  readonly escapes: "" | "$" | "$\\";
}

const OUTSIDE: LiteralRule = { special: /[$\0]/g, end: "", escapes: "$" };
const OPERAND: LiteralRule = { special: /[$\0}]/g, end: "}", escapes: "" };
const OFFSET: LiteralRule = { special: /[$\0:}]/g, end: ":}", escapes: "" };
const PATTERN: LiteralRule = { special: /[$\0\\/]/g, end: "/", escapes: "$\\" };
const REPLACEMENT: LiteralRule = { special: /[$\0\\}]/g, end: "}", escapes: "$\\" };

const badSubstitution = (): ReconcileError => failure("bad substitution");

/** @throws ReconcileError BuildFailed with Flux's words, such as "missing closing brace" */
export function parseTemplate(text: ByteText): readonly TemplateNode[] {
  const cursor: Cursor = { text, at: 0, depth: 0 };
  const nodes: TemplateNode[] = [];
  for (;;) {
    const literal = takeLiteral(cursor, OUTSIDE);
    if (literal !== "") nodes.push(literal);
    // The end, or a NUL, which Flux takes for it.
    if (!opens(cursor)) return nodes;
    nodes.push(takeExpansion(cursor));
  }
}

function takeExpansion(cursor: Cursor): Expansion {
  if (++cursor.depth > MAX_DEPTH) throw failure(`bad substitution: nested deeper than ${MAX_DEPTH} levels`);
  cursor.at += 2;
  const expansion = next(cursor) === "#" ? takeLength(cursor) : takeNamed(cursor);
  cursor.depth--;
  return expansion;
}

/** `${#name}` */
function takeLength(cursor: Cursor): Expansion {
  cursor.at++;
  const variable = takeName(cursor);
  if (variable === "") throw badSubstitution();
  return closed(cursor, { variable, operator: "#", operands: [] });
}

function takeNamed(cursor: Cursor): Expansion {
  const variable = takeName(cursor);
  if (variable === "") throw failure("unable to parse variable name");
  switch (next(cursor)) {
    case ":":
      return takeColon(cursor, variable);
    case "=":
      return takeDefault(cursor, variable, /=/y);
    case ",":
    case "^":
      return closed(cursor, { variable, operator: take(cursor, /[,^]{1,2}/y), operands: [] });
    case "/":
      return takeReplacing(cursor, variable);
    case "#":
      return takeTrimming(cursor, variable, /##?/y);
    case "%":
      return takeTrimming(cursor, variable, /%%?/y);
    case "}":
      return closed(cursor, { variable, operator: "", operands: [] });
    default:
      throw failure("missing closing brace");
  }
}

function takeColon(cursor: Cursor, variable: string): Expansion {
  const after = runeAt(cursor.text, cursor.at + 1);
  if (/^[-=?+]$/.test(after)) return takeDefault(cursor, variable, /:[-=?+]/y);
  // Flux's scanner steps back by the width of what follows the colon.
  if (after.length !== 1) throw badSubstitution();
  return takeSubstring(cursor, variable);
}

/** `${name:-default}`; the default may hold expansions between literals. */
function takeDefault(cursor: Cursor, variable: string, symbol: RegExp): Expansion {
  const operator = take(cursor, symbol);
  const operands: TemplateNode[] = [];
  while (next(cursor) !== "}") operands.push(takeOperand(cursor, OPERAND));
  return closed(cursor, { variable, operator, operands });
}

/** `${name:offset}`, `${name:offset:length}` */
function takeSubstring(cursor: Cursor, variable: string): Expansion {
  const operator = take(cursor, /:/y);
  const operands = [takeOperand(cursor, OFFSET)];
  if (next(cursor) !== "}") {
    if (take(cursor, /:+/y) === "") throw badSubstitution();
    operands.push(takeOperand(cursor, OPERAND));
  }
  return closed(cursor, { variable, operator, operands });
}

/** `${name#pattern}`, `${name%%pattern}` */
function takeTrimming(cursor: Cursor, variable: string, symbol: RegExp): Expansion {
  const operator = take(cursor, symbol);
  const operands = [takeOperand(cursor, OPERAND)];
  return closed(cursor, { variable, operator, operands });
}

/** `${name/old/new}`; the text to replace goes on to the next slash, over any brace. */
function takeReplacing(cursor: Cursor, variable: string): Expansion {
  const operator = take(cursor, /\/[/#%]?/y);
  const operands = [takeOperand(cursor, PATTERN)];
  if (take(cursor, /\/+/y) === "") throw badSubstitution();
  if (next(cursor) !== "}") operands.push(takeOperand(cursor, REPLACEMENT));
  return closed(cursor, { variable, operator, operands });
}

function takeOperand(cursor: Cursor, rule: LiteralRule): TemplateNode {
  if (opens(cursor)) return takeExpansion(cursor);
  const literal = takeLiteral(cursor, rule);
  if (literal === "") throw failure("unable to parse substitution within function");
  return literal;
}

function closed(cursor: Cursor, expansion: Expansion): Expansion {
  if (next(cursor) !== "}") throw badSubstitution();
  cursor.at++;
  return expansion;
}

function takeLiteral(cursor: Cursor, { special, end, escapes }: LiteralRule): ByteText {
  const parts: ByteText[] = [];
  let from = cursor.at;
  for (;;) {
    special.lastIndex = cursor.at;
    cursor.at = special.exec(cursor.text)?.index ?? cursor.text.length;
    const character = next(cursor);
    if (character === "" || character === "\0" || end.includes(character) || opens(cursor)) break;
    if (escapes.includes(character) && isEscaped(character, cursor.text.charAt(cursor.at + 1))) {
      parts.push(cursor.text.slice(from, cursor.at));
      from = cursor.at + 1;
      cursor.at++;
    }
    cursor.at++;
  }
  return parts.join("") + cursor.text.slice(from, cursor.at);
}

const isEscaped = (escape: string, character: string): boolean =>
  escape === "$" ? character === "$" : character === "/" || character === "\\";

function takeName(cursor: Cursor): string {
  const start = cursor.at;
  for (;;) {
    const part = runeAt(cursor.text, cursor.at);
    if (part === "" || !/^[\p{L}\p{Nd}_]$/u.test(fromByteText(part))) break;
    cursor.at += part.length;
  }
  return fromByteText(cursor.text.slice(start, cursor.at));
}

function take(cursor: Cursor, sticky: RegExp): ByteText {
  sticky.lastIndex = cursor.at;
  const [taken = ""] = sticky.exec(cursor.text) ?? [];
  cursor.at += taken.length;
  return taken;
}

const next = (cursor: Cursor): string => cursor.text.charAt(cursor.at);
const opens = (cursor: Cursor): boolean => cursor.text.startsWith("${", cursor.at);
const failure = (message: string): ReconcileError => new ReconcileError("retry", "BuildFailed", message);
