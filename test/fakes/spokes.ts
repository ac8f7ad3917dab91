/** Clusters that a `kubeConfig` leads to, in memory: each kubeconfig text and each ARN is the name of one. */
import type { Cluster } from "../../shared/kubernetes/cluster.ts";
import { KubeconfigError } from "../../shared/kubernetes/self-contained-kubeconfig.ts";
import type { Spokes } from "../../shared/kubernetes/spokes.ts";

export function memorySpokes(clusters: Readonly<Record<string, Cluster>> = {}): Spokes {
  const find = (name: string): Cluster => {
    const cluster = clusters[name];
    if (!cluster) throw new KubeconfigError(`there is no cluster ${name}`);
    return cluster;
  };
  return {
    ofKubeconfig: (text) => ({ cluster: find(text), identity: text, member: undefined }),
    ofArn: async (arn) => ({ cluster: find(arn), identity: arn, member: arn }),
  };
}
