/** Who else serves this cluster, and is it still ours? Decides in every sweep whether anything may be written. */
import { bootstrap } from "../bootstrap/bootstrap.ts";
import { checkInterlock } from "../bootstrap/interlock.ts";
import { controllerUser, fluxNamespace } from "../bootstrap/names.ts";
import { ownershipRef, parseOwnership, renewOwnership } from "../bootstrap/ownership.ts";
import type { KubeObject } from "../api/kube-object.ts";
import type { FleetCluster } from "../config/fleet.ts";
import { type Cluster, KubeError } from "../kubernetes/cluster.ts";
import type { Clock } from "../runtime/clock.ts";

export interface InterlockPorts {
  /** Read only. */
  readonly reader: Cluster;
  /** May bootstrap; on a cluster with `lockdown` it may only impersonate, once that was bootstrapped. */
  readonly writer: () => Promise<Cluster>;
  readonly clock: Clock;
  readonly fence: () => void;
}

export interface Guarded {
  /** Why nothing may be written; empty when all is well. */
  readonly frozen: readonly string[];
  /** Subjects of what bootstrap had to add. */
  readonly created: readonly string[];
}

/** @param known the cluster was bootstrapped and looked at before: then Flux's labels are enough to find its controllers */
export async function guardCluster(
  fleetCluster: FleetCluster,
  engine: string,
  known: boolean,
  { reader, writer, clock, fence }: InterlockPorts,
): Promise<Guarded> {
  const ownership = await reader.get(ownershipRef);
  const sightings = { ...(await sight(reader, known)), ownership };
  const takeOver = fleetCluster.takeOver ?? false;
  const interlock = checkInterlock(sightings, { engine, now: clock.now(), takeOver });
  if (interlock.kind === "frozen") return { frozen: interlock.reasons, created: [] };
  const own = await writer();
  const controller = own.as(controllerUser("kustomize-controller"));
  fence();
  const owned = parseOwnership(ownership);
  if (known && owned?.engine === engine && owned.bootstrapped) {
    await renewOwnership(controller, ownership, { ...owned, renewedAt: clock.now() });
    return { frozen: [], created: [] };
  }
  // Before the first bootstrap there is nobody to impersonate; with lock-down there is nobody else to be.
  const result = await bootstrap(fleetCluster.lockdown === true ? controller : own, {
    fleetCluster,
    engine,
    clock,
    bootstrappedBefore: known,
  });
  if (result.kind === "ready") return { frozen: [], created: result.created };
  return { frozen: [detached(result.missing)], created: [] };
}

export const detached = (missing: readonly string[]): string =>
  `${missing.join(", ")} vanished from a cluster that was bootstrapped: it is detached; apply them again, or remove the cluster from the fleet`;

async function sight(reader: Cluster, known: boolean) {
  const labelled = async (labelSelector: string) =>
    (await reader.list("apps/v1", "Deployment", { labelSelector })).items;
  const deployments: readonly KubeObject[] = known
    ? [
        ...(await labelled("app.kubernetes.io/part-of=flux")),
        ...(await labelled("app.kubernetes.io/name=flux-operator")),
      ]
    : (await reader.list("apps/v1", "Deployment")).items;
  const leases = (await reader.list("coordination.k8s.io/v1", "Lease", known ? { namespace: fluxNamespace } : {}))
    .items;
  return { deployments, leases };
}

/** Kinds whose definition is gone count as a cluster without such objects. */
export async function listOrNone(cluster: Cluster, apiVersion: string, kind: string): Promise<readonly KubeObject[]> {
  try {
    return (await cluster.list(apiVersion, kind)).items;
  } catch (error) {
    if (error instanceof KubeError && (error.reason === "NoMatch" || error.reason === "NotFound")) return [];
    throw error;
  }
}
