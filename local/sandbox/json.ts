/** JSON values as the sandbox handles them: plain objects, treated as immutable once stored. */

export type Obj = Record<string, unknown>;

export const isObj = (value: unknown): value is Obj =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The value when it is an object, else an empty one. */
export const objOf = (value: unknown): Obj => (isObj(value) ? value : {});

export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);

export const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

/** Follows field names; undefined where one is missing. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  let current = value;
  for (const name of path) {
    if (!isObj(current)) return undefined;
    current = current[name];
  }
  return current;
}

/** A copy of `target` in which the field at `path` is `value` (absent when undefined). */
export function withAt(target: unknown, path: readonly string[], value: unknown): Obj {
  const [name, ...rest] = path;
  const copy = { ...objOf(target) };
  if (name === undefined) return copy;
  if (rest.length > 0) copy[name] = withAt(copy[name], rest, value);
  else if (value === undefined) delete copy[name];
  else copy[name] = value;
  return copy;
}

export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, index) => equal(item, b[index]));
  if (!isObj(a) || !isObj(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && equal(a[key], b[key]));
}

export const clone = (value: Obj): Obj => structuredClone(value);
