/**
 * CEL's optional syntax, `a.?b`, `a[?i]`, `[?x]` and `{?k: v}`, for a parser that does not know it: the mark is taken
 * out of the text without moving anything else, and its place is remembered.
 */

export interface Unmarked {
  /** As long as the expression; each mark is a character that the parser takes as part of the name or as space. */
  readonly text: string;
  /** Offsets of the marks. */
  readonly marks: ReadonlySet<number>;
  /** Offset of the first string literal with an escape that CEL does not have; the parser would take it. */
  readonly badLiteral: number | undefined;
}

/** Stands before a field name in place of the mark. */
export const fieldMark = "_";

/** String literals, with or without prefix and triple quotes, and comments: nothing in them is syntax. */
const opaque = /\/\/[^\n]*|(?:[rR][bB]?|[bB][rR]?)?("""|'''|["'])/y;

export function takeOptionalMarks(expression: string): Unmarked {
  const text = expression.split("");
  const marks = new Set<number>();
  const open: string[] = [];
  let before = "";
  let badLiteral: number | undefined;
  for (let at = 0; at < expression.length;) {
    const end = endOfOpaque(expression, at);
    if (end > at) {
      if (hasBadEscape(expression.slice(at, end))) badLiteral ??= at;
      // Blank, for the parser wants a line feed after a comment.
      if (expression.startsWith("//", at)) text.fill(" ", at, end);
      else before = '"';
      at = end;
      continue;
    }
    const character = expression[at] ?? "";
    if (character === "?" && isMark(before, open.at(-1))) {
      marks.add(at);
      text[at] = before === "." ? fieldMark : " ";
    }
    if ("([{".includes(character)) open.push(character);
    if (")]}".includes(character)) open.pop();
    if (character.trim() !== "") before = character;
    at++;
  }
  return { text: text.join(""), marks, badLiteral };
}

const escape = /\\(?:[\\abfnrtv?"'`]|x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}|[0-3][0-7]{2})/g;

function hasBadEscape(literal: string): boolean {
  if (!literal.includes("\\") || literal.startsWith("//") || /^b?r/i.test(literal)) return false;
  return literal.replace(escape, "").includes("\\");
}

/** A condition's `?` follows a value; one after `.`, `[`, `{` or a comma inside the latter two marks an optional. */
function isMark(before: string, bracket: string | undefined): boolean {
  if (before === ",") return bracket === "[" || bracket === "{";
  return before === "." || before === "[" || before === "{";
}

function endOfOpaque(expression: string, at: number): number {
  const previous = expression[at - 1] ?? "";
  opaque.lastIndex = at;
  const match = opaque.exec(expression);
  if (!match) return at;
  const [start, quote] = match;
  if (quote === undefined) return at + start.length;
  const prefixed = start.length > quote.length;
  if (prefixed && /[\w]/.test(previous)) return at;
  const raw = /r/i.test(start.slice(0, start.length - quote.length));
  for (let end = at + start.length; end < expression.length; end++) {
    if (expression[end] === "\\" && !raw) end++;
    else if (expression.startsWith(quote, end)) return end + quote.length;
  }
  return expression.length;
}
