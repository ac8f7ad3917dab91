/**
 * The functions of Flux's CEL environment: the standard ones, strings, sets and encoders. Most are the library's; here
 * are those that it lacks and those in which it differs from cel-go. Optional values are evaluate.ts's.
 */
import { celEnv, type CelFunc, celFunc, CelScalar, isCelError, listType, parse, plan } from "@bufbuild/cel";
import { strings } from "@bufbuild/cel/ext";

import { createConversions, encoders, texts } from "./text-functions.ts";
import { type CelList, type CelValue, elementsOf, typeName } from "./value.ts";

const { BOOL, DYN } = CelScalar;
const LIST = listType(DYN);

type Planned = (bindings: Record<string, CelValue>) => ReturnType<ReturnType<typeof plan>>;

export interface Functions {
  readonly has: (name: string) => boolean;
  /** @throws Error in cel-go's words where it is one of the errors that its users meet */
  readonly call: (name: string, target: CelValue | undefined, args: readonly CelValue[]) => CelValue;
}

export function createFunctions(): Functions {
  const env = celEnv({ funcs: [...strings, ...encoders, ...createConversions(), ...texts, ...setFunctions()] });
  const planned = new Map<string, Planned>();
  const planOf = (name: string, text: string): Planned => {
    const known = planned.get(text);
    if (known) return known;
    const made = plan(env, parse(text)) as Planned;
    planned.set(text, made);
    return made;
  };
  return {
    has: (name) => env.funcs.find(name) !== undefined,
    call(name, target, args) {
      const bindings: Record<string, CelValue> = target === undefined ? {} : { t: target };
      for (const [index, arg] of args.entries()) bindings[`a${index}`] = arg;
      const result = planOf(name, callText(name, target !== undefined, args.length))(bindings);
      if (isCelError(result)) throw new Error(inGoWords(result.message, name, target, args));
      return result;
    },
  };
}

/** The call as an expression over `t` (the target) and `a0`, `a1`, …: the library evaluates only whole expressions. */
function callText(name: string, hasTarget: boolean, count: number): string {
  const operator = name === "@in" ? " in " : /^(_?)(\W+)_$/.exec(name);
  if (operator === " in ") return "a0 in a1";
  if (operator) return operator[1] === "" ? `${operator[2]}a0` : `a0 ${operator[2]} a1`;
  const args = Array.from({ length: count }, (_, index) => `a${index}`).join(", ");
  return `${hasTarget ? "t." : ""}${name}(${args})`;
}

const typesOfConversions: Readonly<Record<string, string>> = {
  int: "int",
  uint: "uint",
  double: "double",
  bool: "bool",
  string: "string",
  duration: "google.protobuf.Duration",
  timestamp: "google.protobuf.Timestamp",
};

function inGoWords(message: string, name: string, target: CelValue | undefined, args: readonly CelValue[]): string {
  if (message.startsWith("found no matching overload")) return noOverload(name, target, args);
  if (message.startsWith("unbound function"))
    return target === undefined ? `no such overload: ${name}` : "no such overload";
  if (message.endsWith("divide by zero")) return "division by zero";
  if (message.endsWith("modulus by zero")) return "modulus by zero";
  if (message.startsWith("int overflow")) return "integer overflow";
  if (message.startsWith("uint overflow")) return "unsigned integer overflow";
  const [from] = args;
  const to = Object.hasOwn(typesOfConversions, name) ? typesOfConversions[name] : undefined;
  if (to !== undefined && from !== undefined) return `type conversion error from '${typeName(from)}' to '${to}'`;
  const index = /index out of bounds: (-?\d+)|index (-?\d+) out of/.exec(message);
  if (index) return `index out of range: ${index[1] ?? index[2]}`;
  return message;
}

const withTypes =
  /^(?:\w+\.\w+|replace|join|split|charAt|indexOf|lastIndexOf|substring|trim|format|reverse|quote|string)$/;

function noOverload(name: string, target: CelValue | undefined, args: readonly CelValue[]): string {
  if (name === "size") return "no such overload: size";
  if (!withTypes.test(name)) return "no such overload";
  return `no such overload: ${name}(${[...(target === undefined ? [] : [target]), ...args].map(typeName).join(", ")})`;
}

function setFunctions(): readonly CelFunc[] {
  const isIn = plan(celEnv(), parse("a in b")) as Planned;
  const has = (list: CelList, element: CelValue): boolean => isIn({ a: element, b: list }) === true;
  const contains = (list: CelList, sub: CelList) => elementsOf(sub).every((element) => has(list, element));
  return [
    celFunc("sets.contains", [LIST, LIST], BOOL, contains),
    celFunc("sets.equivalent", [LIST, LIST], BOOL, (left, right) => contains(left, right) && contains(right, left)),
    celFunc("sets.intersects", [LIST, LIST], BOOL, (left, right) => elementsOf(right).some((each) => has(left, each))),
  ];
}
