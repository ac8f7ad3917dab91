/**
 * Looks at applied objects with the rights that one has: a LIST of the kind for the whole cluster, else one for each
 * namespace, else one GET for each object. Where even that is refused, nothing is said of an object.
 */
import type { KubeObject, ObjectRef } from "../api/kube-object.ts";
import { formatId } from "../inventory/id.ts";
import { type Cluster, KubeError } from "../kubernetes/cluster.ts";
import type { Follower } from "../kubernetes/follow.ts";
import { type Kind, kindKey, kindsOf, type Live, type LiveObjects } from "../kustomize/observe-live.ts";
import { each } from "../runtime/each.ts";
import { ownerName } from "../ssa/owner.ts";
import { observeFollowed } from "./observe-followed.ts";

const inFlight = 4;

export interface SeenObjects extends LiveObjects {
  /** `Kind: why`, of kinds of which nothing can be said now. */
  readonly unseen: readonly string[];
}

/** @param follower of the same cluster */
export async function observeInventory(
  cluster: Cluster,
  follower: Follower,
  refs: readonly ObjectRef[],
): Promise<SeenObjects> {
  const whole = await observeFollowed(follower, kindsOf(refs));
  const unseen = new Set<string>();
  const lose = (kind: Kind, { message }: KubeError) => unseen.add(`${kind.kind}: ${message}`);
  const byId = new Map(whole.byId);
  const covered = new Set<string>();
  const scopes = new Map<string, { kind: Kind; namespace: string | undefined; refs: ObjectRef[] }>();
  for (const ref of refs.filter((one) => !whole.covers(one))) {
    const { apiVersion, kind, namespace } = ref;
    const failure = whole.unlisted.get(kindKey(ref));
    if (failure && failure.reason !== "Forbidden") {
      lose(ref, failure);
      continue;
    }
    const name = `${kindKey(ref)} ${namespace ?? ""}`;
    const scope = scopes.get(name) ?? { kind: { apiVersion, kind }, namespace, refs: [] };
    scopes.set(name, { ...scope, refs: [...scope.refs, ref] });
  }
  await each(scopes.values(), inFlight, async ({ kind, namespace, refs: members }) => {
    const found = namespace === undefined ? undefined : await listIn(cluster, kind, namespace);
    if (found instanceof KubeError) {
      lose(kind, found);
      return;
    }
    for (const ref of members) {
      const object = found ? found.get(ref.name) : await getOne(cluster, ref);
      if (object instanceof KubeError) {
        lose(ref, object);
        // Each of the others would wait as long.
        if (object.code === 429) return;
        continue;
      }
      covered.add(formatId(ref));
      if (object) byId.set(formatId(ref), liveOf(ref, object));
    }
  });
  return { byId, unseen: [...unseen], covers: (ref) => whole.covers(ref) || covered.has(formatId(ref)) };
}

async function listIn(
  cluster: Cluster,
  { apiVersion, kind }: Kind,
  namespace: string,
): Promise<ReadonlyMap<string, KubeObject> | KubeError | undefined> {
  try {
    const { items } = await cluster.list(apiVersion, kind, { namespace, labelSelector: ownerName });
    return new Map(items.map((item) => [item.metadata.name, item]));
  } catch (error) {
    if (error instanceof KubeError && error.reason === "Forbidden") return undefined;
    if (error instanceof KubeError && isGone(error)) return error;
    throw error;
  }
}

const isGone = ({ reason, code }: KubeError): boolean =>
  ["NotFound", "NoMatch", "MethodNotAllowed"].includes(reason) || code === 429 || code >= 500;

async function getOne(cluster: Cluster, ref: ObjectRef): Promise<KubeObject | KubeError | undefined> {
  try {
    return await cluster.get(ref);
  } catch (error) {
    if (error instanceof KubeError && (error.reason === "Forbidden" || isGone(error))) return error;
    throw error;
  }
}

function liveOf(ref: ObjectRef, object: KubeObject): Live {
  const { uid = "", resourceVersion = "", labels = {} } = object.metadata;
  return { ref, uid, rv: resourceVersion, labels, object };
}
