/** How an object goes: the preconditions of a DELETE, the finalizers that hold it, and the mark it bears until then. */
import { at, listOf, objOf, withAt, type Obj } from "./json.ts";
import type { Resource } from "./resources.ts";
import * as failure from "./status-error.ts";
import { metaText } from "./write-rules.ts";

export interface DeleteRequest {
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly propagation?: string;
  readonly dryRun: boolean;
}

/** Keeps a deleted definition until its objects are gone. */
export const CLEANUP = "customresourcecleanup.apiextensions.k8s.io";

/** A namespace is kept by `spec.finalizers` until its content is gone. */
export const heldBySpec = (resource: Resource, object: Obj): boolean =>
  resource.kind === "Namespace" && !resource.custom && listOf(at(object, "spec", "finalizers")).length > 0;

function withPropagation(finalizers: readonly string[], propagation: string | undefined): string[] {
  const rest = finalizers.filter(
    (name) => propagation === undefined || (name !== "orphan" && name !== "foregroundDeletion"),
  );
  if (propagation === "Foreground") return [...rest, "foregroundDeletion"];
  return propagation === "Orphan" ? [...rest, "orphan"] : rest;
}

export function requirePrecondition(resource: Resource, old: Obj, { uid, resourceVersion }: DeleteRequest): void {
  const refuse = (label: string, wanted: string, field: string, verb: string): failure.StatusError =>
    failure.conflict(
      { group: resource.group, plural: resource.kind },
      metaText(old, "name"),
      `the ${label} in the precondition (${wanted}) does not match the ${label} in record (${metaText(old, field)}). The object might have been ${verb}`,
    );
  if (uid !== undefined && uid !== metaText(old, "uid")) throw refuse("UID", uid, "uid", "deleted and then recreated");
  if (resourceVersion !== undefined && resourceVersion !== metaText(old, "resourceVersion"))
    throw refuse("ResourceVersion", resourceVersion, "resourceVersion", "modified");
}

/** The finalizers of an object that is being deleted: its own, those of the propagation, and a definition's clean-up. */
export function finalizersOnDeletion(resource: Resource, old: Obj, propagation: string | undefined): readonly string[] {
  const named = withPropagation(listOf(at(old, "metadata", "finalizers")).map(String), propagation);
  const cleans = resource.kind === "CustomResourceDefinition" && !metaText(old, "deletionTimestamp");
  return cleans ? [...new Set([...named, CLEANUP])] : named;
}

/** An object that stays, being deleted since `now` (RFC 3339), until its finalizers are gone. */
export function markedDeleted(resource: Resource, old: Obj, finalizers: readonly string[], now: string): Obj {
  let marked: Obj = {
    ...old,
    metadata: {
      ...objOf(old.metadata),
      ...(finalizers.length > 0 ? { finalizers } : {}),
      deletionTimestamp: now,
    },
  };
  if (resource.kind === "Namespace" && !resource.custom) marked = withAt(marked, ["status", "phase"], "Terminating");
  else marked = withAt(marked, ["metadata", "deletionGracePeriodSeconds"], 0);
  if (!resource.counted) return marked;
  return withAt(marked, ["metadata", "generation"], Number(at(old, "metadata", "generation") ?? 0) + 1);
}
