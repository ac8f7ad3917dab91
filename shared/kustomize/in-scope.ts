/**
 * A namespace that kustomize or a manifest gave to an object of a cluster-wide kind means nothing to the API server. It
 * must not be in the inventory either: to Flux, and to us, the same object without it would be another one to prune.
 */
import { groupOf, type KubeObject, type ObjectRef } from "../api/kube-object.ts";
import type { ResourceRef } from "../api/kustomization.ts";
import { isRecord } from "../api/schema.ts";
import { formatId, refOfId } from "../inventory/id.ts";
import { type Cluster, KubeError } from "../kubernetes/cluster.ts";
import type { Desired } from "./desired.ts";

export interface InScope {
  readonly desired: readonly Desired[];
  /** Entries as they would be written now. */
  readonly inventory: readonly ResourceRef[];
}

/**
 * @param cluster whose discovery tells the scope, where the build itself does not define the kind
 * @throws KubeError when discovery fails: a scope that is guessed could delete
 */
export async function inScope(
  desired: readonly Desired[],
  inventory: readonly ResourceRef[],
  cluster: Cluster,
): Promise<InScope> {
  const wide = new Map<string, boolean>();
  const defined = scopesOf(desired);
  const isWide = async (ref: ObjectRef): Promise<boolean> => {
    const kind = kindOf(ref);
    const known = wide.get(kind) ?? defined.get(kind) ?? (await isClusterWide(cluster, ref));
    wide.set(kind, known);
    return known;
  };
  const found = new Map<string, Desired>();
  for (const entry of desired) {
    const placed = (await isWide(entry.ref)) ? withoutNamespace(entry) : entry;
    found.set(placed.id, placed);
  }
  const entries = new Map<string, ResourceRef>();
  for (const entry of inventory) {
    const ref = refOfId(entry);
    const id = ref.namespace !== undefined && (await isWide(ref)) ? formatId(placeless(ref)) : entry.id;
    entries.set(id, { ...entry, id });
  }
  return { desired: [...found.values()], inventory: [...entries.values()] };
}

const kindOf = ({ apiVersion, kind }: ObjectRef): string => `${groupOf(apiVersion)}/${kind}`;

function placeless({ namespace: _, ...ref }: ObjectRef): ObjectRef {
  return ref;
}

/** A text that was recognised has its id from before, and its namespace still. */
function withoutNamespace(entry: Desired): Desired {
  const ref = placeless(entry.ref);
  return { ...entry, id: formatId(ref), ref, object: () => stripped(entry.object()) };
}

function stripped(object: KubeObject): KubeObject {
  const { namespace, ...metadata } = object.metadata;
  return namespace === undefined ? object : { ...object, metadata };
}

/** Of definitions that were not read yet the cluster knows. */
function scopesOf(desired: readonly Desired[]): ReadonlyMap<string, boolean> {
  const scopes = new Map<string, boolean>();
  for (const entry of desired) {
    if (!entry.isParsed || entry.ref.kind !== "CustomResourceDefinition") continue;
    const { spec } = entry.object();
    if (!isRecord(spec) || !isRecord(spec.names)) continue;
    scopes.set(`${String(spec.group)}/${String(spec.names.kind)}`, spec.scope === "Cluster");
  }
  return scopes;
}

/** A kind that is not there cannot be applied, so that nothing is pruned. */
async function isClusterWide(cluster: Cluster, { apiVersion, kind }: ObjectRef): Promise<boolean> {
  try {
    return !(await cluster.resource(apiVersion, kind)).namespaced;
  } catch (error) {
    if (error instanceof KubeError && error.reason === "NoMatch") return false;
    throw error;
  }
}
