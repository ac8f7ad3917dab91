/**
 * The syntax tree of a CEL expression. Parsing is the library's; added are optional syntax, `optMap` and `optFlatMap`,
 * namespaced functions and the refusals that cel-go makes and the library does not.
 */
import { celUint, parse } from "@bufbuild/cel";

import { fieldMark, takeOptionalMarks } from "./optional-syntax.ts";
import { ExpressionError, syntaxError } from "./syntax-error.ts";
import { type CelValue, isInt } from "./value.ts";

/** `at` is the offset in the expression of what an error would point to. */
export type Node = { readonly at: number } & (
  | { readonly kind: "literal"; readonly value: CelValue }
  /** `path` is the longest chain of fields that hangs on the name: `status.conditions`. */
  | { readonly kind: "name"; readonly name: string; readonly path: string }
  | { readonly kind: "select"; readonly operand: Node; readonly field: string; readonly optional: boolean }
  | { readonly kind: "has"; readonly operand: Node; readonly field: string; readonly optional: boolean }
  | { readonly kind: "call"; readonly name: string; readonly target: Node | undefined; readonly args: readonly Node[] }
  | { readonly kind: "list"; readonly elements: readonly { readonly value: Node; readonly optional: boolean }[] }
  | { readonly kind: "map"; readonly entries: readonly MapEntry[] }
  | { readonly kind: "message"; readonly name: string }
  | Fold
  | {
      readonly kind: "mapOptional";
      readonly target: Node;
      readonly variable: string;
      readonly body: Node;
      readonly flat: boolean;
    }
);

export interface MapEntry {
  readonly key: Node;
  readonly value: Node;
  readonly optional: boolean;
}

/** What the macros over lists and maps come to: `step` is computed for each element while `condition` holds. */
export interface Fold {
  readonly kind: "fold";
  readonly at: number;
  readonly range: Node;
  readonly variable: string;
  readonly start: Node;
  readonly condition: Node;
  readonly step: Node;
  readonly result: Node;
}

export function childrenOf(node: Node): readonly Node[] {
  switch (node.kind) {
    case "select":
    case "has":
      return [node.operand];
    case "call":
      return node.target ? [node.target, ...node.args] : node.args;
    case "list":
      return node.elements.map(({ value }) => value);
    case "map":
      return node.entries.flatMap(({ key, value }) => [key, value]);
    case "fold":
      return [node.range, node.start, node.condition, node.step, node.result];
    case "mapOptional":
      return [node.target, node.body];
    default:
      return [];
  }
}

/** The accumulator of a fold; no expression can write this name. */
export const accumulator = "@result";

/** Functions whose name has a namespace, which looks like the field of a variable. */
const namespaces: Readonly<Record<string, ReadonlySet<string>>> = {
  base64: new Set(["encode", "decode"]),
  optional: new Set(["of", "ofNonZeroValue", "none"]),
  sets: new Set(["contains", "equivalent", "intersects"]),
  strings: new Set(["quote"]),
};

const maxDepth = 250;
/** Far above what people write; keeps the parser's time in bounds. */
const maxLength = 16_384;

type Parsed = NonNullable<ReturnType<typeof parse>["expr"]>;

interface Reading {
  readonly expression: string;
  /** Taken out one by one when their place in the tree is found. */
  readonly marks: Set<number>;
  readonly offsetOf: (id: bigint) => number;
}

/** @throws ExpressionError */
export function parseSyntax(expression: string): Node {
  if (expression.length > maxLength) throw new ExpressionError(`expression is longer than ${maxLength} characters`, 0);
  const { text, marks, badLiteral } = takeOptionalMarks(expression);
  if (badLiteral !== undefined) throw new ExpressionError("Syntax error: unknown escape in a literal", badLiteral);
  const { expr, sourceInfo } = parseText(text, expression);
  const offsetOf = (id: bigint) => skipSpace(sourceInfo?.positions[String(id)] ?? 0, expression);
  const reading = { expression, marks: new Set(marks), offsetOf };
  const node = toNode(expr, reading, 0, "");
  const [stray] = reading.marks;
  if (stray !== undefined) throw new ExpressionError("Syntax error: extraneous input '?'", stray);
  return node;
}

function parseText(text: string, expression: string): ReturnType<typeof parse> {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof RangeError) throw new ExpressionError(`expression recursion limit exceeded: ${maxDepth}`, 0);
    const { message, location } = error as Error & { location?: { start?: { offset?: number } } };
    const offset = Math.min(location?.start?.offset ?? 0, expression.length);
    throw syntaxError(expression, message.replace(/^<input>:\d+:\d+: /, ""), offset);
  }
}

function toNode(expr: Parsed, reading: Reading, depth: number, suffix: string): Node {
  const at = reading.offsetOf(expr.id);
  if (depth > maxDepth) throw new ExpressionError(`expression recursion limit exceeded: ${maxDepth}`, at);
  const inner = (child: Parsed | undefined, path = ""): Node => {
    if (!child) throw new ExpressionError("Syntax error: incomplete expression", at);
    return toNode(child, reading, depth + 1, path);
  };
  const { exprKind } = expr;
  switch (exprKind.case) {
    case "constExpr":
      return { kind: "literal", at, value: literal(exprKind.value, at) };
    case "identExpr":
      return { kind: "name", at, name: exprKind.value.name, path: exprKind.value.name + suffix };
    case "selectExpr":
      return selection(exprKind.value, at, reading, suffix, inner);
    case "callExpr":
      return call(exprKind.value, at, reading, suffix, inner);
    case "listExpr":
      return {
        kind: "list",
        at,
        elements: exprKind.value.elements.map((element) => ({
          value: inner(element),
          optional: isMarked(startOf(element, reading), reading),
        })),
      };
    case "structExpr":
      return exprKind.value.messageName === ""
        ? { kind: "map", at, entries: exprKind.value.entries.map((entry) => mapEntry(entry, reading, inner)) }
        : message(exprKind.value.messageName, at);
    case "comprehensionExpr": {
      const { iterRange, iterVar, accuInit, loopCondition, loopStep, result } = exprKind.value;
      return {
        kind: "fold",
        at,
        range: inner(iterRange),
        variable: iterVar,
        start: inner(accuInit),
        condition: inner(loopCondition),
        step: inner(loopStep),
        result: inner(result),
      };
    }
    default:
      throw new ExpressionError("Syntax error: incomplete expression", at);
  }
}

const message = (name: string, at: number): Node => ({ kind: "message", at: at + name.length, name });

type Inner = (child: Parsed | undefined, suffix?: string) => Node;
type Kind<K extends string> = Extract<Parsed["exprKind"], { case: K }> extends { value: infer V } ? V : never;

function literal(constant: Kind<"constExpr">, at: number): CelValue {
  const { constantKind } = constant;
  switch (constantKind.case) {
    case "int64Value":
      if (!isInt(constantKind.value)) throw new ExpressionError("invalid int literal", at);
      return constantKind.value;
    case "uint64Value":
      if (constantKind.value >= 2n ** 64n) throw new ExpressionError("invalid uint literal", at);
      return celUint(constantKind.value);
    case "nullValue":
      return null;
    case "stringValue":
    case "bytesValue":
    case "doubleValue":
    case "boolValue":
      return constantKind.value;
    default:
      throw new ExpressionError("Syntax error: unknown literal", at);
  }
}

function selection(select: Kind<"selectExpr">, at: number, reading: Reading, suffix: string, inner: Inner): Node {
  const optional = isMarked(markOfField(at, reading), reading);
  const field = optional ? select.field.slice(fieldMark.length) : select.field;
  if (field === "") throw new ExpressionError("Syntax error: no viable alternative at input '.?'", at);
  const operand = inner(select.operand, `.${field}${suffix}`);
  return { kind: select.testOnly ? "has" : "select", at, operand, field, optional };
}

function call(value: Kind<"callExpr">, start: number, reading: Reading, suffix: string, inner: Inner): Node {
  const { function: name, target, args } = value;
  const at = offsetOfCall(value, start, reading);
  if (name === "has" && !target)
    throw new ExpressionError("invalid argument to has() macro", args[0] ? reading.offsetOf(args[0].id) : at);
  if (name === "_[_]") return indexing(args, start, reading, suffix, inner);
  if (!target) return { kind: "call", at, name, target: undefined, args: args.map((arg) => inner(arg)) };
  const macro = optionalMacro(value, at, inner);
  if (macro) return macro;
  refuseBrokenMacro(value, reading);
  const space = target.exprKind.case === "identExpr" ? target.exprKind.value.name : "";
  const known = Object.hasOwn(namespaces, space) && namespaces[space]?.has(name) === true;
  return known
    ? { kind: "call", at, name: `${space}.${name}`, target: undefined, args: args.map((arg) => inner(arg)) }
    : { kind: "call", at, name, target: inner(target), args: args.map((arg) => inner(arg)) };
}

function indexing(args: readonly Parsed[], at: number, reading: Reading, suffix: string, inner: Inner): Node {
  const [operand, index] = args;
  const optional = isMarked(at + 1, reading);
  const key = index?.exprKind.case === "constExpr" ? index.exprKind.value.constantKind : undefined;
  const path = key?.case === "stringValue" && !optional ? `.${key.value}${suffix}` : "";
  return {
    kind: "call",
    at,
    name: optional ? "_[?_]" : "_[_]",
    target: undefined,
    args: [inner(operand, path), inner(index)],
  };
}

function optionalMacro({ function: name, target, args }: Kind<"callExpr">, at: number, inner: Inner): Node | undefined {
  if ((name !== "optMap" && name !== "optFlatMap") || args.length !== 2) return undefined;
  const [variable, body] = args;
  if (variable?.exprKind.case !== "identExpr")
    throw new ExpressionError(`${name}() variable name must be a simple identifier`, at);
  return {
    kind: "mapOptional",
    at,
    target: inner(target),
    variable: variable.exprKind.value.name,
    body: inner(body),
    flat: name === "optFlatMap",
  };
}

const macroArguments: Readonly<Record<string, readonly number[]>> = {
  all: [2],
  exists: [2],
  exists_one: [2],
  existsOne: [2],
  filter: [2],
  map: [2, 3],
};

/** The library leaves as a call what is a macro by name and number of arguments, but has no variable. */
function refuseBrokenMacro({ function: name, args }: Kind<"callExpr">, { offsetOf }: Reading): void {
  const [variable] = args;
  if (variable && Object.hasOwn(macroArguments, name) && macroArguments[name]?.includes(args.length) === true)
    throw new ExpressionError("argument must be a simple name", offsetOf(variable.id));
}

function mapEntry(entry: Kind<"structExpr">["entries"][number], reading: Reading, inner: Inner): MapEntry {
  const key = entry.keyKind.case === "mapKey" ? entry.keyKind.value : undefined;
  const optional = key !== undefined && isMarked(startOf(key, reading), reading);
  return { key: inner(key), value: inner(entry.value), optional };
}

/** Whether the mark stands right before `offset`, spaces aside, or at it. */
function isMarked(offset: number, { expression, marks }: Reading): boolean {
  if (marks.size === 0) return false;
  if (marks.delete(offset)) return true;
  let at = offset - 1;
  while (at >= 0 && !marks.has(at) && " \t\r\n\f(".includes(expression[at] ?? "")) at--;
  return marks.delete(at);
}

/** Where the field of a selection would have its mark: after the dot, which is where the selection is said to be. */
function markOfField(at: number, { expression }: Reading): number {
  return skipSpace(expression.indexOf(".", at) + 1, expression);
}

function skipSpace(offset: number, expression: string): number {
  let at = offset;
  while (expression[at]?.trim() === "") at++;
  return at;
}

/** An error about a call points to its operator or its opening parenthesis. */
function offsetOfCall({ function: name, args }: Kind<"callExpr">, start: number, reading: Reading): number {
  const operator = name === "@in" ? "in" : /^_([^\w[]+)_/.exec(name)?.[1];
  if (operator === undefined)
    return /^\w+$/.test(name) ? Math.max(start, reading.expression.indexOf("(", start)) : start;
  const second = args[1];
  return second ? reading.expression.lastIndexOf(operator, startOf(second, reading)) : start;
}

/** The leftmost offset of an expression: of `a.b == c`, that of `a`. */
function startOf(expr: Parsed, reading: Reading): number {
  const own = reading.offsetOf(expr.id);
  const { exprKind } = expr;
  if (exprKind.case === "selectExpr" && exprKind.value.operand) return startOf(exprKind.value.operand, reading);
  if (exprKind.case === "comprehensionExpr" && exprKind.value.iterRange)
    return startOf(exprKind.value.iterRange, reading);
  if (exprKind.case !== "callExpr") return own;
  const first = exprKind.value.target ?? exprKind.value.args[0];
  return first ? Math.min(own, startOf(first, reading)) : own;
}
