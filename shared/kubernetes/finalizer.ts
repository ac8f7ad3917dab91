/** Flux's finalizer on its objects: put on at first sight, taken off when all that an object owns is gone. */
import { type KubeObject, type ObjectRef, refOf } from "../api/kube-object.ts";
import { type Cluster, isUnavailable, KubeError } from "./cluster.ts";

export const finalizer = "finalizers.fluxcd.io";

export interface FinalizerOptions {
  readonly fieldManager: string;
  /** Throws when the lease may have passed to another worker. */
  readonly fence: () => void;
}

export const hasFinalizer = ({ metadata }: KubeObject): boolean => metadata.finalizers?.includes(finalizer) ?? false;

/** @returns the object with the finalizer on it; no request when it is there already */
export async function addFinalizer(
  object: KubeObject,
  cluster: Cluster,
  options: FinalizerOptions,
): Promise<KubeObject> {
  if (hasFinalizer(object)) return object;
  return patchFinalizers(object, [...(object.metadata.finalizers ?? []), finalizer], cluster, options);
}

/**
 * Reads an object that was never seen before by putting the finalizer on it. One that has finalizers already, or is not
 * there, is read as it is.
 */
export async function claim(
  ref: ObjectRef,
  cluster: Cluster,
  { fieldManager, fence }: FinalizerOptions,
): Promise<KubeObject | undefined> {
  fence();
  try {
    const path = "/metadata/finalizers";
    const operations = [
      { op: "test", path, value: null },
      { op: "add", path, value: [finalizer] },
    ];
    return await cluster.jsonPatch(ref, operations, { fieldManager });
  } catch (error) {
    if (!(error instanceof KubeError) || isUnavailable(error)) throw error;
    return await cluster.get(ref);
  }
}

/** Read afresh, for its status was written meanwhile; an object that is gone already is as wanted. */
export async function removeFinalizer(object: KubeObject, cluster: Cluster, options: FinalizerOptions): Promise<void> {
  try {
    const fresh = await cluster.get(refOf(object));
    if (!fresh || fresh.metadata.uid !== object.metadata.uid || !hasFinalizer(fresh)) return;
    const rest = (fresh.metadata.finalizers ?? []).filter((name) => name !== finalizer);
    await patchFinalizers(fresh, rest, cluster, options);
  } catch (error) {
    if (!(error instanceof KubeError) || error.reason !== "NotFound") throw error;
  }
}

async function patchFinalizers(
  object: KubeObject,
  finalizers: readonly string[],
  cluster: Cluster,
  { fieldManager, fence }: FinalizerOptions,
): Promise<KubeObject> {
  fence();
  const { resourceVersion } = object.metadata;
  return cluster.mergePatch(
    refOf(object),
    { metadata: { resourceVersion, finalizers: finalizers.length > 0 ? finalizers : null } },
    { fieldManager },
  );
}
