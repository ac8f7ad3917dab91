/** Flux's finalizer on its objects, written by the manager that Flux's controller uses. */
import { type KubeObject, refOf } from "../api/kube-object.ts";
import { type Cluster, KubeError } from "../kubernetes/cluster.ts";
import { statusManager } from "./status.ts";

export const finalizer = "finalizers.fluxcd.io";

/** @returns the object with the finalizer on it */
export async function addFinalizer(object: KubeObject, cluster: Cluster, fence: () => void): Promise<KubeObject> {
  return patchFinalizers(object, [...(object.metadata.finalizers ?? []), finalizer], cluster, fence);
}

/** An object that is gone already is as wanted. */
export async function removeFinalizer(object: KubeObject, cluster: Cluster, fence: () => void): Promise<void> {
  try {
    const fresh = await cluster.get(refOf(object));
    if (fresh?.metadata.uid !== object.metadata.uid) return;
    const rest = (fresh?.metadata.finalizers ?? []).filter((name) => name !== finalizer);
    await patchFinalizers(fresh ?? object, rest, cluster, fence);
  } catch (error) {
    if (!(error instanceof KubeError) || error.reason !== "NotFound") throw error;
  }
}

async function patchFinalizers(
  object: KubeObject,
  finalizers: readonly string[],
  cluster: Cluster,
  fence: () => void,
): Promise<KubeObject> {
  fence();
  const { resourceVersion } = object.metadata;
  return cluster.mergePatch(
    refOf(object),
    { metadata: { resourceVersion, finalizers: finalizers.length > 0 ? finalizers : null } },
    { fieldManager: statusManager },
  );
}
