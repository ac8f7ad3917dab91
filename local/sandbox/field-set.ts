/**
 * Sets of field paths, the currency of server-side apply. A path element is kept in its serialized form of
 * `fieldsV1`: `f:name`, `k:{"key":value}`, `v:value`.
 */
import { isObj, type Obj } from "./json.ts";
import { declaredField, fieldSchema, itemSchema, resolve, type Schema } from "./schema.ts";

export interface FieldSet {
  readonly members: Set<string>;
  readonly children: Map<string, FieldSet>;
}

export const emptySet = (): FieldSet => ({ members: new Set(), children: new Map() });

export const isEmpty = (set: FieldSet): boolean => set.members.size === 0 && [...set.children.values()].every(isEmpty);

export function insert(set: FieldSet, path: readonly string[]): void {
  let node = set;
  for (let index = 0; index < path.length - 1; index++) {
    const key = path[index] ?? "";
    let child = node.children.get(key);
    if (!child) node.children.set(key, (child = emptySet()));
    node = child;
  }
  const last = path.at(-1);
  if (last !== undefined) node.members.add(last);
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  const children = new Map(a.children);
  for (const [key, child] of b.children) {
    const own = children.get(key);
    children.set(key, own ? union(own, child) : child);
  }
  return { members: new Set([...a.members, ...b.members]), children };
}

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  return combine(
    a,
    b,
    (key) => b.members.has(key),
    (child, other) => (other ? intersection(child, other) : emptySet()),
  );
}

export function difference(a: FieldSet, b: FieldSet): FieldSet {
  return combine(
    a,
    b,
    (key) => !b.members.has(key),
    (child, other) => (other ? difference(child, other) : child),
  );
}

/** As `difference`, but a member of `b` takes everything below it away too. */
export function recursiveDifference(a: FieldSet, b: FieldSet): FieldSet {
  return combine(
    a,
    b,
    (key) => !b.members.has(key),
    (child, other, key) => (b.members.has(key) ? emptySet() : other ? recursiveDifference(child, other) : child),
  );
}

function combine(
  a: FieldSet,
  b: FieldSet,
  keeps: (key: string) => boolean,
  below: (child: FieldSet, other: FieldSet | undefined, key: string) => FieldSet,
): FieldSet {
  const children = new Map<string, FieldSet>();
  for (const [key, child] of a.children) {
    const rest = below(child, b.children.get(key), key);
    if (!isEmpty(rest)) children.set(key, rest);
  }
  return { members: new Set([...a.members].filter(keeps)), children };
}

/** Adds the declared fields that lead to members, so that removing the last item of a field removes the field. */
export function withNamedFields(set: FieldSet, schema: Schema): FieldSet {
  const members = new Set(set.members);
  const children = new Map<string, FieldSet>();
  for (const [key, child] of set.children) {
    const isField = key.startsWith("f:");
    if (isField && declaredField(schema, key.slice(2))) members.add(key);
    const below = isField ? (fieldSchema(schema, key.slice(2)) ?? {}) : itemSchema(schema);
    children.set(key, withNamedFields(child, resolve(below)));
  }
  return { members, children };
}

/** Every path, elements in serialized form. */
export function* paths(set: FieldSet, prefix: readonly string[] = []): Generator<readonly string[]> {
  for (const key of [...new Set([...set.members, ...set.children.keys()])].sort()) {
    if (set.members.has(key)) yield [...prefix, key];
    const child = set.children.get(key);
    if (child) yield* paths(child, [...prefix, key]);
  }
}

/** A path as conflict messages show it: `.spec.containers[name="app"].image`. */
export function pathText(path: readonly string[]): string {
  return path
    .map((element) => {
      const text = element.slice(2);
      if (element.startsWith("f:")) return `.${text}`;
      if (element.startsWith("v:")) return `[=${text}]`;
      const keys = JSON.parse(text) as Obj;
      return `[${Object.entries(keys)
        .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
        .join(",")}]`;
    })
    .join("");
}

export function toFieldsV1(set: FieldSet): Obj {
  const out: Obj = {};
  for (const key of [...new Set([...set.members, ...set.children.keys()])].sort()) {
    const child = set.children.get(key);
    const below = child && !isEmpty(child) ? toFieldsV1(child) : {};
    if (!set.members.has(key) && Object.keys(below).length === 0) continue;
    out[key] = set.members.has(key) && Object.keys(below).length > 0 ? { ".": {}, ...below } : below;
  }
  return out;
}

export function fromFieldsV1(fields: unknown): FieldSet {
  const set = emptySet();
  if (!isObj(fields)) return set;
  for (const [key, value] of Object.entries(fields)) {
    if (key === "." || !isObj(value)) continue;
    const names = Object.keys(value);
    if (names.length === 0 || names.includes(".")) set.members.add(key);
    if (names.some((name) => name !== ".")) set.children.set(key, fromFieldsV1(value));
  }
  return set;
}
