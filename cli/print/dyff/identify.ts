/** How entries of two lists are recognised: by a field such as `name`, or as Kubernetes objects. */
import { isMap, keysOf, textOf, typeOf } from "./node.ts";

/** The name of an entry; undefined when it has none. */
export type Identifier = (entry: unknown) => string | undefined;

const candidates = ["name", "key", "id", "manager"];
/** Fields with other names are believed only in lists that are longer than this. */
const guessAbove = 3;

type List = readonly unknown[];

/** Undefined for lists that are compared by content alone. */
export function findIdentifier(from: List, to: List): Identifier | undefined {
  const known = candidates.find((field) => isUnique(from, field) && isUnique(to, field));
  const field = known ?? guess(from, to);
  if (field !== undefined) return byField(field);
  return [...from, ...to].every((entry) => nameOfObject(entry) !== undefined) ? nameOfObject : undefined;
}

const byField =
  (field: string): Identifier =>
  (entry) =>
    isMap(entry) && field in entry ? textOf(entry[field]) : undefined;

function isUnique(list: List, field: string): boolean {
  const values = new Set(list.filter(isMap).flatMap((entry) => (field in entry ? [textOf(entry[field])] : [])));
  return list.length > 0 && values.size === list.length;
}

function guess(from: List, to: List): string | undefined {
  if (from.length <= guessAbove || ![...from, ...to].every(isMap)) return undefined;
  const [first] = from;
  const fields = isMap(first) ? keysOf(first).filter((field) => typeOf(first[field]) === "string") : [];
  const areTexts = (list: List, field: string) =>
    list.every((entry) => isMap(entry) && typeOf(entry[field]) === "string");
  return fields.find((field) => [from, to].every((list) => areTexts(list, field) && isUnique(list, field)));
}

function nameOfObject(entry: unknown): string | undefined {
  if (!isMap(entry)) return undefined;
  const { apiVersion, kind, metadata } = entry;
  if (!isMap(metadata) || apiVersion === undefined || kind === undefined || metadata.name === undefined)
    return undefined;
  const namespace = metadata.namespace === undefined ? [] : [textOf(metadata.namespace)];
  return [textOf(apiVersion), textOf(kind), ...namespace, textOf(metadata.name)].join("/");
}
