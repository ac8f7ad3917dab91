/** A Kustomization whose spec cannot be read can be deleted all the same, as long as nothing was applied for it. */
import type { KubeObject } from "../api/kube-object.ts";
import { readInventory } from "../inventory/id.ts";
import type { Cluster } from "../kubernetes/cluster.ts";
import { type FinalizerOptions, removeFinalizer } from "../kubernetes/finalizer.ts";

/**
 * Lets go of an unreadable object that is being deleted. One that owns objects stays: whether they go with it, and as
 * whom they are deleted, is what the spec says.
 * @returns whether nothing keeps it from going
 */
export async function letGo(object: KubeObject, own: Cluster, options: FinalizerOptions): Promise<boolean> {
  if (object.metadata.deletionTimestamp === undefined || readInventory(object.status).length > 0) return false;
  await removeFinalizer(object, own, options);
  return true;
}
