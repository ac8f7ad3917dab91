/** Which API server is this? The uid of its `kube-system` tells, whatever address it has. */
import { type Cluster, KubeError } from "./cluster.ts";

export async function serverOf(cluster: Cluster): Promise<string> {
  const found = await cluster.get({ apiVersion: "v1", kind: "Namespace", name: "kube-system" });
  const uid = found?.metadata.uid;
  if (!uid) throw new KubeError(404, "NotFound", "Namespace/kube-system has no uid: is this a Kubernetes API server?");
  return uid;
}
