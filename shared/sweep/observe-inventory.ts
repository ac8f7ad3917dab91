/**
 * Looks at applied objects with the rights that one has: a LIST of the kind for the whole cluster, else one for each
 * namespace, else one GET for each object. Where even that is refused, nothing is said of an object.
 */
import type { KubeObject, ObjectRef } from "../api/kube-object.ts";
import { formatId } from "../inventory/id.ts";
import { type Cluster, KubeError } from "../kubernetes/cluster.ts";
import { type Kind, kindKey, kindsOf, type Live, type LiveObjects, observeLive } from "../kustomize/observe-live.ts";
import { each } from "../runtime/each.ts";
import { ownerName } from "../ssa/owner.ts";

const inFlight = 4;

export async function observeInventory(cluster: Cluster, refs: readonly ObjectRef[]): Promise<LiveObjects> {
  const whole = await observeLive(cluster, kindsOf(refs), ownerName);
  const byId = new Map(whole.byId);
  const covered = new Set<string>();
  const scopes = new Map<string, { kind: Kind; namespace: string | undefined; refs: ObjectRef[] }>();
  for (const ref of refs.filter((one) => !whole.covers(one))) {
    const { apiVersion, kind, namespace } = ref;
    const name = `${kindKey(ref)} ${namespace ?? ""}`;
    const scope = scopes.get(name) ?? { kind: { apiVersion, kind }, namespace, refs: [] };
    scopes.set(name, { ...scope, refs: [...scope.refs, ref] });
  }
  await each(scopes.values(), inFlight, async ({ kind, namespace, refs: members }) => {
    const found = namespace === undefined ? undefined : await listIn(cluster, kind, namespace);
    if (found === "gone") return;
    for (const ref of members) {
      const object = found ? found.get(ref.name) : await getOne(cluster, ref);
      if (object instanceof KubeError) continue;
      covered.add(formatId(ref));
      if (object) byId.set(formatId(ref), liveOf(ref, object));
    }
  });
  return { byId, covers: (ref) => whole.covers(ref) || covered.has(formatId(ref)) };
}

async function listIn(
  cluster: Cluster,
  { apiVersion, kind }: Kind,
  namespace: string,
): Promise<ReadonlyMap<string, KubeObject> | "gone" | undefined> {
  try {
    const { items } = await cluster.list(apiVersion, kind, { namespace, labelSelector: ownerName });
    return new Map(items.map((item) => [item.metadata.name, item]));
  } catch (error) {
    if (error instanceof KubeError && error.reason === "Forbidden") return undefined;
    if (error instanceof KubeError && isGone(error)) return "gone";
    throw error;
  }
}

const isGone = ({ reason }: KubeError): boolean => ["NotFound", "NoMatch", "MethodNotAllowed"].includes(reason);

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
