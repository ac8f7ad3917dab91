/** Decides from what the sweep read which Flux objects need a run. Pure: a row says what the last run has seen. */
import type { KubeObject } from "../api/kube-object.ts";
import { groupOf } from "../api/kube-object.ts";
import { formatKey, type ObjectKey, parseKey } from "../lease/message.ts";
import type { Item } from "../lease/ports.ts";
import { findPending, isApproved } from "../kustomize/prune-pending.ts";
import { statusOf } from "../kubernetes/status-writer.ts";
import { sourceKeyOf } from "../kustomize/source-ref.ts";

export interface Due {
  readonly key: string;
  readonly why: "new" | "spec" | "deleted" | "approved" | "governed" | "requestedAt" | "source" | "announce" | "gone";
}

export interface FluxObject {
  readonly key: string;
  readonly object: KubeObject;
}

export function fluxObjects(cluster: string, objects: readonly KubeObject[]): readonly FluxObject[] {
  return objects.map((object) => ({ key: formatKey(keyOf(cluster, object)), object }));
}

export function keyOf(cluster: string, { apiVersion, kind, metadata }: KubeObject): ObjectKey {
  return { cluster, group: groupOf(apiVersion), kind, namespace: metadata.namespace ?? "", name: metadata.name };
}

export interface Known {
  /** Rows of the cluster's objects by key. */
  readonly rows: ReadonlyMap<string, Item>;
  /** What each source has stored and announced, read consistently. */
  readonly sources: ReadonlyMap<string, Item>;
  /** Whether what a run left of drift is now governed otherwise, or approved, and no run that failed knew of it. */
  readonly isGovernedAnew?: (object: KubeObject, failed: unknown) => boolean;
  /** Epoch seconds. */
  readonly now: number;
}

export function findDue(cluster: string, objects: readonly FluxObject[], known: Known): readonly Due[] {
  const due: Due[] = [];
  for (const { key, object } of objects) {
    const why = reason(cluster, object, known.rows.get(key), known);
    if (why) due.push({ key, why });
  }
  for (const [key, source] of known.sources)
    if (source.revision !== source.announced && !due.some((d) => d.key === key)) due.push({ key, why: "announce" });
  const there = new Set(objects.map(({ key }) => key));
  for (const key of known.rows.keys()) if (isSwept(key) && !there.has(key)) due.push({ key, why: "gone" });
  return due;
}

/** Rows of kinds that are not listed say nothing about their absence. */
function isSwept(key: string): boolean {
  const kind = parseKey(key)?.kind;
  return kind === "Kustomization" || kind === "GitRepository";
}

function reason(cluster: string, object: KubeObject, row: Item | undefined, known: Known): Due["why"] | undefined {
  const { metadata } = object;
  const suspended = (object.spec as { suspend?: boolean } | undefined)?.suspend === true;
  const isDeleted = metadata.deletionTimestamp !== undefined;
  const pending = findPending(object);
  // One that waits for a person's approval of its end has said so: until then there is nothing to be done.
  if (isDeleted && !pending?.isCurrent) return "deleted";
  if (row?.seenUid !== metadata.uid) return "new";
  if (row?.seenGen !== metadata.generation) return "spec";
  if (suspended) return undefined;
  if (isApproved(object)) return "approved";
  if (known.isGovernedAnew?.(object, row?.failedGov) === true) return "governed";
  const wanted = metadata.annotations?.["reconcile.fluxcd.io/requestedAt"];
  if (wanted !== undefined && wanted !== statusOf(object).lastHandledReconcileAt) return "requestedAt";
  if (isDeleted) return undefined;
  const sourceKey = object.kind === "Kustomization" ? sourceKeyOf(cluster, object) : undefined;
  const revision = sourceKey === undefined ? undefined : known.sources.get(sourceKey)?.revision;
  // One that runs is likely at work on it, and was told of it if not: should that have been lost, the next sweep sees it.
  return revision !== undefined && revision !== row?.seenRev && !isRunning(row, known.now) ? "source" : undefined;
}

const isRunning = (row: Item | undefined, now: number): boolean =>
  typeof row?.leaseExp === "number" && row.leaseExp >= now;
