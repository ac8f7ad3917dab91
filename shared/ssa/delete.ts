/** Deletes what is ours: by uid, in the reverse of the apply order, and only what bears the owner's labels. */
import { type ObjectRef, subject } from "../api/kube-object.ts";
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

async function deleteOne(
  cluster: Cluster,
  ref: ObjectRef,
  { owner, fence }: { readonly owner: Owner; readonly fence: () => void },
): Promise<Deletion> {
  try {
    const live = await cluster.get(ref);
    if (!live) return { kind: "absent", ref };
    // A name that another owner has taken since, or that opted out, is not ours to delete.
    if (!isOwnedBy(live, owner)) return { kind: "kept", ref, why: "owner" };
    if (isIgnored(undefined, live) || isKept(live)) return { kind: "kept", ref, why: "opted out" };
    if (live.metadata.deletionTimestamp !== undefined) return { kind: "terminating", ref };
    fence();
    const { uid } = live.metadata;
    return { kind: await cluster.delete(ref, { propagation: "Background", ...(uid ? { uid } : {}) }), ref };
  } catch (error) {
    if (!(error instanceof KubeError) || isUnavailable(error)) throw error;
    // A kind that is not served any more has no objects.
    if (error.reason === "NoMatch") return { kind: "absent", ref };
    const named = {
      kind: ref.kind,
      metadata: { name: ref.name, ...(ref.namespace ? { namespace: ref.namespace } : {}) },
    };
    return { kind: "failed", ref, message: `${subject(named)} delete failed: ${error.message}` };
  }
}
