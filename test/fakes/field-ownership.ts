/** Who owns which field, as simple tries in the form of `fieldsV1`: enough of server-side apply for tests of the engine. */
import type { KubeObject, ManagedFieldsEntry } from "../../shared/api/kube-object.ts";

export type Trie = Readonly<Record<string, unknown>>;
type Json = Record<string, unknown>;

/** Fields that nobody owns. */
const envelope = new Set(["apiVersion", "kind"]);
const serverMetadata = new Set([
  "name",
  "namespace",
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "deletionTimestamp",
  "managedFields",
]);

export const isMap = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Lists whose items all have a name are merged by it; any other list is one value. */
export function isNamedList(value: unknown): value is readonly (Json & { name: string })[] {
  return (
    Array.isArray(value) && value.length > 0 && value.every((item) => isMap(item) && typeof item.name === "string")
  );
}

const itemKey = (name: string): string => `k:${JSON.stringify({ name })}`;

export function trieOf(object: KubeObject): Trie {
  const trie: Json = {};
  for (const [name, value] of Object.entries(object)) {
    if (envelope.has(name) || value === undefined) continue;
    if (name !== "metadata") trie[`f:${name}`] = trieOfValue(value);
    else {
      const own = Object.entries(object.metadata).filter(([field]) => !serverMetadata.has(field));
      if (own.length > 0) trie["f:metadata"] = trieOfValue(Object.fromEntries(own));
    }
  }
  return trie;
}

function trieOfValue(value: unknown): Trie {
  if (isNamedList(value))
    return Object.fromEntries(value.map((item) => [itemKey(item.name), { ".": {}, ...trieOfValue(item) }]));
  if (!isMap(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [`f:${name}`, trieOfValue(field)]));
}

/** What of `object` the trie does not name any more is taken out, where nobody else's trie names it. */
export function removeOwned(object: unknown, before: Trie, after: Trie, others: readonly Trie[]): unknown {
  if (isNamedList(object)) {
    const kept = object.filter(({ name }) => {
      const key = itemKey(name);
      return !(key in before) || key in after || others.some((other) => key in other);
    });
    return kept.map((item) => step(item, itemKey(item.name), before, after, others));
  }
  if (!isMap(object)) return object;
  const result: Json = {};
  for (const [name, value] of Object.entries(object)) {
    const key = `f:${name}`;
    const gone = key in before && !(key in after) && !others.some((other) => key in other);
    const isLeaf = !isMap(value) && !isNamedList(value);
    if (gone && (isLeaf || Object.keys(before[key] as Trie).length === 0)) continue;
    const next = step(value, key, before, after, others);
    if (gone && isEmpty(next)) continue;
    result[name] = next;
  }
  return result;
}

function step(value: unknown, key: string, before: Trie, after: Trie, others: readonly Trie[]): unknown {
  const at = (trie: Trie) => (trie[key] ?? {}) as Trie;
  return removeOwned(value, at(before), at(after), others.filter((other) => key in other).map(at));
}

const isEmpty = (value: unknown): boolean =>
  Array.isArray(value) ? value.length === 0 : isMap(value) && Object.keys(value).length === 0;

/** Merges an applied configuration: maps by key, named lists by name, everything else replaced. */
export function mergeApplied(live: unknown, applied: unknown): unknown {
  if (isNamedList(live) && isNamedList(applied)) {
    const known = new Map(live.map((item) => [item.name, item]));
    for (const item of applied)
      known.set(item.name, mergeApplied(known.get(item.name), item) as Json & { name: string });
    return [...known.values()];
  }
  if (!isMap(live) || !isMap(applied)) return applied;
  const result = { ...live };
  for (const [name, value] of Object.entries(applied)) result[name] = mergeApplied(live[name], value);
  return result;
}

/** The leaves of `trie` at which both objects have a value and the values differ, as a trie. */
export function differing(trie: Trie, a: unknown, b: unknown): Trie {
  const result: Json = {};
  for (const [key, below] of Object.entries(trie)) {
    if (key === ".") continue;
    const [from, to] = [child(a, key), child(b, key)];
    if (from === undefined || to === undefined) continue;
    if (Object.keys(below as Trie).length > 0) {
      const deeper = differing(below as Trie, from, to);
      if (Object.keys(deeper).length > 0) result[key] = deeper;
    } else if (JSON.stringify(from) !== JSON.stringify(to)) result[key] = {};
  }
  return result;
}

function child(value: unknown, key: string): unknown {
  if (key.startsWith("f:")) return isMap(value) ? value[key.slice(2)] : undefined;
  const { name } = JSON.parse(key.slice(2)) as { name: string };
  return isNamedList(value) ? value.find((item) => item.name === name) : undefined;
}

export function subtract(trie: Trie, gone: Trie): Trie {
  const result: Json = {};
  for (const [key, below] of Object.entries(trie)) {
    const taken = gone[key] as Trie | undefined;
    if (!taken) result[key] = below;
    else if (Object.keys(taken).length > 0) {
      const rest = subtract(below as Trie, taken);
      if (Object.keys(rest).length > 0) result[key] = rest;
    }
  }
  return result;
}

/** What an update changed: the leaves of `after` that are new or other than before. */
export function changed(before: unknown, after: unknown): Trie {
  const result: Json = {};
  const keyed: readonly (readonly [string, unknown])[] = isNamedList(after)
    ? after.map((item) => [itemKey(item.name), item] as const)
    : isMap(after)
      ? Object.entries(after).map(([name, value]) => [`f:${name}`, value] as const)
      : [];
  for (const [key, value] of keyed) {
    const old = child(before, key);
    if (JSON.stringify(old) === JSON.stringify(value)) continue;
    if (old !== undefined && (isMap(value) || isNamedList(value))) {
      const deeper = changed(old, value);
      if (Object.keys(deeper).length > 0) result[key] = deeper;
    } else result[key] = key.startsWith("k:") ? { ".": {}, ...trieOfValue(value) } : trieOfValue(value);
  }
  return result;
}

export function union(a: Trie, b: Trie): Trie {
  const result: Json = { ...a };
  for (const [key, value] of Object.entries(b)) result[key] = union((result[key] ?? {}) as Trie, value as Trie);
  return result;
}

export const isSame = (entry: ManagedFieldsEntry, manager: string, operation: string, subresource?: string): boolean =>
  entry.manager === manager && entry.operation === operation && entry.subresource === subresource;
