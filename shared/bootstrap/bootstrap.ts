/**
 * Prepares a cluster for the engine, as `flux install` and `flux bootstrap` would: adds what is missing and leaves alone
 * what is there, for a repository's own definitions and roots always win. Every step can be repeated.
 */
import { customResourceDefinitions } from "../api/crd.ts";
import { refOf, subject, type KubeObject, type ObjectRef } from "../api/kube-object.ts";
import type { FleetCluster } from "../config/fleet.ts";
import { stringAt } from "../health/fields.ts";
import { KubeError, type Cluster } from "../kubernetes/cluster.ts";
import type { Clock } from "../runtime/clock.ts";
import { engineName } from "./names.ts";
import { ownershipRef, parseOwnership, renewOwnership } from "./ownership.ts";
import { fluxRbac, fluxServiceAccounts, impersonateGroupRbac, sourceGroupRbac } from "./rbac.ts";
import { namespace, rootGitRepository, rootKustomization } from "./root.ts";

export interface BootstrapOptions {
  readonly fleetCluster: FleetCluster;
  /** Name of this engine. */
  readonly engine: string;
  readonly clock: Clock;
  /** The engine's table says that it has set this cluster up before, even if the cluster no longer does. */
  readonly bootstrappedBefore?: boolean;
  readonly signal?: AbortSignal;
}

export type Bootstrapped =
  /** The cluster is complete; `created` are those objects that were missing, as `Kind/namespace/name`. */
  | { readonly kind: "ready"; readonly created: readonly string[] }
  /** It was complete once and is no longer: somebody uninstalled. Nothing was written. */
  | { readonly kind: "detached"; readonly missing: readonly string[] };

const definitionAttempts = 40;
const definitionPollMillis = 250;

/**
 * The caller has checked the interlock. A cluster that was bootstrapped before and lost its definitions or roots is
 * reported as detached, never repaired: that is what `flux uninstall` looks like.
 *
 * @throws KubeError of any step; AlreadyExists or Conflict when another engine claimed the cluster meanwhile
 */
export async function bootstrap(cluster: Cluster, options: BootstrapOptions): Promise<Bootstrapped> {
  const { fleetCluster, engine, clock, bootstrappedBefore = false, signal } = options;
  const definitions = customResourceDefinitions();
  const roots = fleetCluster.sync ? [rootGitRepository(fleetCluster.sync), rootKustomization(fleetCluster.sync)] : [];
  const seen = await cluster.get(ownershipRef, signal);
  const ownership = parseOwnership(seen);

  if (bootstrappedBefore || (ownership?.engine === engine && ownership.bootstrapped)) {
    const missing = await absent(cluster, [...definitions, ...roots], signal);
    if (missing.length > 0) return { kind: "detached", missing };
  }

  const created: string[] = [];
  const add = async (objects: readonly KubeObject[]) => {
    for (const object of objects) if (await addMissing(cluster, object, signal)) created.push(subject(object));
  };

  await add([namespace()]);
  const claim = { engine, renewedAt: clock.now(), bootstrapped: false };
  const claimed = await renewOwnership(
    cluster,
    seen,
    ownership?.engine === engine ? { ...ownership, ...claim } : claim,
  );
  await add(definitions);
  await add([...fluxServiceAccounts(), ...fluxRbac()]);
  for (const object of [...sourceGroupRbac(), ...impersonateGroupRbac()]) await applyOurs(cluster, object, signal);
  await untilServed(cluster, options, definitions);
  await add(roots);
  await renewOwnership(cluster, claimed, { engine, renewedAt: clock.now(), bootstrapped: true });
  return { kind: "ready", created };
}

async function addMissing(cluster: Cluster, object: KubeObject, signal?: AbortSignal): Promise<boolean> {
  if (await exists(cluster, refOf(object), signal)) return false;
  await cluster.apply(object, { fieldManager: engineName, ...(signal ? { signal } : {}) });
  return true;
}

/** The engine's own objects follow its version. */
async function applyOurs(cluster: Cluster, object: KubeObject, signal?: AbortSignal): Promise<void> {
  await cluster.apply(object, { fieldManager: engineName, force: true, ...(signal ? { signal } : {}) });
}

async function absent(cluster: Cluster, objects: readonly KubeObject[], signal?: AbortSignal) {
  const missing: string[] = [];
  for (const object of objects) if (!(await exists(cluster, refOf(object), signal))) missing.push(subject(object));
  return missing;
}

/** An object of a kind that the API server does not serve does not exist. */
async function exists(cluster: Cluster, ref: ObjectRef, signal?: AbortSignal): Promise<boolean> {
  try {
    return (await cluster.get(ref, signal)) !== undefined;
  } catch (error) {
    if (error instanceof KubeError && error.reason === "NoMatch") return false;
    throw error;
  }
}

/** A definition is served a moment after it was written; up to ten seconds, for a slow API server. */
async function untilServed(cluster: Cluster, { clock, signal }: BootstrapOptions, definitions: readonly KubeObject[]) {
  for (const definition of definitions) {
    for (let attempt = 0; !(await isServed(cluster, definition)); attempt += 1) {
      if (attempt >= definitionAttempts)
        throw new KubeError(0, "Timeout", `${subject(definition)} was not served after 10s, run again`);
      await clock.sleep(definitionPollMillis, signal);
    }
  }
}

async function isServed(cluster: Cluster, definition: KubeObject): Promise<boolean> {
  try {
    const group = stringAt(definition, ["spec", "group"], "");
    await cluster.resource(`${group}/v1`, stringAt(definition, ["spec", "names", "kind"], ""));
    return true;
  } catch (error) {
    if (error instanceof KubeError && error.reason === "NoMatch") return false;
    throw error;
  }
}
