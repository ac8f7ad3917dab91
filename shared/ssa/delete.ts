/** Deletes what is ours: by uid, in the reverse of the apply order, and only what bears the owner's labels. */
import { type KubeObject, type ObjectRef, subjectOf } from "../api/kube-object.ts";
import type { ResourceRef } from "../api/kustomization.ts";
import { newerVersions } from "../api/old-versions.ts";
import { refOfId } from "../inventory/id.ts";
import { type Cluster, isUnavailable, KubeError } from "../kubernetes/cluster.ts";
import { each } from "../runtime/each.ts";
import { groupByKind } from "./group-by-kind.ts";
import { compareRefs } from "./order.ts";
import { isOwnedBy, type Owner } from "./owner.ts";
import { isIgnored, isKept } from "./toggles.ts";

export type Deletion =
  | { readonly kind: "deleted" | "absent"; readonly ref: ObjectRef }
  /** Somebody, perhaps an earlier run, deleted it; finalizers hold it still. */
  | { readonly kind: "terminating"; readonly ref: ObjectRef }
  /** Another owner has it now, or it opted out. */
  | { readonly kind: "kept"; readonly ref: ObjectRef; readonly why: "owner" | "opted out" }
  | { readonly kind: "failed"; readonly ref: ObjectRef; readonly message: string };

const inFlight = 8;

/**
 * Reports each object instead of throwing, in the order of deletion; kinds go one after the other.
 * @param options.fence called before each delete; throws when the lease may have passed on
 * @throws KubeError when the API server cannot be reached
 */
export async function deleteObjects(
  cluster: Cluster,
  refs: readonly ObjectRef[],
  options: { readonly owner: Owner; readonly fence: () => void },
): Promise<readonly Deletion[]> {
  const ordered = [...refs].sort((a, b) => compareRefs(b, a)).map((ref, index) => ({ ref, index }));
  const results: Deletion[] = [];
  for (const group of groupByKind(ordered, ({ ref }) => ref.kind))
    await each(group, inFlight, async ({ ref, index }) => {
      results[index] = await deleteOne(cluster, ref, options);
    });
  return results;
}

export interface Deletable {
  readonly deletable: readonly ResourceRef[];
  readonly terminating: readonly ResourceRef[];
}

/**
 * Looks at each object without a write: which of them `deleteObjects` would delete, and which are on their way out. One
 * that may not be looked at counts as one to delete.
 * @throws KubeError when the API server cannot be reached
 */
export async function findDeletable(
  cluster: Cluster,
  entries: readonly ResourceRef[],
  owner: Owner,
): Promise<Deletable> {
  const found: (Fate | undefined)[] = [];
  await each(
    entries.map((entry, index) => ({ ref: refOfId(entry), index })),
    inFlight,
    async ({ ref, index }) => {
      found[index] = await fateOfLive(cluster, ref, owner);
    },
  );
  const those = (fate: Fate) => entries.filter((_, index) => found[index] === fate);
  return { deletable: those("deletable"), terminating: those("terminating") };
}

async function fateOfLive(cluster: Cluster, ref: ObjectRef, owner: Owner): Promise<Fate> {
  try {
    return fateOf((await findServed(cluster, ref)).live, owner);
  } catch (error) {
    if (!(error instanceof KubeError) || isUnavailable(error)) throw error;
    return "deletable";
  }
}

interface Found {
  /** Under the version that is served. */
  readonly ref: ObjectRef;
  readonly live: KubeObject | undefined;
}

/** Flux's kinds may be served under a newer version only; a kind that is not served at all has no objects. */
async function findServed(cluster: Cluster, given: ObjectRef): Promise<Found> {
  for (const apiVersion of [given.apiVersion, ...(newerVersions(given) ?? [])]) {
    const ref = { ...given, apiVersion };
    try {
      return { ref, live: await cluster.get(ref) };
    } catch (error) {
      if (!(error instanceof KubeError) || error.reason !== "NoMatch") throw error;
    }
  }
  return { ref: given, live: undefined };
}

type Fate = "absent" | "foreign" | "opted out" | "terminating" | "deletable";

/** A name that another owner has taken since, or that opted out, is not ours to delete. */
function fateOf(live: KubeObject | undefined, owner: Owner): Fate {
  if (!live) return "absent";
  if (!isOwnedBy(live, owner)) return "foreign";
  if (isIgnored(undefined, live) || isKept(live)) return "opted out";
  return live.metadata.deletionTimestamp === undefined ? "deletable" : "terminating";
}

async function deleteOne(
  cluster: Cluster,
  given: ObjectRef,
  { owner, fence }: { readonly owner: Owner; readonly fence: () => void },
): Promise<Deletion> {
  try {
    const { ref, live } = await findServed(cluster, given);
    const fate = fateOf(live, owner);
    if (fate === "foreign") return { kind: "kept", ref, why: "owner" };
    if (fate === "opted out") return { kind: "kept", ref, why: "opted out" };
    if (fate !== "deletable") return { kind: fate, ref };
    fence();
    const uid = live?.metadata.uid;
    return { kind: await cluster.delete(ref, { propagation: "Background", ...(uid ? { uid } : {}) }), ref };
  } catch (error) {
    if (!(error instanceof KubeError) || isUnavailable(error)) throw error;
    if (error.reason === "NoMatch") return { kind: "absent", ref: given };
    return { kind: "failed", ref: given, message: `${subjectOf(given)} delete failed: ${error.message}` };
  }
}
