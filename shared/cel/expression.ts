/**
 * CEL expressions as Flux uses them: the same environment, the same two ways to make one, the same words in errors.
 * Load it with `import()` where an expression is met: it brings a parser and a library of functions.
 */
import { checkTypes } from "./check.ts";
import { evaluate, foldConstants } from "./evaluate.ts";
import { type Node, parseSyntax } from "./syntax.ts";
import { ExpressionError } from "./syntax-error.ts";
import { fromJson } from "./value.ts";

export interface Expression {
  readonly text: string;
  /**
   * Bindings are Kubernetes JSON by variable name; whole numbers become ints.
   * @throws Error `failed to evaluate the CEL expression '…': …` for a missing field or too much work, among others
   */
  readonly evaluateBoolean: (bindings: Readonly<Record<string, unknown>>) => boolean;
}

/**
 * Parses only: names and types are looked at when it runs.
 * @throws Error `failed to parse the CEL expression '…': …`, `failed to create CEL program: …`
 */
export function parseExpression(text: string): Expression {
  return expressionOf(text, parsed(text));
}

/**
 * Parses and checks: the expression knows only `variables`, each an object, and its type must be bool. The type of a
 * field is not known, so `dep.status.ready` is no bool but `dep.status.ready == true` is.
 * @throws Error as parseExpression; `CEL expression output type mismatch: …`
 */
export function compileExpression(text: string, variables: readonly string[]): Expression {
  const node = parsed(text);
  const { type, errors } = checkTypes(node, variables);
  if (errors.length > 0) throw parseFailure(text, errors);
  if (type !== "bool") throw new Error(`CEL expression output type mismatch: expected bool, got ${type}`);
  return expressionOf(text, node);
}

function parsed(text: string): Node {
  try {
    return parseSyntax(text);
  } catch (error) {
    throw error instanceof ExpressionError ? parseFailure(text, [error]) : error;
  }
}

function expressionOf(text: string, node: Node): Expression {
  try {
    foldConstants(node);
  } catch (error) {
    throw new Error(`failed to create CEL program: ${messageOf(error)}`, { cause: error });
  }
  return { text, evaluateBoolean: (bindings) => evaluateBoolean(text, node, bindings) };
}

function evaluateBoolean(text: string, node: Node, bindings: Readonly<Record<string, unknown>>): boolean {
  const value = evaluated(text, node, bindings);
  if (typeof value !== "boolean") throw new Error(`failed to evaluate CEL expression as boolean: '${text}'`);
  return value;
}

function evaluated(text: string, node: Node, bindings: Readonly<Record<string, unknown>>): unknown {
  try {
    const given = Object.entries(bindings).filter(([, value]) => value !== undefined);
    return evaluate(node, new Map(given.map(([name, value]) => [name, fromJson(value)])));
  } catch (error) {
    throw new Error(`failed to evaluate the CEL expression '${text}': ${messageOf(error)}`, { cause: error });
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** cel-go's display: place, message, the line and a pointer below it. */
function parseFailure(text: string, errors: readonly ExpressionError[]): Error {
  const shown = errors.map(({ message, offset }) => {
    const before = text.slice(0, offset).split("\n");
    const column = Array.from(before.at(-1) ?? "").length;
    const line = text.split("\n")[before.length - 1] ?? "";
    return `ERROR: <input>:${before.length}:${column + 1}: ${message}\n | ${line}\n | ${".".repeat(column)}^`;
  });
  return new Error(`failed to parse the CEL expression '${text}': ${shown.join("\n")}`);
}
