/**
 * `take-over`: brings Flux to rest in one cluster, so that the engine may serve it. Notes how many replicas each controller
 * had, and ends when nothing of Flux's runs any more. Nothing else is touched: what comes next is the engine's next sweep.
 */
import { subject } from "../../shared/api/kube-object.ts";
import { checkInterlock } from "../../shared/bootstrap/interlock.ts";
import type { Cluster } from "../../shared/kubernetes/cluster.ts";
import { dry } from "../delete-own.ts";
import { bringToRest, fluxDeploymentsOf, replicasOf } from "../flux-at-rest.ts";
import { requireOneCluster } from "../one-cluster.ts";
import { CommandError, type CliPorts, type NamedCluster } from "../ports.ts";
import { createSay, type Say } from "../say.ts";

export interface TakeOverOptions {
  readonly dryRun?: boolean;
  /** Does not ask. */
  readonly silent?: boolean;
  readonly timeoutMillis: number;
}

const pollMillis = 1000;

/** @throws CommandError when the person says no, or something of Flux's still runs at the end of the time */
export async function takeOver(ports: CliPorts, options: TakeOverOptions): Promise<void> {
  const { dryRun = false, silent = false } = options;
  const named = requireOneCluster(ports);
  const say = createSay(ports, named);
  if (!dryRun && !silent && !(await ports.confirm(`Are you sure you want to stop Flux in ${named.name}`)))
    throw new CommandError("aborting");
  const found = await fluxDeploymentsOf(named.cluster);
  if (found.length === 0) say.warning("no controller of Flux is in this cluster");
  await scaleDown(named.cluster, say, dryRun);
  if (!dryRun) await untilAtRest(ports, named, say, options);
  say.success(`Flux is at rest${dry(dryRun)}: set "takeOver": true on the cluster in fleet.json and deploy`);
}

async function scaleDown(cluster: Cluster, say: Say, dryRun: boolean): Promise<void> {
  for (const deployment of await fluxDeploymentsOf(cluster)) {
    const replicas = replicasOf(deployment);
    if (replicas === 0) continue;
    if (!dryRun) await bringToRest(cluster, deployment);
    say.success(`${subject(deployment)} scaled from ${replicas} to 0${dry(dryRun)}`);
  }
}

/** A controller that was under way may have applied another one's replicas once more: that is scaled down again. */
async function untilAtRest(
  { clock, signal }: CliPorts,
  { cluster }: NamedCluster,
  say: Say,
  { timeoutMillis }: TakeOverOptions,
): Promise<void> {
  const deadline = clock.now() + timeoutMillis;
  for (let told = false; ; told = true) {
    const { items: deployments } = await cluster.list("apps/v1", "Deployment");
    const { items: leases } = await cluster.list("coordination.k8s.io/v1", "Lease");
    const seen = checkInterlock({ deployments, leases }, { engine: "", now: clock.now(), takeOver: true });
    if (seen.kind === "clear") return;
    if (clock.now() >= deadline)
      throw new CommandError(`Flux still runs: ${seen.reasons.join("; ")}; run take-over again`);
    if (!told) say.waiting("waiting until its pods have ended and its leases are over");
    await clock.sleep(pollMillis, signal);
    await scaleDown(cluster, say, false);
  }
}
