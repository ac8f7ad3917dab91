/** Flux's controllers of one cluster: how many replicas they have, had, and shall have. */
import { intAt } from "../shared/health/fields.ts";
import { type KubeObject, refOf } from "../shared/api/kube-object.ts";
import { type FluxDeployment, findFluxDeployment } from "../shared/bootstrap/flux-controller.ts";
import { engineName } from "../shared/bootstrap/names.ts";
import type { Cluster } from "../shared/kubernetes/cluster.ts";

/** On a Deployment of Flux at rest: how many replicas it goes back to. */
export const formerReplicas = "driftless.dev/replicas";

/** Those that would start others again come to rest first, and start last. */
const first: readonly FluxDeployment[] = ["flux-operator", "kustomize-controller", "helm-controller"];

/** In all namespaces, in the order in which they come to rest. */
export async function fluxDeploymentsOf(cluster: Cluster): Promise<readonly KubeObject[]> {
  const { items } = await cluster.list("apps/v1", "Deployment");
  const found = items.flatMap((object) => {
    const flux = findFluxDeployment(object);
    return flux ? [{ object, place: first.includes(flux) ? first.indexOf(flux) : first.length }] : [];
  });
  return found.sort((a, b) => a.place - b.place).map(({ object }) => object);
}

export const replicasOf = (deployment: KubeObject): number => intAt(deployment, ["spec", "replicas"], 1);

/** Undefined where nobody has noted it. */
export function formerReplicasOf({ metadata }: KubeObject): number | undefined {
  const noted = metadata.annotations?.[formerReplicas];
  return noted !== undefined && /^\d+$/u.test(noted) ? Number(noted) : undefined;
}

/** Noted first: whoever is interrupted in between has lost nothing. */
export async function bringToRest(cluster: Cluster, deployment: KubeObject): Promise<void> {
  await annotate(cluster, deployment, String(replicasOf(deployment)));
  await scale(cluster, deployment, 0);
}

export async function wake(cluster: Cluster, deployment: KubeObject, replicas: number): Promise<void> {
  await scale(cluster, deployment, replicas);
  await annotate(cluster, deployment, null);
}

const annotate = (cluster: Cluster, deployment: KubeObject, value: string | null): Promise<unknown> =>
  cluster.mergePatch(
    refOf(deployment),
    { metadata: { annotations: { [formerReplicas]: value } } },
    { fieldManager: engineName },
  );

/**
 * Where kustomize-controller applied the Deployment it stays the owner of its replicas, and folds this write into its own
 * at the next apply; where it did not, nobody's name is borrowed.
 */
function scale(cluster: Cluster, deployment: KubeObject, replicas: number): Promise<unknown> {
  const applied = "kustomize-controller";
  const isApplied = (deployment.metadata.managedFields ?? []).some(({ manager }) => manager === applied);
  return cluster.mergePatch(
    refOf(deployment),
    { spec: { replicas } },
    { fieldManager: isApplied ? applied : engineName },
  );
}
