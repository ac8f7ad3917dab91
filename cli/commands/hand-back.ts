/**
 * `hand-back`: gives one cluster back to Flux. Waits until the engine has let go of it, removes what only the engine brought,
 * and scales Flux's controllers to what they had. Flux's objects and everything they applied stay as they are.
 */
import { subject } from "../../shared/api/kube-object.ts";
import { isFresh, ownershipRef, parseOwnership } from "../../shared/bootstrap/ownership.ts";
import type { Cluster } from "../../shared/kubernetes/cluster.ts";
import { rfc3339 } from "../../shared/runtime/clock.ts";
import { deleteOwn, dry } from "../delete-own.ts";
import { fluxDeploymentsOf, formerReplicasOf, replicasOf, wake } from "../flux-at-rest.ts";
import { requireOneCluster } from "../one-cluster.ts";
import { CommandError, type CliPorts, type NamedCluster } from "../ports.ts";
import { createSay, type Say } from "../say.ts";

export interface HandBackOptions {
  readonly dryRun?: boolean;
  /** Does not ask. */
  readonly silent?: boolean;
  readonly timeoutMillis: number;
}

const pollMillis = 5000;

/** @throws CommandError when the person says no, or an engine still serves the cluster at the end of the time */
export async function handBack(ports: CliPorts, options: HandBackOptions): Promise<void> {
  const { dryRun = false, silent = false } = options;
  const named = requireOneCluster(ports);
  const say = createSay(ports, named);
  if (!dryRun && !silent && !(await ports.confirm(`Are you sure you want to hand ${named.name} back to Flux`)))
    throw new CommandError("aborting");
  if (!dryRun) await untilLetGo(ports, named, say, options);
  await deleteOwn({ cluster: named.cluster, say, dryRun });
  await scaleUp(named.cluster, say, dryRun);
  say.success(`the cluster is Flux's again${dry(dryRun)}: see with flux check that its controllers run`);
}

/** Two engines must never write at once: ours has let go when it has not renewed its ownership for three minutes. */
async function untilLetGo(
  { clock, signal }: CliPorts,
  { cluster }: NamedCluster,
  say: Say,
  { timeoutMillis }: HandBackOptions,
): Promise<void> {
  const deadline = clock.now() + timeoutMillis;
  for (let told = false; ; told = true) {
    const ownership = parseOwnership(await cluster.get(ownershipRef));
    if (!ownership || !isFresh(ownership, clock.now())) return;
    const { engine, renewedAt } = ownership;
    const last = Number.isNaN(renewedAt) ? "at an unreadable time" : `at ${rfc3339(renewedAt)}`;
    if (clock.now() >= deadline)
      throw new CommandError(
        `engine "${engine}" still serves this cluster, it said so ${last}: ` +
          "remove the cluster from fleet.json, deploy, and run hand-back again",
      );
    if (!told) say.waiting(`waiting until engine "${engine}" has not been here for three minutes`);
    await clock.sleep(pollMillis, signal);
  }
}

/** One that was at zero before anybody noted anything gets a single replica; a repository with more sets it right. */
async function scaleUp(cluster: Cluster, say: Say, dryRun: boolean): Promise<void> {
  for (const deployment of [...(await fluxDeploymentsOf(cluster))].reverse()) {
    const noted = formerReplicasOf(deployment);
    const now = replicasOf(deployment);
    if (now > 0 && noted === undefined) continue;
    const wanted = now > 0 ? now : (noted ?? 1);
    if (!dryRun) await wake(cluster, deployment, wanted);
    if (now === 0) say.success(`${subject(deployment)} scaled from 0 to ${wanted}${dry(dryRun)}`);
  }
}
