/**
 * Evaluates a syntax tree over Kubernetes objects: names, logic and macros are done here, in cel-go's order
 * and words; operators and functions are the library's. The amount of work is bounded.
 */
import { CelScalar, listType, mapType } from "@bufbuild/cel";

import { hasField, index, select } from "./access.ts";
import { createFunctions, type Functions } from "./functions.ts";
import { given, optionalCall } from "./optional-values.ts";
import { accumulator, childrenOf, type Fold, type Node } from "./syntax.ts";
import {
  celList,
  type CelList,
  celMap,
  type CelValue,
  elementsOf,
  isCelList,
  isCelMap,
  isCelUint,
  Optional,
  typeName,
  type Value,
} from "./value.ts";

/** Nodes visited in one evaluation. Thousands of inventory entries fit many times over; runs end within seconds. */
export const maxSteps = 1_000_000;
const maxElements = 1_000_000;

/** Ends the evaluation whatever stands around it; other errors may be outvoted by `||` and `&&`. */
export class LimitError extends Error {}

/** An accumulator that failed; the error counts when it is read. */
class Failure {
  readonly error: Error;

  constructor(error: Error) {
    this.error = error;
  }
}

type Accumulated = Value | Value[] | Failure;

interface Scope {
  readonly name: string;
  value: Accumulated;
  readonly outer: Scope | undefined;
}

interface Run {
  readonly bindings: ReadonlyMap<string, CelValue>;
  readonly functions: Functions;
  steps: number;
}

let functions: Functions | undefined;

/** @throws Error in cel-go's words; LimitError */
export function evaluate(node: Node, bindings: ReadonlyMap<string, CelValue>): Value {
  functions ??= createFunctions();
  return valueOf(node, undefined, { bindings, functions, steps: 0 });
}

const conversions = new Set(["bool", "bytes", "double", "duration", "int", "string", "timestamp", "uint"]);

/** cel-go computes conversions of literals and compiles literal patterns before it runs: a wrong one fails at once. */
export function foldConstants(node: Node): void {
  if (node.kind === "message") throw new Error(`unknown type: ${node.name}`);
  if (node.kind === "call") {
    const [first, second] = node.args;
    const pattern = node.name === "matches" ? (second ?? first) : undefined;
    functions ??= createFunctions();
    if (pattern?.kind === "literal" && typeof pattern.value === "string")
      functions.call("matches", "", [pattern.value]);
    else if (conversions.has(node.name) && !node.target && node.args.length === 1 && first?.kind === "literal")
      functions.call(node.name, undefined, [first.value]);
  }
  for (const child of childrenOf(node)) foldConstants(child);
}

function valueOf(node: Node, scope: Scope | undefined, run: Run): Value {
  if (++run.steps > maxSteps) throw new LimitError(`evaluation takes more than ${maxSteps} steps`);
  switch (node.kind) {
    case "literal":
      return node.value;
    case "name":
      return named(node.name, node.path, scope, run);
    case "select":
      return select(valueOf(node.operand, scope, run), node.field, node.optional);
    case "has":
      return hasField(valueOf(node.operand, scope, run), node.field);
    case "call":
      return call(node, scope, run);
    case "list":
      return celList(
        node.elements.flatMap(({ value, optional }) => given(valueOf(value, scope, run), optional)) as CelValue[],
      );
    case "map":
      return mapOf(node, scope, run);
    case "message":
      throw new Error(`unknown type: ${node.name}`);
    case "fold":
      return fold(node, scope, run);
    case "mapOptional": {
      const target = valueOf(node.target, scope, run);
      if (!(target instanceof Optional)) throw new Error("no such overload");
      if (target.value === undefined) return Optional.none;
      const result = valueOf(node.body, { name: node.variable, value: target.value, outer: scope }, run);
      return node.flat ? result : new Optional(result);
    }
  }
}

const types: ReadonlyMap<string, CelValue> = new Map<string, CelValue>([
  ["bool", CelScalar.BOOL],
  ["bytes", CelScalar.BYTES],
  ["double", CelScalar.DOUBLE],
  ["int", CelScalar.INT],
  ["list", listType(CelScalar.DYN)],
  ["map", mapType(CelScalar.DYN, CelScalar.DYN)],
  ["null_type", CelScalar.NULL],
  ["string", CelScalar.STRING],
  ["type", CelScalar.TYPE],
  ["uint", CelScalar.UINT],
]);

function named(name: string, path: string, scope: Scope | undefined, { bindings }: Run): Value {
  for (let inner = scope; inner; inner = inner.outer) if (inner.name === name) return valueIn(inner);
  const value = bindings.has(name) ? bindings.get(name) : types.get(name);
  if (value === undefined) throw new Error(`no such attribute(s): ${path}`);
  return value;
}

function valueIn({ value }: Scope): Value {
  if (value instanceof Failure) throw value.error;
  return Array.isArray(value) ? celList(value as CelValue[]) : value;
}

type Call = Extract<Node, { kind: "call" }>;

function call(node: Call, scope: Scope | undefined, run: Run): Value {
  switch (node.name) {
    case "_&&_":
      return logic(node.args, false, scope, run);
    case "_||_":
      return logic(node.args, true, scope, run);
    case "_?_:_":
      return conditional(node.args, scope, run);
    case "@not_strictly_false":
      return notFalse(node.args, scope, run);
    case "_+_": {
      const collected = append(node.args, scope, run);
      if (collected) return collected;
    }
  }
  const target = node.target && valueOf(node.target, scope, run);
  const args = node.args.map((arg) => valueOf(arg, scope, run));
  return applied(node.name, target, args, run);
}

function applied(name: string, target: Value | undefined, args: readonly Value[], run: Run): Value {
  const [first = null, second = null] = args;
  if (name === "_[_]" || name === "_[?_]") return index(first, second, name === "_[?_]");
  const isEqual = (left: Value, right: Value) => applied("_==_", undefined, [left, right], run) === true;
  const optional = optionalCall(name, target, args, isEqual);
  if (optional !== undefined) return optional;
  if (target instanceof Optional || args.some((arg) => arg instanceof Optional)) throw new Error("no such overload");
  if (name === "_+_" && isCelList(first) && isCelList(second)) return concatenation(first, second, run);
  charge([target, ...args], run);
  return run.functions.call(name, target, args as readonly CelValue[]);
}

/** Work in a function goes with the size of what it is given. */
function charge(values: readonly (Value | undefined)[], run: Run): void {
  for (const value of values)
    if (typeof value === "string") run.steps += value.length >> 6;
    else if (value !== undefined && !(value instanceof Optional) && isCelList(value)) run.steps += value.size;
  if (run.steps > maxSteps) throw new LimitError(`evaluation takes more than ${maxSteps} steps`);
}

function concatenation(left: CelList, right: CelList, run: Run): CelValue {
  if (left.size + right.size > maxElements) throw new LimitError(`a list has more than ${maxElements} elements`);
  charge([left, right], run);
  return celList([...elementsOf(left), ...elementsOf(right)]);
}

/** One operand that decides is enough, wherever it stands: an error counts only if no other decides. */
function logic(args: readonly Node[], deciding: boolean, scope: Scope | undefined, run: Run): boolean {
  let failure: Error | undefined;
  for (const arg of args) {
    try {
      const value = valueOf(arg, scope, run);
      if (value === deciding) return deciding;
      if (typeof value !== "boolean") failure ??= new Error("no such overload");
    } catch (error) {
      if (!(error instanceof Error) || isFatal(error)) throw error;
      failure ??= error;
    }
  }
  if (failure) throw failure;
  return !deciding;
}

const isFatal = (error: Error): boolean => error instanceof LimitError || error instanceof RangeError;

function conditional([condition, yes, no]: readonly Node[], scope: Scope | undefined, run: Run): Value {
  if (!condition || !yes || !no) throw new Error("no such overload: _?_:_");
  const value = valueOf(condition, scope, run);
  if (typeof value !== "boolean") throw new Error("no such overload");
  return valueOf(value ? yes : no, scope, run);
}

function notFalse([arg]: readonly Node[], scope: Scope | undefined, run: Run): boolean {
  try {
    return arg === undefined || valueOf(arg, scope, run) !== false;
  } catch (error) {
    if (!(error instanceof Error) || isFatal(error)) throw error;
    return true;
  }
}

function mapOf({ entries }: Extract<Node, { kind: "map" }>, scope: Scope | undefined, run: Run): Value {
  const map = new Map<string | bigint | boolean, CelValue>();
  for (const entry of entries) {
    const key = valueOf(entry.key, scope, run);
    const plain = !(key instanceof Optional) && isCelUint(key) ? key.value : key;
    const [value] = given(valueOf(entry.value, scope, run), entry.optional);
    if (typeof plain !== "string" && typeof plain !== "bigint" && typeof plain !== "boolean")
      throw new Error(`unsupported key type: ${typeName(key)}`);
    if (value !== undefined) map.set(plain, value as CelValue);
  }
  return celMap(map);
}

const goTypes: Readonly<Record<string, string>> = { null_type: "Null", optional_type: "Optional" };

function fold(node: Fold, scope: Scope | undefined, run: Run): Value {
  const range = valueOf(node.range, scope, run);
  const items = itemsOf(range);
  const collects = node.start.kind === "list";
  const start: Accumulated = collects ? [] : valueOf(node.start, scope, run);
  const accumulated: Scope = { name: accumulator, value: start, outer: scope };
  for (const item of items) {
    const inner: Scope = { name: node.variable, value: item, outer: accumulated };
    if (valueOf(node.condition, inner, run) !== true) break;
    try {
      const value = valueOf(node.step, inner, run);
      if (!collects) accumulated.value = value;
    } catch (error) {
      if (!(error instanceof Error) || isFatal(error)) throw error;
      accumulated.value = new Failure(error);
    }
  }
  return valueOf(node.result, accumulated, run);
}

function itemsOf(range: Value): readonly Value[] {
  if (!(range instanceof Optional) && isCelMap(range)) return [...range.keys()];
  if (!(range instanceof Optional) && isCelList(range)) return elementsOf(range);
  const name = typeName(range);
  const goName = goTypes[name] ?? `${name[0]?.toUpperCase() ?? ""}${name.slice(1)}`;
  throw new Error(`got 'types.${goName}', expected iterable type`);
}

/** `map` and `filter` add to their list one element at a time: in place, or long lists would take quadratic time. */
function append([list, added]: readonly Node[], scope: Scope | undefined, run: Run): Value | undefined {
  if (list?.kind !== "name" || list.name !== accumulator || !added) return undefined;
  let holder = scope;
  while (holder && holder.name !== accumulator) holder = holder.outer;
  if (!holder || !Array.isArray(holder.value)) return undefined;
  const elements = valueOf(added, scope, run);
  if (elements instanceof Optional || !isCelList(elements)) return undefined;
  holder.value.push(...elementsOf(elements));
  return celList(holder.value as CelValue[]);
}
