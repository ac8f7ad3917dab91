/** Puts the sweep together: the cluster's read-only role for looking, its apply role for bootstrap alone. */
import { createClusterAccess } from "../../shared/aws/cluster-access.ts";
import { createBucket } from "../../shared/aws/bucket.ts";
import { createEngine, type Invocation } from "../../shared/aws/engine.ts";
import { findCluster, readFleetFile } from "../../shared/aws/fleet-file.ts";
import { createSpokes } from "../../shared/kubernetes/spokes.ts";
import type { WorkMessage } from "../../shared/lease/message.ts";
import { withLease } from "../../shared/lease/with-lease.ts";
import { type Environment, requireVariable, runsOnThisMachine } from "../../shared/runtime/environment.ts";
import type { Log } from "../../shared/runtime/log.ts";
import { restSweep } from "../../shared/sweep/rest.ts";
import { sweep } from "../../shared/sweep/sweep.ts";

/** A WATCH on EKS answers over a region's distance; its events follow at once. */
const defaultSilenceMillis = 300;

function readSilence(environment: Environment): number {
  const given = Number(environment.DRIFTLESS_SILENCE_MILLIS ?? defaultSilenceMillis);
  if (Number.isFinite(given) && given > 0) return given;
  throw new RangeError("DRIFTLESS_SILENCE_MILLIS is no number of milliseconds above 0");
}

export function compose(environment: Environment): {
  readonly log: Log;
  readonly sweepOne: (message: WorkMessage, invocation: Invocation) => Promise<unknown>;
} {
  const engine = createEngine(environment);
  const { clock, table, log, metrics, trigger, report } = engine;
  const { blobs } = createBucket(environment);
  const fleet = readFleetFile(requireVariable(environment, "DRIFTLESS_FLEET_FILE"));
  const spent = { requests: 0, bytes: 0 };
  const access = createClusterAccess(fleet, environment, {
    onRequest: () => (spent.requests += 1),
    onBytes: (count) => (spent.bytes += count),
  });
  const silenceMillis = readSilence(environment);

  const spokes = createSpokes({
    clusters: fleet.clusters,
    openMember: (name) => access.open(name, "sweep"),
    reach: runsOnThisMachine(environment) ? "machine" : "network",
  });

  const sweepOne = async (message: WorkMessage, invocation: Invocation) => {
    const cluster = findCluster(fleet, message.key.slice(0, message.key.indexOf("/")));
    if (!cluster) return engine.leave(message.key);
    return withLease(engine, message, {
      ...invocation,
      report,
      onDeaths: async () => {
        await restSweep(cluster.name, engine);
        return {};
      },
      onStuck: async () => ({ kind: "done", againInSeconds: await restSweep(cluster.name, engine) }),
      work: async (held) => {
        Object.assign(spent, { requests: 0, bytes: 0 });
        const result = await sweep(cluster, held, {
          engine: engine.name,
          table,
          blobs,
          clock,
          log,
          trigger,
          openCluster: access.open,
          spokes,
          frozen: metrics.frozen,
          swept: metrics.swept,
          prunePending: metrics.prunePending,
          driftStands: metrics.driftStands,
          unreachable: metrics.unreachable,
          silenceMillis,
        });
        log("swept", { key: message.key, ...spent });
        metrics.sweepRequests(cluster.name, spent.requests);
        return result;
      },
    });
  };
  return { log, sweepOne };
}
