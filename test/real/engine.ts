/**
 * Driftless' engine on a real API server: the functions' workers in this process, with the build in a kubectl process.
 * Queue, table and bucket are in memory: what AWS adds to a run is not here.
 */
import { createCluster, type OpenCluster } from "../../shared/kubernetes/create-cluster.ts";
import { createSpokes } from "../../shared/kubernetes/spokes.ts";
import type { Connection } from "../../shared/kubernetes/transport.ts";
import type { Cluster } from "../../shared/kubernetes/cluster.ts";
import { parseKey, sweepKey } from "../../shared/lease/message.ts";
import type { Queues, Table } from "../../shared/lease/ports.ts";
import { trigger } from "../../shared/lease/trigger.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { type Log, silentLog } from "../../shared/runtime/log.ts";
import { openTransportWithin } from "../../shared/source/git/open-transport.ts";
import { createEngineRenderer } from "../engine/engine-renderer.ts";
import { type EngineWorld, runMessage } from "../engine/in-process.ts";
import { createMemoryBlobs } from "../engine/memory-blobs.ts";
import { createMemoryQueues } from "../engine/memory-queues.ts";
import { createMemoryTable } from "../fakes/memory-table.ts";

/** As long as a function may run. */
const deadlineMillis = 300_000;

export interface RealEngine {
  /** The same API server, for whoever submits and looks. */
  readonly observer: OpenCluster;
  /** Requests to the API server by purpose since the counts were last set. */
  readonly requests: { sweep: number; source: number; apply: number };
  /** Bytes of all answers to the sweep since the count was last set, and what it asked for. */
  readonly swept: { bytes: number; paths: string[] };
  /** Triggers an object; who works on it is `run`'s or `serve`'s matter. */
  wake(key: string): Promise<void>;
  /** Triggers an object and works until nothing is due any more; the sweep of every minute is left out. */
  run(key: string): Promise<void>;
  /** The engine's clock goes on by so much. */
  skip(milliseconds: number): void;
  /** What the sweep remembers is lost: its next one lists. */
  forgetSweeps(): Promise<void>;
  /** One sweep that sees nothing but these namespaces and what belongs to none. */
  sweep(namespaces: readonly string[]): Promise<void>;
  /** Works on whatever becomes due, until the signal aborts; the sweep of every minute is left out. */
  serve(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export interface RealEngineOptions {
  readonly engine: string;
  readonly clusterName: string;
  readonly log?: Log;
  /** How long a sweep waits for events; without it every kind is listed. */
  readonly silenceMillis?: number;
  /** Runs at once; as many as there are messages by default. */
  readonly workers?: number;
  /** Told of a run that ended in an exception; by default it comes out of `run`. */
  readonly failed?: (key: string, error: unknown) => void;
}

export async function createRealEngine(connection: Connection, options: RealEngineOptions): Promise<RealEngine> {
  const { engine, clusterName, log = silentLog } = options;
  const observer = createCluster(connection);
  const requests = { sweep: 0, source: 0, apply: 0 };
  const swept = { bytes: 0, paths: [] as string[] };
  const counted = (purpose: keyof typeof requests) =>
    createCluster({
      ...connection,
      onRequest: (method, path) => {
        requests[purpose] += 1;
        if (purpose === "sweep") swept.paths.push(`${method} ${path}`);
      },
      onBytes: (count) => (swept.bytes += purpose === "sweep" ? count : 0),
    });
  const clusters = { sweep: counted("sweep"), source: counted("source"), apply: counted("apply") };
  const pump = createPump(options);
  let skipped = 0;
  const clock = { ...systemClock, now: () => systemClock.now() + skipped };
  const blobs = createMemoryBlobs();
  const wake = async (key: string, why: string) => {
    await trigger(world, key, { why });
  };
  const world: EngineWorld = {
    engine,
    clusters: [{ name: clusterName, arn: `arn:aws:eks:eu-west-1:111122223333:cluster/${clusterName}` }],
    table: createMemoryTable({ now: clock.now }),
    queues: pump.queues,
    clock,
    blobs,
    renderer: await createEngineRenderer(blobs, wake),
    openGit: openTransportWithin("machine"),
    openCluster: async (_, purpose) => clusters[purpose],
    spokes: createSpokes({ clusters: [], openMember: async () => clusters.apply, reach: "machine" }),
    log,
    silenceMillis: options.silenceMillis,
  };
  return {
    observer,
    requests,
    swept,
    wake: (key) => wake(key, engine),
    run: async (key) => {
      await wake(key, engine);
      await pump.work(world, key);
    },
    skip: (milliseconds) => void (skipped += milliseconds),
    forgetSweeps: () => blobs.delete(`sweep/${clusterName}.json.gz`),
    sweep: async (namespaces) => {
      const key = sweepKey(clusterName);
      await wake(key, engine);
      const message = { v: 1, key, why: engine } as const;
      const deadline = clock.now() + deadlineMillis;
      await runMessage(within(world, clusters.sweep, namespaces), message, { owner: key, deadline });
    },
    serve: (signal) => pump.serve(world, signal),
    close: async () => {
      await Promise.all([observer, ...Object.values(clusters)].map((cluster) => cluster.close()));
    },
  };
}

/** Others that use the same server are left alone. */
function within(world: EngineWorld, reader: Cluster, namespaces: readonly string[]): EngineWorld {
  const isSeen = (namespace: string | undefined) => !namespace || namespaces.includes(namespace);
  const cluster: Cluster = {
    ...reader,
    list: async (apiVersion, kind, options) => {
      const list = await reader.list(apiVersion, kind, options);
      return { ...list, items: list.items.filter(({ metadata }) => isSeen(metadata.namespace)) };
    },
  };
  const query: Table["query"] = async (options) => {
    const rows = await world.table.query(options);
    return rows.filter(({ vsk }) => typeof vsk !== "string" || isSeen(parseKey(vsk)?.namespace));
  };
  return {
    ...world,
    table: { ...world.table, query },
    openCluster: async (name, purpose) => (purpose === "sweep" ? cluster : world.openCluster(name, purpose)),
  };
}

interface Pump {
  readonly queues: Queues;
  /** Works off every message that is due, at once, as functions on a queue do; ends when nothing is due and nothing runs. */
  work(world: EngineWorld, key: string): Promise<void>;
  serve(world: EngineWorld, signal: AbortSignal): Promise<void>;
}

function createPump({ clusterName, failed, workers = Infinity }: RealEngineOptions): Pump {
  const memory = createMemoryQueues(systemClock);
  const running = new Set<Promise<unknown>>();
  let sent: () => void = () => undefined;
  let count = 0;
  const startDue = (world: EngineWorld, asked?: string): void => {
    while (running.size < workers) {
      const message = memory.take();
      if (!message) return;
      const { key } = message;
      if (key === sweepKey(clusterName) && key !== asked) continue;
      count += 1;
      const run = runMessage(world, message, { owner: `run-${count}`, deadline: world.clock.now() + deadlineMillis });
      const told = failed ? run.catch((error: unknown) => failed(key, error)) : run;
      const ended: Promise<unknown> = told.finally(() => running.delete(ended));
      running.add(ended);
    }
  };
  return {
    queues: {
      send: async (message, delaySeconds) => {
        await memory.send(message, delaySeconds);
        sent();
      },
    },
    work: async (world, key) => {
      for (;;) {
        const news = new Promise<void>((resolve) => (sent = resolve));
        startDue(world, key);
        if (running.size === 0) return;
        await Promise.race([...running, news]);
      }
    },
    serve: async (world, signal) => {
      while (!signal.aborted) {
        const news = new Promise<void>((resolve) => (sent = resolve));
        startDue(world);
        const next = running.size < workers ? memory.nextAt() : undefined;
        await soonest(running.size < workers ? news : Promise.race(running), next, signal);
      }
      await Promise.allSettled(running);
    },
  };
}

/** Ends with the news, at the moment, or with the signal, whichever comes first. */
async function soonest(news: Promise<unknown>, at: number | undefined, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const parts = [
    news,
    new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { signal: over.signal })),
  ];
  if (at !== undefined) {
    const delay = Math.max(1, at - systemClock.now());
    parts.push(systemClock.sleep(delay, over.signal).catch(() => undefined));
  }
  await Promise.race(parts);
  over.abort();
}
