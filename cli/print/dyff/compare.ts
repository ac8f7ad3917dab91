/** Finds what differs between two manifests and where, by the rules of dyff, which Flux's CLI reports with. */
import { findIdentifier, type Identifier } from "./identify.ts";
import { hashOf, isList, isMap, keysOf, type MapNode, textOf, typeOf } from "./node.ts";

export type Detail =
  | { readonly kind: "added"; readonly to: unknown }
  | { readonly kind: "removed"; readonly from: unknown }
  | { readonly kind: "modified"; readonly from: unknown; readonly to: unknown }
  | { readonly kind: "reordered"; readonly from: readonly unknown[]; readonly to: readonly unknown[] };

export interface Difference {
  /** Fields, names of list entries, and indices. Empty at the root. */
  readonly path: readonly string[];
  readonly details: readonly Detail[];
}

type List = readonly unknown[];
type Path = readonly string[];

/** In the order of the keys; what a map or list gained and lost stands before what changed within. */
export function compareNodes(from: unknown, to: unknown, path: Path = []): readonly Difference[] {
  if (typeOf(from) !== typeOf(to)) return [{ path, details: [{ kind: "modified", from, to }] }];
  if (isMap(from) && isMap(to)) return compareMaps(from, to, path);
  if (isList(from) && isList(to)) return compareLists(from, to, path);
  return textOf(from) === textOf(to) ? [] : [{ path, details: [{ kind: "modified", from, to }] }];
}

function compareMaps(from: MapNode, to: MapNode, path: Path): readonly Difference[] {
  const has = (map: MapNode, key: string) => map[key] !== undefined;
  const pick = (map: MapNode, keys: readonly string[]) => Object.fromEntries(keys.map((key) => [key, map[key]]));
  const removed = keysOf(from).filter((key) => !has(to, key));
  const added = keysOf(to).filter((key) => !has(from, key));
  const within = keysOf(from)
    .filter((key) => has(to, key))
    .flatMap((key) => compareNodes(from[key], to[key], [...path, key]));
  const details: Detail[] = [
    ...(removed.length > 0 ? [{ kind: "removed", from: pick(from, removed) } as const] : []),
    ...(added.length > 0 ? [{ kind: "added", to: pick(to, added) } as const] : []),
  ];
  return withDetails(path, details, within);
}

function compareLists(from: List, to: List, path: Path): readonly Difference[] {
  if (from.length === 0 && to.length === 0) return [];
  const identifier = findIdentifier(from, to);
  return identifier ? compareNamed(from, to, identifier, path) : compareByContent(from, to, path);
}

function compareNamed(from: List, to: List, identifier: Identifier, path: Path): readonly Difference[] {
  const find = (list: List, name: string | undefined) => list.find((entry) => identifier(entry) === name);
  const isIn = (list: List) => (entry: unknown) => find(list, identifier(entry)) !== undefined;
  const commonFrom = from.filter(isIn(to));
  const commonTo = to.filter(isIn(from));
  const within = commonFrom.flatMap((entry) => {
    const name = identifier(entry);
    return compareNodes(entry, find(to, name), [...path, name ?? ""]);
  });
  const namesOf = (list: List) => list.map((entry) => identifier(entry) ?? "");
  const names = [namesOf(commonFrom), namesOf(commonTo)] as const;
  const reordered = names[0].some((name, index) => names[1].lastIndexOf(name) !== index);
  const removed = from.filter((entry) => !isIn(to)(entry));
  const added = to.filter((entry) => !isIn(from)(entry));
  return withDetails(path, listDetails(reordered ? names : undefined, removed, added), within);
}

function compareByContent(from: List, to: List, path: Path): readonly Difference[] {
  if (from.length === 1 && to.length === 1) return compareNodes(from[0], to[0], [...path, "0"]);
  const common = (list: List, other: List) => {
    const hashes = new Set(other.map(hashOf));
    return list.filter((entry) => hashes.has(hashOf(entry)));
  };
  const [commonFrom, commonTo] = [common(from, to), common(to, from)];
  const isReordered =
    commonFrom.length === commonTo.length &&
    commonFrom.some((entry, index) => hashOf(entry) !== hashOf(commonTo[index]));
  const order: [List, List] | undefined = isReordered ? [commonFrom, commonTo] : undefined;
  return withDetails(path, listDetails(order, surplus(from, to), surplus(to, from)), []);
}

/** Entries that the other list does not have, or has less often. */
function surplus(list: List, other: List): List {
  const count = (entries: List, hash: string) => entries.filter((entry) => hashOf(entry) === hash).length;
  const told = new Set<string>();
  return list.flatMap((entry) => {
    const hash = hashOf(entry);
    const others = count(other, hash);
    if (others === 0) return [entry];
    if (told.has(hash)) return [];
    told.add(hash);
    return Array.from({ length: Math.max(0, count(list, hash) - others) }, () => entry);
  });
}

const listDetails = (order: readonly [List, List] | undefined, removed: List, added: List): readonly Detail[] => [
  ...(order ? [{ kind: "reordered", from: order[0], to: order[1] } as const] : []),
  ...(removed.length > 0 ? [{ kind: "removed", from: removed } as const] : []),
  ...(added.length > 0 ? [{ kind: "added", to: added } as const] : []),
];

const withDetails = (path: Path, details: readonly Detail[], within: readonly Difference[]): readonly Difference[] =>
  details.length > 0 ? [{ path, details }, ...within] : within;
