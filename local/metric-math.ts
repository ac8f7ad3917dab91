/** CloudWatch's metric math, as far as plain arithmetic goes: sums, differences, products, ratios, FILL and SUM|MAX|MIN|AVG. */
import { compute } from "./metrics.ts";

/** @throws Error for what is not plain arithmetic. */
export function evaluateMath(expression: string, valueOf: (id: string) => number | undefined): number | undefined {
  const tokens = expression.match(/[A-Za-z_]\w*|\d+(?:\.\d+)?|[-+*/(),[\]]/g) ?? [];
  if (tokens.join("") !== expression.replace(/\s+/g, ""))
    throw new Error(`the expression ${expression} is not evaluated on this machine`);
  let at = 0;
  const binary = (operators: readonly string[], next: () => number | undefined) => (): number | undefined => {
    let left = next();
    while (operators.includes(tokens[at] ?? "")) left = apply(tokens[at++] ?? "", left, next());
    return left;
  };
  const factor = (): number | undefined => {
    const token = tokens[at++] ?? "";
    if (token === "(") {
      const inner = sum();
      at += 1;
      return inner;
    }
    if (token === "FILL") {
      at += 1;
      const filled = sum();
      at += 1;
      const replacement = sum();
      at += 1;
      return filled ?? replacement;
    }
    if (/^(SUM|MAX|MIN|AVG)$/.test(token)) {
      const values = members();
      return values.length === 0 ? undefined : compute(token, values);
    }
    if (/^\d/.test(token)) return Number(token);
    if (!/^[a-z]/.test(token)) throw new Error(`the expression ${expression} is not evaluated on this machine`);
    return valueOf(token);
  };
  /** After a function's name: `([a, b])`, the metrics without a value left out. */
  const members = (): readonly number[] => {
    const values: (number | undefined)[] = [];
    at += 1;
    do {
      at += 1;
      values.push(sum());
    } while (tokens[at] === ",");
    at += 2;
    return values.filter((value) => value !== undefined);
  };
  const product = binary(["*", "/"], factor);
  const sum = binary(["+", "-"], product);
  return sum();
}

function apply(operator: string, left: number | undefined, right: number | undefined): number | undefined {
  if (left === undefined || right === undefined) return undefined;
  if (operator === "+") return left + right;
  if (operator === "-") return left - right;
  if (operator === "*") return left * right;
  return right === 0 ? undefined : left / right;
}
