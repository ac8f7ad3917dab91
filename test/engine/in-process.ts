/**
 * The engine's three workers in this process, composed from ports: what the functions' compose.ts do with AWS, done with
 * anything. One message in, one run; the caller brings queue, table, clock and clusters.
 */
import type { FleetCluster } from "../../shared/config/fleet.ts";
import { driftModeOf } from "../../shared/drift/mode.ts";
import type { Cluster } from "../../shared/kubernetes/cluster.ts";
import type { Spokes } from "../../shared/kubernetes/spokes.ts";
import { recordDeaths, recordStuck } from "../../shared/kustomize/deaths.ts";
import { workOnKustomization, type WorkerPorts } from "../../shared/kustomize/worker.ts";
import type { Renderer } from "../../shared/kustomize/ports.ts";
import { parseKey, queueOf, type WorkMessage } from "../../shared/lease/message.ts";
import type { Registration } from "../../shared/lease/register.ts";
import type { LeasePorts } from "../../shared/lease/row.ts";
import { trigger } from "../../shared/lease/trigger.ts";
import { type LeaseOutcome, withLease } from "../../shared/lease/with-lease.ts";
import type { BlobStore } from "../../shared/runtime/blob-store.ts";
import { createEngineMetrics, type EngineMetrics } from "../../shared/runtime/engine-metrics.ts";
import type { Log } from "../../shared/runtime/log.ts";
import * as source from "../../shared/source/deaths.ts";
import type { SourcePorts } from "../../shared/source/ports.ts";
import { createStoredSources } from "../../shared/source/stored-sources.ts";
import { type SourceWorkerPorts, workOnSource } from "../../shared/source/worker.ts";
import { restSweep } from "../../shared/sweep/rest.ts";
import { sweep } from "../../shared/sweep/sweep.ts";

export interface EngineWorld extends LeasePorts {
  readonly engine: string;
  readonly clusters: readonly FleetCluster[];
  readonly blobs: BlobStore;
  readonly renderer: Renderer;
  readonly openGit: SourcePorts["openGit"];
  readonly openCluster: (name: string, purpose: "sweep" | "source" | "apply") => Promise<Cluster>;
  /** Clusters that a hub's `kubeConfig`s lead to. */
  readonly spokes: (hub: string) => Spokes;
  readonly log: Log;
  /** How long a sweep waits for events; without it every kind is listed. */
  readonly silenceMillis?: number | undefined;
  /** Told how each Kustomization's run ended. */
  readonly outcome?: (cluster: string, kind: string, seconds: number) => void;
  /** What would be written to standard output; nowhere where absent. */
  readonly metrics?: EngineMetrics;
}

export interface Invocation {
  readonly owner: string;
  /** Epoch milliseconds. */
  readonly deadline: number;
}

export async function runMessage(
  world: EngineWorld,
  message: WorkMessage,
  invocation: Invocation,
): Promise<LeaseOutcome | undefined> {
  const { table, blobs, clock, log, metrics = createEngineMetrics(world.clock, () => undefined) } = world;
  const common = { table, blobs, clock, log, unreachable: metrics.unreachable };
  const tell = async (key: string, why: string, note?: Registration) => {
    await trigger(world, key, { why, ...(note ? { register: note } : {}) });
  };
  if (queueOf(message.key) === "sweep") {
    const fleetCluster = world.clusters.find(({ name }) => message.key.startsWith(`${name}/`));
    if (!fleetCluster) return undefined;
    return withLease(world, message, {
      ...invocation,
      onDeaths: async () => {
        await restSweep(fleetCluster.name, world);
        return {};
      },
      onStuck: async () => ({ kind: "done", againInSeconds: await restSweep(fleetCluster.name, world) }),
      work: (held) =>
        sweep(fleetCluster, held, {
          ...common,
          engine: world.engine,
          trigger: tell,
          openCluster: world.openCluster,
          spokes: world.spokes,
          frozen: metrics.frozen,
          swept: metrics.swept,
          prunePending: metrics.prunePending,
          driftStands: metrics.driftStands,
          silenceMillis: world.silenceMillis,
        }),
    });
  }
  const self = parseKey(message.key);
  if (!self) return undefined;
  if (queueOf(message.key) === "source") {
    const ports: SourceWorkerPorts = {
      ...common,
      bucket: "driftless",
      hmacKey: async () => Buffer.from("a key for tests"),
      openGit: world.openGit,
      openCluster: (name) => world.openCluster(name, "source"),
      trigger: tell,
    };
    return withLease(world, message, {
      ...invocation,
      onDeaths: (held, deaths) => source.recordDeaths(self, held, deaths, ports),
      onStuck: (held) => source.recordStuck(self, held, ports),
      work: (held) => workOnSource(self, held, ports),
    });
  }
  const ports: WorkerPorts = {
    ...common,
    renderer: world.renderer,
    sources: (cluster) => createStoredSources(cluster, table),
    openCluster: (name) => world.openCluster(name, "apply"),
    spokes: world.spokes,
    trigger: tell,
    outcome: world.outcome ?? metrics.outcome,
    applied: metrics.applied,
    driftMode: (name) => driftModeOf(world.clusters.find((cluster) => cluster.name === name) ?? {}),
    digestKey: async () => Buffer.from("a key for tests"),
    drifted: metrics.drifted,
    compatibility: () => undefined,
  };
  return withLease(world, message, {
    ...invocation,
    work: (held) => workOnKustomization(self, held, ports),
    onDeaths: (held, deaths) => recordDeaths(self, held, deaths, ports),
    onStuck: (held) => recordStuck(self, held, ports),
  });
}
