/** Why a dependency is not ready, beside Flux's words: it waits for us in turn, is suspended, or has failed itself. */
import type { Kustomization } from "../api/kustomization.ts";
import type { Cluster } from "../kubernetes/cluster.ts";
import { findCycle } from "./dependency-cycle.ts";
import { ownWords } from "./own-words.ts";

export async function explainDependency(
  self: Kustomization,
  dependency: Kustomization,
  cluster: Pick<Cluster, "get">,
): Promise<string | undefined> {
  const cycle = await findCycle(self, dependency, cluster);
  if (cycle) return `dependency cycle ${cycle.join(" → ")}: remove one of these dependsOn`;
  if (dependency.spec.suspend === true) return "it is suspended";
  return ownWords(dependency, self.metadata.namespace);
}
