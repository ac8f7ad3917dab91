/** The parser's complaints in cel-go's words, for the mistakes that people make; others keep the parser's own. */

/** At `offset` of the expression, in UTF-16 units. */
export class ExpressionError extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

const startsOfExpression =
  "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";
const operatorAtEnd = /(?:[+\-*/%<>!?:,([{]|==|!=|<=|>=|&&|\|\||\bin)$/;
const token = /^(?:[\w]+|"[^"]*"|'[^']*'|[^\s])/;

/** `message` is the parser's, `offset` where it gave up. */
export function syntaxError(expression: string, message: string, offset: number): ExpressionError {
  const text = expression.trimEnd();
  const rest = expression.slice(offset);
  const [word = ""] = token.exec(rest) ?? [];
  if (message === "reserved identifier") return new ExpressionError(`reserved identifier: ${word}`, offset);
  if (rest.startsWith(".`")) return new ExpressionError("unsupported syntax: '`'", offset + 1);
  if (text.endsWith("."))
    return new ExpressionError("Syntax error: no viable alternative at input '.'", expression.length);
  if (text === "" || (operatorAtEnd.test(text) && offset + word.length >= text.length - 1))
    return new ExpressionError(
      `Syntax error: mismatched input '<EOF>' expecting ${startsOfExpression}`,
      expression.length,
    );
  const wanted = /^found end of input but expecting ('[^']+')$/.exec(message)?.[1];
  if (wanted) return new ExpressionError(`Syntax error: mismatched input '<EOF>' expecting ${wanted}`, offset);
  if (/^found .* but expecting end of input$/s.test(message) && /^[\w"')\]}]/.test(word))
    return new ExpressionError(`Syntax error: extraneous input '${word}' expecting <EOF>`, offset);
  return new ExpressionError(`Syntax error: ${message}`, offset);
}
