/** An engine in this process against a cluster that answers over HTTP: real time, queue and table in memory, local Git. */
import { createCluster, type OpenCluster } from "../../shared/kubernetes/create-cluster.ts";
import type { Connection } from "../../shared/kubernetes/transport.ts";
import { createSpokes } from "../../shared/kubernetes/spokes.ts";
import { claimDue } from "../../shared/lease/claim.ts";
import { sweepKey } from "../../shared/lease/message.ts";
import { trigger } from "../../shared/lease/trigger.ts";
import { type Clock, systemClock } from "../../shared/runtime/clock.ts";
import { createEngineMetrics } from "../../shared/runtime/engine-metrics.ts";
import type { LogFields } from "../../shared/runtime/log.ts";
import { tick } from "../../shared/schedule/tick.ts";
import { openTransportWithin } from "../../shared/source/git/open-transport.ts";
import { createGitRoot, type Repository, startGitServer } from "../fakes/git-server.ts";
import { createMemoryTable, type MemoryTable } from "../fakes/memory-table.ts";
import { createEngineRenderer } from "./engine-renderer.ts";
import { type EngineWorld, runMessage } from "./in-process.ts";
import { createMemoryBlobs, type MemoryBlobs } from "./memory-blobs.ts";
import { createMemoryQueues } from "./memory-queues.ts";

export const clusterName = "production";

export interface LiveWorld {
  readonly cluster: OpenCluster;
  readonly repository: Repository;
  readonly url: string;
  readonly table: MemoryTable;
  readonly blobs: MemoryBlobs;
  readonly logs: readonly { readonly event: string; readonly fields: LogFields }[];
  /** Requests of the engine since the last call, as `METHOD path`. */
  takeRequests(): readonly string[];
  sweep(): Promise<void>;
  trigger(kind: "GitRepository" | "Kustomization", name: string, namespace?: string): Promise<void>;
  /** Works off what is due, and what becomes due within so many milliseconds. */
  settle(withinMillis?: number): Promise<void>;
  /** The same in no time: where the engine would rest until something is due, its clock moves on instead. */
  skip(withinMillis: number): Promise<void>;
  /** The minute's tick; what it finds due is worked off by `settle`. */
  tick(): Promise<void>;
  close(): Promise<void>;
}

export interface LiveOptions {
  readonly takeOver?: boolean;
  readonly clock?: Clock;
  /** Gets the lines that the functions would write for CloudWatch. */
  readonly emit?: (line: string) => void;
}

/** @param sync false leaves the root objects out: the fleet entry names no repository */
export async function createLiveWorld(
  connection: Connection,
  { clock: base = systemClock, emit, ...options }: LiveOptions = {},
): Promise<LiveWorld> {
  const git = createGitRoot();
  const repository = git.create("fleet");
  const server = await startGitServer(git.folder);
  const url = `${server.url}/fleet.git`;
  let requests: string[] = [];
  const engineCluster = createCluster({
    ...connection,
    onRequest: (method, path) => requests.push(`${method} ${path}`),
  });
  const cluster = createCluster(connection);
  let ahead = 0;
  const clock: Clock = { ...base, now: () => base.now() + ahead };
  const metrics = createEngineMetrics(clock, emit ?? (() => undefined));
  const queues = createMemoryQueues(clock);
  const table = createMemoryTable({ now: clock.now });
  const blobs = createMemoryBlobs();
  const logs: { event: string; fields: LogFields }[] = [];
  const wake = async (key: string, why: string) => {
    await trigger(world, key, { why });
  };
  const world: EngineWorld = {
    engine: "test",
    clusters: [
      {
        name: clusterName,
        arn: "arn:aws:eks:eu-west-1:111122223333:cluster/production",
        sync: { url, branch: "main", path: "clusters/production" },
        ...options,
      },
    ],
    table,
    queues,
    clock,
    blobs,
    renderer: await createEngineRenderer(blobs, wake),
    openGit: openTransportWithin("machine"),
    openCluster: async () => engineCluster,
    spokes: createSpokes({ clusters: [], openMember: async () => engineCluster, reach: "machine" }),
    log: (event, fields = {}) => logs.push({ event, fields }),
    metrics,
  };
  let run = 0;
  const settle = async (withinMillis = 0, rest: (millis: number) => Promise<void> = clock.sleep) => {
    const end = clock.now() + withinMillis;
    for (;;) {
      const message = queues.take();
      if (message) {
        run += 1;
        await runMessage(world, message, { owner: `run-${run}`, deadline: clock.now() + 300_000 });
        continue;
      }
      const next = queues.nextAt();
      if (next === undefined || next > end) return;
      await rest(Math.max(1, next - clock.now()));
    }
  };
  return {
    cluster,
    repository,
    url,
    table,
    blobs,
    logs,
    takeRequests: () => {
      const taken = requests;
      requests = [];
      return taken;
    },
    sweep: async () => {
      await wake(sweepKey(clusterName), "test");
      await settle();
    },
    trigger: async (kind, name, namespace = "flux-system") => {
      const group = kind === "GitRepository" ? "source.toolkit.fluxcd.io" : "kustomize.toolkit.fluxcd.io";
      await wake(`${clusterName}/${group}/${kind}/${namespace}/${name}`, "test");
      await settle();
    },
    settle,
    skip: (withinMillis) =>
      settle(withinMillis, async (millis) => {
        ahead += millis;
      }),
    tick: async () => {
      const { late, overdue, sweepAge } = metrics;
      const claim = async () => {
        const claimed = await claimDue(world);
        late(claimed.lateSeconds);
        overdue(claimed.overdue);
        return claimed.sent;
      };
      await tick(
        { engine: world.engine, clusters: world.clusters },
        { table, clock, claimDue: claim, trigger: wake, sweepAge },
      );
    },
    close: async () => {
      await cluster.close();
      await engineCluster.close();
      await server.close();
      git.remove();
    },
  };
}
