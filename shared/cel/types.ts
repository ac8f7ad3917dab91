/** Types of the checker, as cel-go writes them, and when one may stand for another. */

/** `T0`, `T1`, … without arguments are type variables; `error` is the type of what was already refused. */
export interface Type {
  readonly name: string;
  readonly args: readonly Type[];
}

export const typeOf = (name: string, ...args: readonly Type[]): Type => ({ name, args });

export const dyn = typeOf("dyn");
export const bool = typeOf("bool");
export const failedType = typeOf("error");

export const isVariable = (type: Type): boolean => /^T\d+$/.test(type.name);
export const isDyn = (type: Type): boolean => type.name === "dyn" || type.name === "error";

export type Substitution = ReadonlyMap<string, Type>;

/** Variables that stand for nothing yet are dyn in the end. */
export function resolve(type: Type, substitution: Substitution, loose = "keep" as "keep" | "dyn"): Type {
  if (!isVariable(type)) return { name: type.name, args: type.args.map((arg) => resolve(arg, substitution, loose)) };
  const bound = substitution.get(type.name);
  if (bound) return resolve(bound, substitution, loose);
  return loose === "dyn" ? dyn : type;
}

export function formatType({ name, args }: Type): string {
  return args.length === 0 ? name : `${name}(${args.map(formatType).join(", ")})`;
}

/** The substitution under which `given` may stand where `wanted` is asked for; undefined if there is none. */
export function assign(given: Type, wanted: Type, substitution: Substitution): Substitution | undefined {
  const left = resolve(given, substitution);
  const right = resolve(wanted, substitution);
  if (isVariable(wanted)) return bind(wanted, left, right, substitution);
  if (isVariable(given)) return bind(given, right, left, substitution);
  if (isDyn(left) || isDyn(right)) return substitution;
  if (left.name === "null" && (right.name === "timestamp" || right.name === "duration")) return substitution;
  if (left.name !== right.name || left.args.length !== right.args.length) return undefined;
  return assignAll(left.args, right.args, substitution);
}

export function assignAll(
  given: readonly Type[],
  wanted: readonly Type[],
  substitution: Substitution,
): Substitution | undefined {
  if (given.length !== wanted.length) return undefined;
  let current: Substitution | undefined = substitution;
  for (const [index, type] of given.entries()) current = current && assign(type, wanted[index] ?? dyn, current);
  return current;
}

/** A variable bound before is kept, unless the other type is the more general one: dyn before all others. */
function bind(variable: Type, type: Type, bound: Type, substitution: Substitution): Substitution | undefined {
  if (type.name === bound.name && isVariable(type)) return substitution;
  if (isVariable(bound)) return occurs(bound.name, type) ? undefined : new Map([...substitution, [bound.name, type]]);
  const fitting = assign(type, bound, substitution);
  return fitting && isDyn(type) && !isDyn(bound) ? new Map([...fitting, [variable.name, dyn]]) : fitting;
}

const occurs = (name: string, type: Type): boolean => type.name === name || type.args.some((arg) => occurs(name, arg));
