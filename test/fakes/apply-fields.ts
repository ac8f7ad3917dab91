/** The next state of an object after an apply or an update, with the managedFields that an API server would write. */
import type { KubeObject, ManagedFieldsEntry } from "../../shared/api/kube-object.ts";
import { KubeError } from "../../shared/kubernetes/cluster.ts";
import {
  changed,
  differing,
  isMap,
  isSame,
  mergeApplied,
  removeOwned,
  subtract,
  type Trie,
  trieOf,
  union,
} from "./field-ownership.ts";

export interface WriteBy {
  readonly fieldManager: string;
  readonly subresource?: "status" | undefined;
  readonly time: string;
}

/** @throws KubeError Conflict when another manager owns a field with another value and `force` is not set */
export function applied(
  live: KubeObject | undefined,
  wanted: KubeObject,
  { fieldManager, force, time }: WriteBy & { readonly force: boolean },
): KubeObject {
  const entries = live?.metadata.managedFields ?? [];
  const mine = entries.find((entry) => isSame(entry, fieldManager, "Apply"));
  const others = entries.filter((entry) => entry !== mine);
  const trie = trieOf(wanted);
  const kept = others.flatMap((entry) => {
    const fields = (entry.fieldsV1 ?? {}) as Trie;
    const taken = live ? differing(overlap(fields, trie), live, wanted) : {};
    if (Object.keys(taken).length === 0) return [entry];
    if (!force) throw conflict(entry, taken);
    const rest = subtract(fields, taken);
    return Object.keys(rest).length > 0 ? [{ ...entry, fieldsV1: rest }] : [];
  });
  const tries = kept.map(({ fieldsV1 }) => (fieldsV1 ?? {}) as Trie);
  const cleaned = live ? removeOwned(live, mine?.fieldsV1 ?? {}, trie, tries) : {};
  const merged = mergeApplied(cleaned, wanted) as KubeObject;
  const entry: ManagedFieldsEntry = {
    manager: fieldManager,
    operation: "Apply",
    apiVersion: wanted.apiVersion,
    time,
    fieldsType: "FieldsV1",
    fieldsV1: trie,
  };
  return { ...merged, metadata: { ...merged.metadata, managedFields: [entry, ...kept] } };
}

/** An update takes the fields that it changes away from everybody else. */
export function updated(
  live: KubeObject | undefined,
  next: KubeObject,
  { fieldManager, subresource, time }: WriteBy,
): KubeObject {
  const given = next.metadata.managedFields ?? [];
  // Somebody who writes managedFields means them.
  if (live && JSON.stringify(given) !== JSON.stringify(live.metadata.managedFields ?? [])) return next;
  const mine = changedFields(live, next);
  if (Object.keys(mine).length === 0) return next;
  const before = given.find((entry) => isSame(entry, fieldManager, "Update", subresource));
  const others = given.flatMap((entry) => {
    if (entry === before) return [];
    const rest = subtract(entry.fieldsV1 ?? {}, overlap(mine, entry.fieldsV1 ?? {}));
    return Object.keys(rest).length > 0 ? [{ ...entry, fieldsV1: rest }] : [];
  });
  const entry: ManagedFieldsEntry = {
    manager: fieldManager,
    operation: "Update",
    apiVersion: next.apiVersion,
    time,
    fieldsType: "FieldsV1",
    fieldsV1: union(before?.fieldsV1 ?? {}, mine),
    ...(subresource ? { subresource } : {}),
  };
  return { ...next, metadata: { ...next.metadata, managedFields: [...others, entry] } };
}

function changedFields(live: KubeObject | undefined, next: KubeObject): Trie {
  if (!live) return trieOf(next);
  const all = changed(live, next);
  const names = trieOf(next);
  return overlap(all, names);
}

/** Of `a`, what `b` names too. */
function overlap(a: Trie, b: Trie): Trie {
  const result: Record<string, unknown> = {};
  for (const [key, below] of Object.entries(a)) {
    if (!(key in b)) continue;
    const deeper = overlap(below as Trie, b[key] as Trie);
    const isLeaf = Object.keys(below as Trie).length === 0;
    if (isLeaf || Object.keys(deeper).length > 0) result[key] = deeper;
  }
  return result;
}

function conflict({ manager }: ManagedFieldsEntry, taken: Trie): KubeError {
  const path = pathOf(taken);
  return new KubeError(409, "Conflict", `Apply failed with 1 conflict: conflict with "${manager}": ${path}`, {
    details: { causes: [{ reason: "FieldManagerConflict", message: `conflict with "${manager}"`, field: path }] },
  });
}

function pathOf(trie: Trie): string {
  const [[key, below] = ["", {}]] = Object.entries(trie);
  const name = key.startsWith("f:") ? `.${key.slice(2)}` : `[${key.slice(2)}]`;
  return Object.keys(below as Trie).length === 0 ? name : `${name}${pathOf(below as Trie)}`;
}

/** Whether a manager's entry names the field, e.g. `owns(object, "kustomize-controller", "f:spec", "f:replicas")`. */
export function owns(object: KubeObject, manager: string, ...path: readonly string[]): boolean {
  return (object.metadata.managedFields ?? [])
    .filter((entry) => entry.manager === manager)
    .some(({ fieldsV1 }) => {
      let at: unknown = fieldsV1;
      for (const step of path) at = isMap(at) ? at[step] : undefined;
      return at !== undefined;
    });
}
