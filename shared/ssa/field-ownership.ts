/** Who owns a field, read from managedFields. */
import { isDeepStrictEqual } from "node:util";

import type { ManagedFieldsEntry, KubeObject } from "../api/kube-object.ts";
import { indexOf, lookUp, type Pointer } from "./json-pointer.ts";

type Fields = Readonly<Record<string, unknown>>;

/**
 * Whether anybody but `manager` applies the field; updates and subresources do not count, as in Flux. A list item that
 * nobody owns by its key belongs to nobody else.
 */
export function isAppliedByOther(
  object: KubeObject,
  entries: readonly ManagedFieldsEntry[],
  pointer: Pointer,
  manager: string,
): boolean {
  const applied = entries.filter(({ operation, subresource }) => operation === "Apply" && !subresource);
  const path = pathOf(object, applied, pointer);
  return path !== undefined && applied.some((entry) => entry.manager !== manager && walk(entry.fieldsV1, path));
}

/** `/spec/containers/0/image` as `f:spec`, `f:containers`, `k:{"name":"web"}`, `f:image`; undefined when an item has no key. */
function pathOf(
  object: KubeObject,
  applied: readonly ManagedFieldsEntry[],
  pointer: Pointer,
): readonly string[] | undefined {
  const path: string[] = [];
  for (const [depth, step] of pointer.entries()) {
    const list = lookUp(object, pointer.slice(0, depth))?.value;
    if (!Array.isArray(list)) {
      path.push(`f:${step}`);
      continue;
    }
    const item: unknown = list[indexOf(step) ?? -1];
    const keys = applied.flatMap(({ fieldsV1 }) => Object.keys(walk(fieldsV1, path) ?? {}));
    const key = keys.find((name) => name.startsWith("k:") && hasKey(item, name.slice(2)));
    if (key === undefined) return undefined;
    path.push(key);
  }
  return path;
}

function walk(fields: Fields | undefined, path: readonly string[]): Fields | undefined {
  return path.reduce<Fields | undefined>((at, step) => at?.[step] as Fields | undefined, fields);
}

function hasKey(item: unknown, key: string): boolean {
  if (typeof item !== "object" || item === null) return false;
  const names = Object.entries(JSON.parse(key) as Fields);
  return names.every(([name, value]) => isDeepStrictEqual((item as Fields)[name], value));
}

/** The entries that own the field, or what it is a part of as a whole; of any operation, subresources too. */
export function findOwners(object: KubeObject, pointer: Pointer): readonly ManagedFieldsEntry[] {
  return (object.metadata.managedFields ?? []).filter(({ fieldsV1 }) => owns(fieldsV1, object, pointer));
}

function owns(given: Fields | undefined, object: KubeObject, pointer: Pointer): boolean {
  let fields = given ?? {};
  let value: unknown = object;
  for (const [depth, step] of pointer.entries()) {
    // No fields below: the owner has it as a whole.
    if (Object.keys(fields).length === 0) return depth > 0;
    const below = lookUp(value, [step])?.value;
    const name = Array.isArray(value) ? Object.keys(fields).find((key) => isItem(key, below)) : `f:${step}`;
    const next = name === undefined ? undefined : fields[name];
    if (typeof next !== "object" || next === null) return false;
    fields = next as Fields;
    value = below;
  }
  return true;
}

/** `k:` names an item of a list by its keys, `v:` one of a set by its value. */
function isItem(name: string, item: unknown): boolean {
  if (name.startsWith("k:")) return hasKey(item, name.slice(2));
  return name.startsWith("v:") && isDeepStrictEqual(JSON.parse(name.slice(2)), item);
}

/**
 * What `owner` has of the object and none of the others has, not even in part: each leaf and each list item by its
 * pointer. What the object does not have, and its status, are left out.
 */
export function findOwnedAlone(object: KubeObject, owner: Fields, others: readonly Fields[]): readonly Pointer[] {
  const { "f:status": _, ...fields } = owner;
  return ownedAlone(object, fields, others, []);
}

function ownedAlone(value: unknown, owner: Fields, others: readonly Fields[], above: Pointer): readonly Pointer[] {
  return Object.entries(owner).flatMap(([name, given]) => {
    const step = stepOf(name, value);
    const at = step === undefined ? undefined : lookUp(value, [step]);
    if (step === undefined || !at) return [];
    const pointer = [...above, step];
    const below = given as Fields;
    const shared = others.map((fields) => fields[name] as Fields | undefined).filter((fields) => fields !== undefined);
    const isWhole = !name.startsWith("f:") || Object.keys(below).every((key) => key === ".");
    if (shared.length === 0 && isWhole) return [pointer];
    return ownedAlone(at.value, below, shared, pointer);
  });
}

function stepOf(name: string, value: unknown): string | undefined {
  if (name.startsWith("f:")) return name.slice(2);
  if (name.startsWith("i:")) return name.slice(2);
  const index = Array.isArray(value) ? value.findIndex((item) => isItem(name, item)) : -1;
  return index < 0 ? undefined : String(index);
}
