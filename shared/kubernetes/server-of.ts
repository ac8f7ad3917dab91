/** Which API server is this, and how far has it come? */
import { type Cluster, KubeError } from "./cluster.ts";

const system = { apiVersion: "v1", kind: "Namespace", name: "kube-system" };

/** The uid of its `kube-system` tells, whatever address it has. */
export async function serverOf(cluster: Cluster): Promise<string> {
  return requireUid((await cluster.get(system))?.metadata.uid);
}

export interface Proof {
  /** As {@link serverOf}. */
  readonly uid: string;
  /** Newest version of anything that it stores; undefined for who may not list Namespaces. */
  readonly version: string | undefined;
}

/** In one request, which no cache answers. A restored etcd shows by a version that is older than one that was seen. */
export async function proveServer(cluster: Cluster): Promise<Proof> {
  const { apiVersion, kind, name } = system;
  try {
    const options = { fieldSelector: `metadata.name=${name}`, metadataOnly: true };
    const { items, resourceVersion } = await cluster.list(apiVersion, kind, options);
    return { uid: requireUid(items[0]?.metadata.uid), version: resourceVersion || undefined };
  } catch (error) {
    if (!(error instanceof KubeError) || error.reason !== "Forbidden") throw error;
    return { uid: await serverOf(cluster), version: undefined };
  }
}

function requireUid(uid: string | undefined): string {
  if (!uid) throw new KubeError(404, "NotFound", "Namespace/kube-system has no uid: is this a Kubernetes API server?");
  return uid;
}
