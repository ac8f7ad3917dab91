/** The words of the expression subset of `Update`: cut once here, for the adapter that aliases names and for the tests' table in memory. */

export type Token =
  | { readonly kind: "name"; readonly text: string }
  | { readonly kind: "value"; readonly text: `:${string}` }
  | { readonly kind: "word"; readonly text: string };

const WORDS: ReadonlySet<string> = new Set([
  "SET",
  "ADD",
  "REMOVE",
  "AND",
  "OR",
  "NOT",
  "if_not_exists",
  "attribute_exists",
  "attribute_not_exists",
]);

const PATTERN = /\s+|:[A-Za-z0-9_]+|[A-Za-z_][A-Za-z0-9_]*|<>|<=|>=|[=<>+\-(),]/y;

/** @throws SyntaxError for a character outside of the subset; keywords are upper case, functions lower case. */
export function tokenize(expression: string): readonly Token[] {
  const tokens: Token[] = [];
  PATTERN.lastIndex = 0;
  while (PATTERN.lastIndex < expression.length) {
    const at = PATTERN.lastIndex;
    const text = PATTERN.exec(expression)?.[0];
    if (text === undefined) throw new SyntaxError(`expression "${expression}" has an unknown character at ${at}`);
    if (text.trim() !== "") tokens.push(classify(text));
  }
  return tokens;
}

function classify(text: string): Token {
  if (isPlaceholder(text)) return { kind: "value", text };
  const isName = /^[A-Za-z_]/.test(text) && !WORDS.has(text);
  return { kind: isName ? "name" : "word", text };
}

function isPlaceholder(text: string): text is `:${string}` {
  return text.startsWith(":");
}
