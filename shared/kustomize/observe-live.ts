/** Reads what an owner has in the cluster with one LIST per kind, as metadata where a version alone tells enough. */
import { type KubeObject, type ObjectRef, groupOf } from "../api/kube-object.ts";
import { formatId } from "../inventory/id.ts";
import { type Cluster, KubeError } from "../kubernetes/cluster.ts";
import { each } from "../runtime/each.ts";

export interface Live {
  readonly ref: ObjectRef;
  readonly uid: string;
  readonly rv: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The whole object, where the kind was listed whole. */
  readonly object: KubeObject | undefined;
}

export interface LiveObjects {
  readonly byId: ReadonlyMap<string, Live>;
  /** Whether the kind could be listed: then an object that is not in `byId` is absent or belongs to somebody else. */
  covers(ref: ObjectRef): boolean;
}

export interface ListedObjects extends LiveObjects {
  /** Version of the list, by kind. */
  readonly versions: ReadonlyMap<string, string>;
}

const listsInFlight = 4;

/** Kinds whose resource version moves only when somebody edits them; Secret bytes stay in the cluster. */
const quietKinds = new Set([
  "/ConfigMap",
  "/Secret",
  "/Service",
  "/ServiceAccount",
  "/Namespace",
  "/LimitRange",
  "rbac.authorization.k8s.io/Role",
  "rbac.authorization.k8s.io/RoleBinding",
  "rbac.authorization.k8s.io/ClusterRole",
  "rbac.authorization.k8s.io/ClusterRoleBinding",
  "networking.k8s.io/NetworkPolicy",
  "scheduling.k8s.io/PriorityClass",
  "storage.k8s.io/StorageClass",
  "apiextensions.k8s.io/CustomResourceDefinition",
]);

export const kindKey = (ref: { apiVersion: string; kind: string }): string => `${groupOf(ref.apiVersion)}/${ref.kind}`;

export const isQuiet = (kind: Kind): boolean => quietKinds.has(kindKey(kind));

export interface Kind {
  readonly apiVersion: string;
  readonly kind: string;
}

export function kindsOf(refs: Iterable<ObjectRef>): readonly Kind[] {
  const kinds = new Map<string, Kind>();
  for (const { apiVersion, kind } of refs) kinds.set(kindKey({ apiVersion, kind }), { apiVersion, kind });
  return [...kinds.values()];
}

/**
 * A kind that may not be listed (403) or does not exist any more (404, no match) is not covered: its objects are then
 * looked at one by one.
 */
export async function observeLive(
  cluster: Cluster,
  kinds: readonly Kind[],
  labelSelector: string,
): Promise<ListedObjects> {
  const byId = new Map<string, Live>();
  const versions = new Map<string, string>();
  await each(kinds, listsInFlight, async (kind) => {
    const metadataOnly = isQuiet(kind);
    const list = await listed(cluster.list(kind.apiVersion, kind.kind, { labelSelector, metadataOnly }));
    if (!list) return;
    versions.set(kindKey(kind), list.resourceVersion);
    for (const item of list.items) {
      const { name, namespace, uid = "", resourceVersion = "", labels = {} } = item.metadata;
      const ref = { ...kind, name, ...(namespace ? { namespace } : {}) };
      const object = metadataOnly ? undefined : item;
      byId.set(formatId(ref), { ref, uid, rv: resourceVersion, labels, object });
    }
  });
  return { byId, versions, covers: (ref) => versions.has(kindKey(ref)) };
}

async function listed<T>(list: Promise<T>): Promise<T | undefined> {
  try {
    return await list;
  } catch (error) {
    if (error instanceof KubeError && ["Forbidden", "NotFound", "NoMatch", "MethodNotAllowed"].includes(error.reason))
      return undefined;
    throw error;
  }
}
