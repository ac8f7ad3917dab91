/** Type-checks an expression by cel-go's rules: undeclared names, overloads that do not exist, mixed literals. */
import { signaturesOf } from "./signatures.ts";
import type { Node } from "./syntax.ts";
import { ExpressionError } from "./syntax-error.ts";
import {
  assign,
  assignAll,
  bool,
  dyn,
  failedType,
  formatType,
  isDyn,
  isVariable,
  resolve,
  type Substitution,
  type Type,
  typeOf,
} from "./types.ts";
import { isCelUint, type CelValue } from "./value.ts";

type Names = ReadonlyMap<string, Type>;

interface Check {
  substitution: Substitution;
  fresh: number;
  readonly errors: ExpressionError[];
}

export interface Checked {
  /** As cel-go writes it. */
  readonly type: string;
  /** In the order of the text. */
  readonly errors: readonly ExpressionError[];
}

/** Each variable is an object: fields by name, of a type that is not known. */
export function checkTypes(node: Node, variables: readonly string[]): Checked {
  const object = typeOf("map", typeOf("string"), dyn);
  const check: Check = { substitution: new Map(), fresh: 0, errors: [] };
  const type = typeOfNode(node, new Map(variables.map((name) => [name, object])), check);
  const errors = check.errors.toSorted((left, right) => left.offset - right.offset);
  return { type: formatType(resolve(type, check.substitution, "dyn")), errors };
}

function typeOfNode(node: Node, names: Names, check: Check): Type {
  switch (node.kind) {
    case "literal":
      return literalType(node.value);
    case "name":
      return (
        names.get(node.name) ??
        typeValue(node.name) ??
        refuse(check, node, `undeclared reference to '${node.name}' (in container '')`)
      );
    case "select":
    case "has":
      return selection(node, names, check);
    case "call":
      return call(node, names, check);
    case "list":
      return typeOf("list", joined(node.elements, names, check));
    case "map": {
      const keys = node.entries.map(({ key }) => ({ value: key, optional: false }));
      return typeOf("map", joined(keys, names, check), joined(node.entries, names, check));
    }
    case "message":
      return refuse(check, node, `undeclared reference to '${node.name}' (in container '')`);
    case "fold":
      return fold(node, names, check);
    case "mapOptional": {
      const inner = freshVariable(check);
      const target = typeOfNode(node.target, names, check);
      require(check, node.target, target, typeOf("optional_type", inner));
      const result = typeOfNode(node.body, new Map([...names, [node.variable, inner]]), check);
      return node.flat ? result : typeOf("optional_type", result);
    }
  }
}

const freshVariable = (check: Check): Type => typeOf(`T${check.fresh++}`);

function refuse(check: Check, { at }: Node, message: string): Type {
  check.errors.push(new ExpressionError(message, at));
  return failedType;
}

/** Notes an error at the node unless the type fits. */
function require(check: Check, node: Node, given: Type, wanted: Type): boolean {
  const substitution = assign(given, wanted, check.substitution);
  if (substitution) check.substitution = substitution;
  else mismatch(check, node, given, wanted);
  return substitution !== undefined;
}

const mismatch = (check: Check, node: Node, given: Type, wanted: Type): Type =>
  refuse(check, node, `expected type '${written(wanted, check)}' but found '${written(given, check)}'`);

const written = (type: Type, { substitution }: Check): string => formatType(resolve(type, substitution, "dyn"));

function literalType(value: CelValue): Type {
  switch (typeof value) {
    case "bigint":
      return typeOf("int");
    case "number":
      return typeOf("double");
    case "string":
      return typeOf("string");
    case "boolean":
      return bool;
    default:
      return typeOf(value === null ? "null" : isCelUint(value) ? "uint" : "bytes");
  }
}

const plainTypes = new Set(["bool", "bytes", "double", "int", "string", "uint", "null_type"]);

function typeValue(name: string): Type | undefined {
  if (plainTypes.has(name)) return typeOf("type", typeOf(name === "null_type" ? "null" : name));
  if (name === "list") return typeOf("type", typeOf("list", dyn));
  if (name === "map") return typeOf("type", typeOf("map", dyn, dyn));
  return name === "type" ? typeOf("type") : undefined;
}

function selection(node: Extract<Node, { kind: "select" | "has" }>, names: Names, check: Check): Type {
  const whole = resolve(typeOfNode(node.operand, names, check), check.substitution);
  const [inner] = whole.args;
  const isOptional = whole.name === "optional_type" && inner !== undefined;
  const field = fieldType(node, isOptional ? inner : whole, check);
  if (node.kind === "has") return bool;
  return isOptional || node.optional ? typeOf("optional_type", field) : field;
}

function fieldType(node: Node, container: Type, check: Check): Type {
  const [, field] = container.args;
  if (container.name === "map" && field) return field;
  if (isDyn(container) || isVariable(container)) return dyn;
  return refuse(check, node, `type '${written(container, check)}' does not support field selection`);
}

function call(node: Extract<Node, { kind: "call" }>, names: Names, check: Check): Type {
  const { name, target, args } = node;
  if (name === "_&&_" || name === "_||_") {
    for (const arg of args) require(check, arg, typeOfNode(arg, names, check), bool);
    return bool;
  }
  const given = [...(target ? [target] : []), ...args].map((arg) => typeOfNode(arg, names, check));
  const signatures = signaturesOf(name);
  if (!signatures) return refuse(check, node, `undeclared reference to '${name}' (in container '')`);
  let result: Type | undefined;
  for (const { isMethod, args: wanted, result: offered } of signatures) {
    if (isMethod !== (target !== undefined)) continue;
    const instance = instantiate([...wanted, offered], check);
    const substitution = assignAll(given, instance.slice(0, -1), check.substitution);
    if (!substitution) continue;
    check.substitution = substitution;
    const type = resolve(instance.at(-1) ?? dyn, substitution);
    result = result === undefined || formatType(result) === formatType(type) ? type : dyn;
  }
  return (
    result ??
    refuse(
      check,
      node,
      `found no matching overload for '${name}' applied to '${appliedTo(given, target !== undefined, check)}'`,
    )
  );
}

function appliedTo(given: readonly Type[], isMethod: boolean, check: Check): string {
  const types = given.map((type) => written(type, check));
  return isMethod ? `${types[0] ?? ""}.(${types.slice(1).join(", ")})` : `(${types.join(", ")})`;
}

/** Each use of a signature has type variables of its own. */
function instantiate(types: readonly Type[], check: Check): readonly Type[] {
  const own = new Map<string, Type>();
  const rename = (type: Type): Type => {
    if (!/^[A-Z]$/.test(type.name)) return { name: type.name, args: type.args.map(rename) };
    const known = own.get(type.name) ?? freshVariable(check);
    own.set(type.name, known);
    return known;
  };
  return types.map(rename);
}

/** Elements of a literal must be of one type: an unknown one does not go with a known one. */
function joined(
  elements: readonly { readonly value: Node; readonly optional: boolean }[],
  names: Names,
  check: Check,
): Type {
  let common: Type | undefined;
  for (const { value, optional } of elements) {
    let type = typeOfNode(value, names, check);
    if (optional) {
      const inner = freshVariable(check);
      const isOptional = assign(type, typeOf("optional_type", inner), check.substitution);
      if (!isOptional) require(check, value, type, typeOf("optional_type", type));
      check.substitution = isOptional ?? check.substitution;
      type = isOptional ? inner : failedType;
    }
    if (common === undefined) common = type;
    else if (!require(check, value, type, common)) common = failedType;
    else if (written(type, check) !== written(common, check)) common = mismatch(check, value, type, common);
  }
  return common ?? freshVariable(check);
}

function fold(node: Extract<Node, { kind: "fold" }>, names: Names, check: Check): Type {
  const range = resolve(typeOfNode(node.range, names, check), check.substitution);
  const accumulated = typeOfNode(node.start, names, check);
  const outer = new Map([...names, ["@result", accumulated]]);
  const inner = new Map([...outer, [node.variable, itemType(node, range, check)]]);
  require(check, node.condition, typeOfNode(node.condition, inner, check), bool);
  require(check, node.step, typeOfNode(node.step, inner, check), accumulated);
  return typeOfNode(node.result, outer, check);
}

function itemType(node: Extract<Node, { kind: "fold" }>, range: Type, check: Check): Type {
  const [first] = range.args;
  if ((range.name === "list" || range.name === "map") && first) return first;
  if (isDyn(range) || isVariable(range)) return dyn;
  return refuse(
    check,
    node.range,
    `expression of type '${written(range, check)}' cannot be range of a comprehension (must be list, map, or dynamic)`,
  );
}
