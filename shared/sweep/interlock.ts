/** Who else serves this cluster, and is it still ours? Decides in every sweep whether anything may be written. */
import { type Bootstrapped, bootstrap } from "../bootstrap/bootstrap.ts";
import { checkInterlock } from "../bootstrap/interlock.ts";
import { controllerUser, fluxNamespace } from "../bootstrap/names.ts";
import { ownershipObject, ownershipRef, parseOwnership, renewOwnership } from "../bootstrap/ownership.ts";
import { migrateStoredVersions } from "../bootstrap/stored-versions.ts";
import type { KubeObject } from "../api/kube-object.ts";
import type { FleetCluster } from "../config/fleet.ts";
import { type Cluster, KubeError } from "../kubernetes/cluster.ts";
import type { Follower } from "../kubernetes/follow.ts";
import type { View } from "../kubernetes/catch-up.ts";
import type { Clock } from "../runtime/clock.ts";
import { keepContent } from "./keep.ts";

export interface InterlockPorts {
  /** Read only. */
  readonly reader: Cluster;
  /** Of the same cluster. */
  readonly follower: Follower;
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
  /** Version at which the cluster was last said to be ours; undefined when it is not known. */
  readonly owned: string | undefined;
}

export interface Before {
  /** The cluster was bootstrapped and looked at before: then Flux's labels are enough to find its controllers. */
  readonly known: boolean;
  /** Flux's objects are stored in the current version: must come first, is to be looked at again, was looked at. */
  readonly migration: "owed" | "due" | "done";
  /** Version of our own ownership object, if nobody wrote since: then it need not be read. */
  readonly owned?: string | undefined;
}

/**
 * The order of a take-over: nothing of Flux's runs, the cluster is ours, stored versions and owners are migrated; and only
 * then may anybody write. Each step is repeated by the next sweep when this one ends early.
 */
export async function guardCluster(
  fleetCluster: FleetCluster,
  engine: string,
  before: Before,
  ports: InterlockPorts,
): Promise<Guarded> {
  const { reader, clock, fence } = ports;
  const { known, migration, owned } = before;
  const remembered = known && owned !== undefined ? ownAt(owned, engine, clock) : undefined;
  const [sighted, ownership] = await Promise.all([sight(ports, known), remembered ?? reader.get(ownershipRef)]);
  const sightings = { ...sighted, ownership };
  const takeOver = fleetCluster.takeOver ?? false;
  const interlock = checkInterlock(sightings, { engine, now: clock.now(), takeOver });
  if (interlock.kind === "frozen") return frozenBy(interlock.reasons);
  const own = await ports.writer();
  const controller = own.as(controllerUser("kustomize-controller"));
  fence();
  const claimed = await claim(fleetCluster, engine, known, { own, controller, ownership, clock }).catch(
    (error: unknown) => {
      if (remembered && error instanceof KubeError && ["Conflict", "NotFound"].includes(error.reason)) return undefined;
      throw error;
    },
  );
  // Somebody else wrote there, or removed it: it is read and judged.
  if (!claimed) return guardCluster(fleetCluster, engine, { known, migration }, ports);
  if (claimed.kind === "detached") return frozenBy([detached(claimed.missing)]);
  const refused = migration === "done" ? [] : await migrateStoredVersions({ reader, writer: controller, fence });
  return {
    frozen: migration === "owed" ? refused : [],
    created: claimed.created,
    unmigrated: refused,
    owned: claimed.owned,
  };
}

const frozenBy = (frozen: readonly string[]): Guarded => ({ frozen, created: [], unmigrated: [], owned: undefined });

/** What we wrote last. That nobody wrote since shows when it is renewed: the version is a precondition. */
function ownAt(resourceVersion: string, engine: string, { now }: Clock): KubeObject {
  const object = ownershipObject({ engine, renewedAt: now(), bootstrapped: true });
  return { ...object, metadata: { ...object.metadata, resourceVersion } };
}

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
): Promise<Bootstrapped & { readonly owned?: string | undefined }> {
  const owned = parseOwnership(ownership);
  if (known && owned?.engine === engine && owned.bootstrapped) {
    const renewed = await renewOwnership(controller, ownership, { ...owned, renewedAt: clock.now() });
    return { kind: "ready", created: [], owned: renewed.metadata.resourceVersion };
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

const allOfFlux = { apiVersion: "apps/v1", kind: "Deployment", labelSelector: "app.kubernetes.io/part-of=flux" };
const operator = { ...allOfFlux, labelSelector: "app.kubernetes.io/name=flux-operator" };

/** A known cluster is looked at by Flux's labels, for what happened since the last sweep. */
async function sight({ reader, follower, clock }: InterlockPorts, known: boolean) {
  const leases = { apiVersion: "coordination.k8s.io/v1", kind: "Lease" };
  if (!known) {
    const [deployments, all] = await Promise.all([
      reader.list("apps/v1", "Deployment"),
      reader.list(leases.apiVersion, leases.kind),
    ]);
    return { deployments: deployments.items, leases: all.items };
  }
  const seen = async (view: View) => (await follower.follow(view, keepContent)).items;
  // The operator alone does nothing to the cluster: what it installs is seen at once.
  const isItsTurn = Math.floor(clock.now() / 60_000) % 2 === 0 || !follower.isEmpty(operator);
  const [controllers, operators, elections] = await Promise.all([
    seen(allOfFlux),
    isItsTurn ? seen(operator) : [],
    seen({ ...leases, namespace: fluxNamespace }),
  ]);
  return { deployments: [...controllers, ...operators], leases: elections };
}
