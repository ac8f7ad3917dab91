/** Two engines must never fight over a cluster: decides from what is seen there whether this one may write. */
import type { KubeObject } from "../api/kube-object.ts";
import { isRecord } from "../api/schema.ts";
import { intAt } from "../health/fields.ts";
import { rfc3339 } from "../runtime/clock.ts";
import { findFluxDeployment, fluxDeployments, fluxOperator } from "./flux-controller.ts";
import { isFresh, parseOwnership } from "./ownership.ts";

export interface Sightings {
  /** All Deployments of the cluster. */
  readonly deployments: readonly KubeObject[];
  /** All Leases of the cluster. */
  readonly leases: readonly KubeObject[];
  /** The ConfigMap of {@link ownershipRef}, when there is one. */
  readonly ownership?: KubeObject | undefined;
}

export interface InterlockOptions {
  /** Name of this engine. */
  readonly engine: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** The fleet asks to take the cluster over: what another engine says of itself no longer counts, what runs still does. */
  readonly takeOver?: boolean;
}

export type Interlock = { readonly kind: "clear" } | { readonly kind: "frozen"; readonly reasons: readonly string[] };

/**
 * Frozen while one of Flux's controllers or the flux-operator has replicas or pods, while a leader-election Lease of
 * theirs is fresh, and while another engine's ownership is. Flux at rest is not Flux given up: until the cluster is ours,
 * its controllers freeze it at zero replicas too, unless the fleet asks to take it over.
 */
export function checkInterlock(sightings: Sightings, options: InterlockOptions): Interlock {
  const isOurs = parseOwnership(sightings.ownership)?.engine === options.engine;
  const reasons = [
    ...sightings.deployments.flatMap((deployment) => controllerOf(deployment, options, isOurs)),
    ...sightings.leases.flatMap((lease) => freshLease(lease, options)),
    ...otherOwner(sightings.ownership, options),
  ];
  return reasons.length > 0 ? { kind: "frozen", reasons } : { kind: "clear" };
}

const takingOver = 'set "takeOver": true on the cluster in fleet.json';

function controllerOf(
  deployment: KubeObject,
  { takeOver = false }: InterlockOptions,
  isOurs: boolean,
): readonly string[] {
  if (!findFluxDeployment(deployment)) return [];
  const replicas = intAt(deployment, ["spec", "replicas"], 1);
  const pods = intAt(deployment, ["status", "replicas"], 0);
  const at = place(deployment);
  if (replicas > 0) {
    const next = takeOver
      ? "scale it to 0 to go on with the take-over"
      : `bring Flux to rest with driftless take-over and ${takingOver}, or remove the cluster from the fleet`;
    return [`Deployment/${at} has ${replicas} replicas: Flux serves this cluster; ${next}`];
  }
  if (pods > 0) return [`Deployment/${at} still has ${pods} pods: wait until they have ended`];
  if (isOurs || takeOver) return [];
  return [`Deployment/${at} is at rest, but this cluster is Flux's: ${takingOver} if it is to be served from here`];
}

/** Flux's controllers elect by `<controller>-leader-election`, with a suffix for shards; the operator by its own name. */
function freshLease(lease: KubeObject, { now }: InterlockOptions): readonly string[] {
  const { name } = lease.metadata;
  const isTheirs =
    fluxDeployments.some((controller) => name.startsWith(`${controller}-leader-election`)) || name === fluxOperator;
  const spec = isRecord(lease.spec) ? lease.spec : {};
  const { renewTime, holderIdentity } = spec;
  if (!isTheirs || typeof holderIdentity !== "string" || holderIdentity === "") return [];
  const seconds = intAt(lease, ["spec", "leaseDurationSeconds"], 15);
  const until = typeof renewTime === "string" ? Date.parse(renewTime) + seconds * 1000 : NaN;
  if (until <= now) return [];
  const end = Number.isNaN(until) ? "has no renew time that can be read" : `is held until ${rfc3339(until)}`;
  return [
    `Lease/${place(lease)} ${end} by ${holderIdentity}: wait until that controller has ended and its lease is over`,
  ];
}

function otherOwner(object: KubeObject | undefined, options: InterlockOptions): readonly string[] {
  const ownership = parseOwnership(object);
  if (!object || !ownership || ownership.engine === options.engine || options.takeOver) return [];
  if (!isFresh(ownership, options.now)) return [];
  const when = Number.isNaN(ownership.renewedAt) ? "at an unreadable time" : `at ${rfc3339(ownership.renewedAt)}`;
  return [
    `ConfigMap/${place(object)} was renewed ${when} by engine "${ownership.engine}": ` +
      `remove the cluster from that engine's fleet, or ${takingOver}`,
  ];
}

const place = ({ metadata: { namespace, name } }: KubeObject): string => `${namespace ?? ""}/${name}`;
