/** Who else serves this cluster, and is it still ours? Decides in every sweep whether anything may be written. */
import { type Bootstrapped, bootstrap } from "../bootstrap/bootstrap.ts";
import { checkInterlock } from "../bootstrap/interlock.ts";
import { controllerUser, fluxNamespace } from "../bootstrap/names.ts";
import { ownershipRef, parseOwnership, renewOwnership } from "../bootstrap/ownership.ts";
import { migrateStoredVersions } from "../bootstrap/stored-versions.ts";
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
  /** Flux's objects that the API server refuses to store in the current version, although it is a while that they were. */
  readonly unmigrated: readonly string[];
}

export interface Before {
  /** The cluster was bootstrapped and looked at before: then Flux's labels are enough to find its controllers. */
  readonly known: boolean;
  /** Flux's objects are stored in the current version: must come first, is to be looked at again, was looked at. */
  readonly migration: "owed" | "due" | "done";
}

/**
 * The order of a take-over: nothing of Flux's runs, the cluster is ours, stored versions and owners are migrated; and only
 * then may anybody write. Each step is repeated by the next sweep when this one ends early.
 */
export async function guardCluster(
  fleetCluster: FleetCluster,
  engine: string,
  { known, migration }: Before,
  ports: InterlockPorts,
): Promise<Guarded> {
  const { reader, clock, fence } = ports;
  const ownership = await reader.get(ownershipRef);
  const sightings = { ...(await sight(reader, known)), ownership };
  const takeOver = fleetCluster.takeOver ?? false;
  const interlock = checkInterlock(sightings, { engine, now: clock.now(), takeOver });
  if (interlock.kind === "frozen") return frozenBy(interlock.reasons);
  const own = await ports.writer();
  const controller = own.as(controllerUser("kustomize-controller"));
  fence();
  const claimed = await claim(fleetCluster, engine, known, { own, controller, ownership, clock });
  if (claimed.kind === "detached") return frozenBy([detached(claimed.missing)]);
  const refused = migration === "done" ? [] : await migrateStoredVersions({ reader, writer: controller, fence });
  return {
    frozen: migration === "owed" ? refused : [],
    created: claimed.created,
    unmigrated: refused,
  };
}

const frozenBy = (frozen: readonly string[]): Guarded => ({ frozen, created: [], unmigrated: [] });

interface Claim {
  readonly own: Cluster;
  readonly controller: Cluster;
  readonly ownership: KubeObject | undefined;
  readonly clock: Clock;
}

/** Says that the cluster is ours, once more or for the first time; then it is bootstrapped too. */
async function claim(
  fleetCluster: FleetCluster,
  engine: string,
  known: boolean,
  { own, controller, ownership, clock }: Claim,
): Promise<Bootstrapped> {
  const owned = parseOwnership(ownership);
  if (known && owned?.engine === engine && owned.bootstrapped) {
    await renewOwnership(controller, ownership, { ...owned, renewedAt: clock.now() });
    return { kind: "ready", created: [] };
  }
  // Before the first bootstrap there is nobody to impersonate; with lock-down there is nobody else to be.
  return bootstrap(fleetCluster.lockdown === true ? controller : own, {
    fleetCluster,
    engine,
    clock,
    bootstrappedBefore: known,
  });
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
