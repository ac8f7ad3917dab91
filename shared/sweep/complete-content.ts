/**
 * Reads the content of objects that moved and of which only the version is known: of kinds that controllers write to, so that
 * a new status is not taken for drift.
 */
import type { ObjectRef } from "../api/kube-object.ts";
import { formatId } from "../inventory/id.ts";
import { type Cluster, KubeError } from "../kubernetes/cluster.ts";
import { type Kind, kindKey, type Live, type LiveObjects } from "../kustomize/observe-live.ts";
import { each } from "../runtime/each.ts";
import { ownerName } from "../ssa/owner.ts";

/** More of one kind are cheaper to list. */
const mostGets = 5;
/** Objects that are in memory as a whole, of one kind. */
const mostWhole = 5000;
const inFlight = 4;

/** What cannot be read stays as it is, and counts as moved. */
export async function completeContent(
  cluster: Cluster,
  live: LiveObjects,
  refs: readonly ObjectRef[],
): Promise<LiveObjects> {
  if (refs.length === 0) return live;
  const byId = new Map(live.byId);
  const add = (id: string, found: Omit<Live, "ref" | "labels">) => {
    const known = byId.get(id);
    if (known) byId.set(id, { ...known, ...found });
  };
  const kinds = new Map<string, { readonly kind: Kind; readonly refs: ObjectRef[] }>();
  for (const ref of refs) {
    const group = kinds.get(kindKey(ref)) ?? { kind: { apiVersion: ref.apiVersion, kind: ref.kind }, refs: [] };
    group.refs.push(ref);
    kinds.set(kindKey(ref), group);
  }
  await each(kinds.values(), inFlight, async ({ kind, refs: members }) => {
    const objects = await read(cluster, kind, members);
    for (const object of objects) {
      const { name, namespace, uid = "", resourceVersion: rv = "" } = object.metadata;
      add(formatId({ ...kind, name, ...(namespace ? { namespace } : {}) }), { uid, rv, object });
    }
  });
  return { ...live, byId };
}

async function read(cluster: Cluster, { apiVersion, kind }: Kind, refs: readonly ObjectRef[]) {
  try {
    if (refs.length <= mostGets) {
      const found = await Promise.all(refs.map((ref) => cluster.get(ref)));
      return found.filter((object) => object !== undefined);
    }
    const wanted = new Set(refs.slice(0, mostWhole).map(({ namespace = "", name }) => `${namespace}/${name}`));
    const { items } = await cluster.list(apiVersion, kind, {
      labelSelector: ownerName,
      pageSize: mostWhole,
      take: (item) =>
        wanted.has(`${item.metadata.namespace ?? ""}/${item.metadata.name}`)
          ? item
          : { apiVersion, kind, metadata: { name: "" } },
    });
    return items.filter(({ metadata }) => metadata.name !== "");
  } catch (error) {
    if (error instanceof KubeError && (error.reason === "Forbidden" || error.code >= 500)) return [];
    throw error;
  }
}
