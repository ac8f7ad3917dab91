/**
 * Kubernetes' structured merge: which fields an object sets, how two objects differ, and how a configuration merges
 * into a live object; granular maps, associative lists by key, sets, and atomic values.
 */
import { emptySet, insert, isEmpty, type FieldSet } from "./field-set.ts";
import { equal, isObj, listOf, objOf, type Obj } from "./json.ts";
import {
  declaredField,
  fieldSchema,
  isAtomicList,
  isAtomicMap,
  itemSchema,
  ANY,
  shapeOf,
  type Schema,
} from "./schema.ts";

export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

const isBlank = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === "object" && Object.keys(value).length === 0);

/** How a list item is named in paths: by its keys (a key's default counts), or by its value in a set. */
export function itemElement(schema: Schema, item: unknown): string {
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  if (keys.length === 0) return `v:${JSON.stringify(item)}`;
  const named: Obj = {};
  for (const key of [...keys].sort()) {
    const value = objOf(item)[key] ?? declaredField(itemSchema(schema), key)?.default;
    if (value !== undefined) named[key] = value;
  }
  return `k:${JSON.stringify(named)}`;
}

/** What makes the value unfit for its schema, as `path: message`; duplicates count only where `strict`. */
export function schemaErrors(schema: Schema, value: unknown, path = "", strict = true): string[] {
  if (value === null || value === undefined) return [];
  const shape = shapeOf(schema, value);
  if (shape === "scalar") return scalarErrors(schema, value, path);
  if (shape === "list")
    return Array.isArray(value)
      ? listErrors(schema, value, path, strict)
      : [`${path}: expected list, got ${goText(value)}`];
  if (!isObj(value)) return [`${path}: expected map, got ${goText(value)}`];
  return Object.entries(value).flatMap(([name, field]) => {
    const below = fieldSchema(schema, name);
    return below
      ? schemaErrors(below, field, `${path}.${name}`, strict)
      : [`${path}.${name}: field not declared in schema`];
  });
}

function listErrors(schema: Schema, list: readonly unknown[], path: string, strict: boolean): string[] {
  const seen = new Set<string>();
  return list.flatMap((item, index) => {
    if (isAtomicList(schema)) return schemaErrors(itemSchema(schema), item, `${path}[${index}]`, strict);
    const element = itemElement(schema, item);
    const keys = schema["x-kubernetes-list-map-keys"];
    if (keys && element === "k:{}")
      return [
        `${path}: element ${index}: associative list with keys has an element that omits all key fields [${keys.map((key) => `"${key}"`).join(" ")}] (and doesn't have default values for any key fields)`,
      ];
    const twice = strict && seen.has(element) ? [`${path}: duplicate entries for key ${elementText(element)}`] : [];
    seen.add(element);
    return [...twice, ...schemaErrors(itemSchema(schema), item, path + elementText(element), strict)];
  });
}

const elementText = (element: string): string =>
  element.startsWith("v:")
    ? `[=${element.slice(2)}]`
    : `[${Object.entries(JSON.parse(element.slice(2)) as Obj)
        .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
        .join(",")}]`;

function scalarErrors(schema: Schema, value: unknown, path: string): string[] {
  if (typeof value === "object")
    return [
      `${path}: expected ${schema.type === "string" ? "string" : "scalar"}, got &value.valueUnstructured{Value:${goText(value)}}`,
    ];
  if (schema.type === "string" && typeof value !== "string")
    return [`${path}: expected string, got &value.valueUnstructured{Value:${JSON.stringify(value)}}`];
  if ((schema.type === "integer" || schema.type === "number") && typeof value !== "number")
    return [`${path}: expected numeric (int or float), got ${typeof value === "boolean" ? "bool" : typeof value}`];
  if (schema.type === "boolean" && typeof value !== "boolean")
    return [`${path}: expected boolean, got &{${JSON.stringify(value)}}`];
  return [];
}

const goText = (value: unknown): string => `&{${typeof value === "string" ? value : JSON.stringify(value)}}`;

/** The fields that an object sets. */
export function fieldsOf(schema: Schema, value: unknown): FieldSet {
  const set = emptySet();
  collect(schema, value, [], set);
  return set;
}

function collect(schema: Schema, value: unknown, path: readonly string[], set: FieldSet): void {
  const shape = shapeOf(schema, value);
  if (shape === "scalar" || (shape === "list" && isAtomicList(schema)) || (shape === "map" && isAtomicMap(schema))) {
    insert(set, path);
    return;
  }
  if (shape === "list") {
    const elements = listOf(value).map((item) => itemElement(schema, item));
    listOf(value).forEach((item, index) => {
      const element = elements[index] ?? "";
      if (elements.indexOf(element) === elements.lastIndexOf(element))
        collect(itemSchema(schema), item, [...path, element], set);
      insert(set, [...path, element]);
    });
    return;
  }
  for (const [name, field] of Object.entries(objOf(value))) {
    const below = [...path, `f:${name}`];
    collect(fieldSchema(schema, name) ?? ANY, field, below, set);
    const blank = field === null || (isObj(field) && Object.keys(field).length === 0);
    if (blank || !declaredField(schema, name)) insert(set, below);
  }
}

export function compare(schema: Schema, before: unknown, after: unknown): Comparison {
  const result: Comparison = { added: emptySet(), modified: emptySet(), removed: emptySet() };
  compareAt(schema, before, after, [], result);
  return result;
}

function compareAt(schema: Schema, l: unknown, r: unknown, path: readonly string[], result: Comparison): void {
  const shapes =
    r === undefined
      ? [shapeOf(schema, l)]
      : l === undefined
        ? [shapeOf(schema, r)]
        : [shapeOf(schema, l), shapeOf(schema, r)];
  let leaf = false;
  for (const shape of new Set(shapes)) leaf = compareShape(shape, schema, l, r, path, result);
  if (leaf) {
    if (l === undefined) insert(result.added, path);
    else if (r === undefined) insert(result.removed, path);
    else if (!equal(l, r)) insert(result.modified, path);
  } else if (l === undefined) insert(result.added, path);
  else if (r === undefined) insert(result.removed, path);
}

/** Compares below; true when this value is a leaf itself. */
function compareShape(
  shape: string,
  schema: Schema,
  l: unknown,
  r: unknown,
  path: readonly string[],
  result: Comparison,
): boolean {
  if (shape === "scalar") return true;
  const atomic = shape === "list" ? isAtomicList(schema) : isAtomicMap(schema);
  if (atomic || (isBlank(l) && isBlank(r))) return true;
  if (shape === "list") {
    compareItems(schema, listOf(l), listOf(r), path, result);
    return false;
  }
  const [left, right] = [objOf(l), objOf(r)];
  for (const name of new Set([...Object.keys(left), ...Object.keys(right)]))
    compareAt(fieldSchema(schema, name) ?? ANY, left[name], right[name], [...path, `f:${name}`], result);
  return false;
}

function compareItems(
  schema: Schema,
  l: readonly unknown[],
  r: readonly unknown[],
  path: readonly string[],
  result: Comparison,
): void {
  const [left, right] = [grouped(schema, l), grouped(schema, r)];
  for (const element of new Set([...left.keys(), ...right.keys()])) {
    const [before = [], after = []] = [left.get(element), right.get(element)];
    const below = [...path, element];
    if (before.length <= 1 && after.length <= 1) compareAt(itemSchema(schema), before[0], after[0], below, result);
    else if (before.length >= 2 && after.length >= 2) {
      if (!equal(before, after)) insert(result.modified, below);
    } else if (before.length >= 2) {
      if (after.length > 0) compareAt(itemSchema(schema), undefined, after[0], below, result);
      insert(result.removed, below);
    } else {
      if (before.length > 0) compareAt(itemSchema(schema), before[0], undefined, below, result);
      insert(result.added, below);
    }
  }
}

function grouped(schema: Schema, items: readonly unknown[]): Map<string, unknown[]> {
  const groups = new Map<string, unknown[]>();
  for (const item of items) {
    const element = itemElement(schema, item);
    groups.set(element, [...(groups.get(element) ?? []), item]);
  }
  return groups;
}

/** `config` merged into `live`: what both set is the config's, what only one sets stays. */
export function merge(schema: Schema, live: unknown, config: unknown): unknown {
  const shape = shapeOf(schema, config ?? live);
  if (shape === "scalar") return config === undefined ? live : config;
  const atomic = shape === "list" ? isAtomicList(schema) : isAtomicMap(schema);
  if (atomic || (isBlank(live) && isBlank(config))) return config === undefined ? live : config;
  if (shape === "list") {
    const out = mergeItems(schema, listOf(live), listOf(config));
    return out.length > 0 ? out : undefined;
  }
  const [left, right] = [objOf(live), objOf(config)];
  const out: Obj = {};
  for (const name of new Set([...Object.keys(left), ...Object.keys(right)])) {
    const value = merge(fieldSchema(schema, name) ?? ANY, left[name], right[name]);
    if (value !== undefined) out[name] = value;
  }
  return Object.keys(out).length > 0 ? out : undefined;
}

/** The config's order rules; items that only the live list has keep their place relative to shared ones. */
function mergeItems(schema: Schema, live: readonly unknown[], config: readonly unknown[]): unknown[] {
  const right = grouped(schema, config);
  const left = grouped(schema, live);
  const lKeys = live.map((item) => itemElement(schema, item));
  const rKeys = config.map((item) => itemElement(schema, item));
  const shared = rKeys.filter((key) => left.has(key));
  const taken = new Set<string>();
  const out: unknown[] = [];
  const push = (key: string, own?: unknown): void => {
    const lefts = left.get(key) ?? [];
    const before = own ?? (lefts.length === 1 ? lefts[0] : undefined);
    const value = merge(itemSchema(schema), before, own === undefined ? right.get(key)?.[0] : undefined);
    if (value !== undefined) out.push(value);
  };
  let [l, r] = [0, 0];
  while (l < lKeys.length || r < rKeys.length) {
    const [lKey, rKey] = [lKeys[l], rKeys[r]];
    if (lKey !== undefined && rKey !== undefined) {
      if (lKey === rKey) {
        taken.add(lKey);
        push(lKey);
        l++;
        r++;
        shared.shift();
        continue;
      }
      if (right.has(lKey) && shared[0] !== undefined && shared[0] !== lKey) {
        l++;
        continue;
      }
    }
    if (lKey !== undefined) {
      if (!right.has(lKey)) {
        push(lKey, live[l]);
        l++;
        continue;
      }
      if (taken.has(lKey)) l++;
    }
    if (rKey !== undefined) {
      taken.add(rKey);
      push(rKey);
      r++;
      if (shared[0] === rKey) shared.shift();
    }
  }
  return out;
}

/** The value without the members of `set`; a container emptied by it stays, empty. */
export function removeFields(schema: Schema, value: unknown, set: FieldSet): unknown {
  const shape = shapeOf(schema, value);
  if (shape === "scalar") return value;
  if (isBlank(value)) return null;
  if (shape === "list") {
    if (isAtomicList(schema)) return null;
    return listOf(value).flatMap((item) => {
      const element = itemElement(schema, item);
      if (set.members.has(element)) return [];
      const below = set.children.get(element);
      return [below && !isEmpty(below) ? removeBelow(itemSchema(schema), item, below) : item];
    });
  }
  if (isAtomicMap(schema)) return null;
  const out: Obj = {};
  for (const [name, field] of Object.entries(objOf(value))) {
    if (set.members.has(`f:${name}`)) continue;
    const below = set.children.get(`f:${name}`);
    out[name] = below && !isEmpty(below) ? removeBelow(fieldSchema(schema, name) ?? ANY, field, below) : field;
  }
  return out;
}

function removeBelow(schema: Schema, value: unknown, set: FieldSet): unknown {
  return removeFields(schema, value, set) ?? (Array.isArray(value) ? [] : isObj(value) ? {} : null);
}
