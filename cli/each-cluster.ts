/** Runs one step on every cluster, so that one that cannot be reached does not hide the others. */
import { KubeError } from "../shared/kubernetes/cluster.ts";
import { CommandError, type CliPorts, type NamedCluster } from "./ports.ts";
import { createSay } from "./say.ts";

export interface Answer<T> {
  readonly cluster: NamedCluster;
  readonly value: T;
}

/**
 * Asks all clusters at once and gives their answers in the order of the fleet. With one cluster its error is thrown;
 * with several it is printed, and `requireAll` throws when everything else has been shown.
 */
export async function eachCluster<T>(
  ports: CliPorts,
  ask: (cluster: NamedCluster) => Promise<T>,
): Promise<{ readonly answers: readonly Answer<T>[]; readonly requireAll: () => void }> {
  if (ports.clusters.length === 0)
    throw new CommandError("no cluster to talk to: name one with --context, or a fleet file with --fleet");
  const results = await Promise.allSettled(ports.clusters.map(ask));
  const answers: Answer<T>[] = [];
  let failures = 0;
  for (const [index, result] of results.entries()) {
    const cluster = ports.clusters[index];
    if (!cluster) continue;
    if (result.status === "fulfilled") answers.push({ cluster, value: result.value });
    else if (!(result.reason instanceof KubeError || result.reason instanceof CommandError)) throw result.reason;
    else if (ports.clusters.length === 1) throw result.reason;
    else {
      failures += 1;
      createSay(ports, cluster).failure(result.reason.message);
    }
  }
  const requireAll = () => {
    if (failures > 0) throw new CommandError(`${failures} of ${ports.clusters.length} clusters failed`);
  };
  return { answers, requireAll };
}
