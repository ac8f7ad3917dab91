/** Reads what a case has left on one API server: its Flux objects, everything that was applied, and the events. */
import { type KubeObject, type ObjectRef, refOf, subjectOf } from "../../shared/api/kube-object.ts";
import { KubeError } from "../../shared/kubernetes/cluster.ts";
import type { OpenCluster } from "../../shared/kubernetes/create-cluster.ts";
import { gitRepositoryApiVersion, gitRepositoryKind } from "../../shared/api/git-repository.ts";
import { kustomizationApiVersion, kustomizationKind } from "../../shared/api/kustomization.ts";
import { readInventory, refOfId } from "../../shared/inventory/id.ts";
import { normalizeObject, type Tree, withoutChance } from "./normalize.ts";

export interface SeenEvent {
  /** `Kind/namespace/name` of the object. */
  readonly object: string;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly annotations: Tree;
}

export interface Observation {
  /** By subject; undefined where it does not exist. */
  readonly objects: ReadonlyMap<string, Tree | undefined>;
  readonly events: readonly SeenEvent[];
}

/** What the API server or its controllers put into namespaces. */
const given = new Set([
  "ConfigMap/kube-root-ca.crt",
  "ConfigMap/extension-apiserver-authentication",
  "ServiceAccount/default",
  "Service/kubernetes",
]);

/** Names, or undefined for all there are. */
export type Namespaces = readonly (string | undefined)[];

export const everywhere: Namespaces = [undefined];

const within = (namespace: string | undefined) => (namespace === undefined ? {} : { namespace });

/** The Flux objects of the namespaces. */
export async function listFluxObjects(
  cluster: OpenCluster,
  namespaces: Namespaces,
): Promise<{ readonly sources: readonly KubeObject[]; readonly kustomizations: readonly KubeObject[] }> {
  const list = async (apiVersion: string, kind: string) => {
    const lists = await Promise.all(namespaces.map((namespace) => cluster.list(apiVersion, kind, within(namespace))));
    return lists.flatMap(({ items }) => items);
  };
  const [sources, kustomizations] = await Promise.all([
    list(gitRepositoryApiVersion, gitRepositoryKind),
    list(kustomizationApiVersion, kustomizationKind),
  ]);
  return { sources, kustomizations };
}

/** What the inventories name. */
export function inventoryRefs(kustomizations: readonly KubeObject[]): readonly ObjectRef[] {
  return kustomizations.flatMap(({ status }) => readInventory((status ?? {}) as Tree).map(refOfId));
}

/**
 * @param refs of everything that either side ever had, or that the case's files name: namespaced kinds are listed,
 * objects without a namespace are asked for one by one
 * @param rested Flux's objects as they came to rest: one that fails may be at it again by now
 */
export async function observe(
  cluster: OpenCluster,
  namespaces: Namespaces,
  refs: readonly ObjectRef[],
  rested: readonly KubeObject[],
): Promise<Observation> {
  const objects = new Map<string, Tree | undefined>();
  const note = (object: KubeObject) => objects.set(subjectOf(refOf(object)), normalizeObject(object));
  const kinds = new Map(refs.map((ref) => [`${ref.apiVersion} ${ref.kind}`, ref]));
  for (const { apiVersion, kind } of kinds.values()) {
    const resource = await findResource(cluster, apiVersion, kind);
    if (!resource) continue;
    if (resource.namespaced) {
      for (const namespace of namespaces) {
        const items = await listItems(cluster, apiVersion, kind, namespace);
        for (const item of items) if (!given.has(`${kind}/${item.metadata.name}`)) note(item);
      }
    } else {
      for (const ref of refs.filter((other) => other.apiVersion === apiVersion && other.kind === kind)) {
        const { namespace: _, ...scoped } = ref;
        const object = await cluster.get(scoped);
        if (object) note(object);
        else objects.set(subjectOf(scoped), undefined);
      }
    }
  }
  for (const object of rested) note(object);
  return { objects, events: await listEvents(cluster, namespaces) };
}

async function findResource(cluster: OpenCluster, apiVersion: string, kind: string) {
  try {
    return await cluster.resource(apiVersion, kind);
  } catch (error) {
    if (error instanceof KubeError && error.reason === "NoMatch") return undefined;
    throw error;
  }
}

/** A definition may have gone since its kind was found. */
async function listItems(cluster: OpenCluster, apiVersion: string, kind: string, namespace: string | undefined) {
  try {
    return (await cluster.list(apiVersion, kind, within(namespace))).items;
  } catch (error) {
    if (error instanceof KubeError && error.code === 404) return [];
    throw error;
  }
}

/** By name, which ends with the time: the first of several alike is the oldest. */
async function listEvents(cluster: OpenCluster, namespaces: Namespaces): Promise<readonly SeenEvent[]> {
  const seen = new Map<string, SeenEvent>();
  for (const namespace of namespaces) {
    const { items } = await cluster.list("v1", "Event", within(namespace));
    for (const item of items) {
      const event = seenEvent(item);
      if (!event) continue;
      const key = JSON.stringify([event.object, event.type, event.reason, event.message]);
      // Flux counts a repetition in the first one and leaves the first one's annotations.
      if (!seen.has(key)) seen.set(key, event);
    }
  }
  return [...seen.values()];
}

/** Of the controllers that are compared; undefined for the cluster's own. */
function seenEvent(item: KubeObject): SeenEvent | undefined {
  const { type, reason, message, involvedObject, source, metadata } = item as unknown as {
    readonly type: string;
    readonly reason: string;
    readonly message: string;
    readonly involvedObject: ObjectRef;
    readonly source?: { readonly component?: string };
    readonly metadata: KubeObject["metadata"];
  };
  if (!/^(kustomize|source)-controller$/.test(source?.component ?? "")) return undefined;
  return {
    object: subjectOf(involvedObject),
    type,
    reason,
    message: withoutChance(message),
    annotations: metadata.annotations ?? {},
  };
}
