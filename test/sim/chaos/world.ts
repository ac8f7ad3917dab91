/**
 * The whole engine in one process under a virtual clock: its three workers behind simulated queues, the tick, the
 * webhook, sandbox clusters and a Git server in memory. Every call that leaves a worker is a point at which it can die.
 */
import type { Fleet } from "../../../shared/config/fleet.ts";
import { claimDue } from "../../../shared/lease/claim.ts";
import { type QueueName, sweepKey, type WorkMessage } from "../../../shared/lease/message.ts";
import type { LeasePorts } from "../../../shared/lease/row.ts";
import { trigger } from "../../../shared/lease/trigger.ts";
import type { LogFields } from "../../../shared/runtime/log.ts";
import { tick } from "../../../shared/schedule/tick.ts";
import { handleDelivery } from "../../../shared/webhook/handle.ts";
import { runMessage } from "../../engine/in-process.ts";
import { createMemoryBlobs, type MemoryBlobs } from "../../engine/memory-blobs.ts";
import { createSandboxCluster, type SandboxCluster } from "../../engine/sandbox-cluster.ts";
import { createMemoryTable, type MemoryTable } from "../../fakes/memory-table.ts";
import { createSimulation, type Ending, type SimProcess, type Simulation, type SpawnOptions } from "../kernel.ts";
import { createSimQueues, type SimQueues } from "../queue.ts";
import { startTicks } from "../tick.ts";
import { createMemoryRepository, type Files, type MemoryRepository } from "./git.ts";
import { createProcessPorts } from "./process-ports.ts";
import { createSlots } from "./slots.ts";
import { clearSky, type Weather } from "./weather.ts";

export const repositoryUrl = "https://git.example.com/fleet.git";
/** Of functionShapes in infra. */
const timeouts: Readonly<Record<QueueName | "tick" | "webhook", number>> = {
  source: 300_000,
  reconcile: 300_000,
  sweep: 120_000,
  tick: 50_000,
  webhook: 9_000,
};
const visibilityMs = 330_000;

export interface SimWorldOptions {
  readonly seed: number;
  readonly clusters?: readonly string[];
  /** Workers per queue. */
  readonly concurrency?: number;
  /** Concurrent executions of the account, renders included. */
  readonly account?: number;
  readonly readyAfterMs?: number;
  /** Ends the kills after so many. */
  readonly killLimit?: number;
}

export interface SimWorld {
  readonly simulation: Simulation;
  readonly fleet: Fleet;
  readonly table: MemoryTable;
  readonly blobs: MemoryBlobs;
  readonly queues: SimQueues;
  readonly repository: MemoryRepository;
  readonly clusters: ReadonlyMap<string, SandboxCluster>;
  readonly weather: Weather;
  readonly logs: readonly { readonly at: number; readonly event: string; readonly fields: LogFields }[];
  /** What came out of workers besides their kills. */
  readonly crashes: readonly { readonly process: string; readonly error: unknown }[];
  /** Commits and lets the host send its webhook. */
  push(files: Files): void;
  /** Moves virtual time. */
  run(milliseconds: number): Promise<void>;
  /** As the tick and the sweeps would ask, for tests that do not want to wait for them. */
  trigger(key: string): void;
  /** Workers that are running now. */
  readonly processes: ReadonlyMap<string, SimProcess>;
}

export function createSimWorld(options: SimWorldOptions): SimWorld {
  const { seed, clusters: names = ["a"], concurrency = 2, account = 1000, readyAfterMs = 5_000, killLimit } = options;
  const simulation = createSimulation({ seed, ...(killLimit === undefined ? {} : { killLimit }) });
  const { random, now } = simulation;
  const worldClock = {
    now,
    sleep: async (milliseconds: number) =>
      await new Promise<void>((resolve) => simulation.after(milliseconds, "the world goes on", resolve)),
  };
  const weather = clearSky();
  const table = createMemoryTable({ now, indexLagMs: () => random.integer(0, weather.indexLagMs) });
  const queues = createSimQueues(simulation, { visibilityMs });
  const blobs = createMemoryBlobs();
  const repository = createMemoryRepository();
  const clusters = new Map(
    names.map((name) => [name, createSandboxCluster({ clock: worldClock, readyAfterMs, dropEvents: true })]),
  );
  const fleet: Fleet = {
    engine: "simulated",
    clusters: names.map((name) => ({
      name,
      arn: `arn:aws:eks:eu-west-1:111122223333:cluster/${name}`,
      sync: { url: repositoryUrl, branch: "main", path: `clusters/${name}` },
    })),
  };
  const logs: { at: number; event: string; fields: LogFields }[] = [];
  const crashes: { process: string; error: unknown }[] = [];
  const processes = new Map<string, SimProcess>();
  const slots = createSlots(account);
  let runs = 0;
  let ids = 0;

  const portsFor = (process: SimProcess) =>
    createProcessPorts(process, {
      simulation,
      weather,
      worldClock,
      table,
      queues,
      blobs,
      repository,
      clusters,
      slots,
      newId: () => `id-${ids++}`,
      log: (event, fields = {}) => void logs.push({ at: now(), event, fields: { process: process.name, ...fields } }),
    });

  /** One invocation: waits for the account, is cut off at its function's timeout. */
  const invoke = async (
    shape: keyof typeof timeouts,
    body: (process: SimProcess, name: string) => Promise<void>,
    options: SpawnOptions = {},
  ) => {
    while (!slots.take()) await worldClock.sleep(random.integer(500, 3_000));
    const name = `${shape}-${runs++}`;
    let isOver = false;
    const ending = await simulation.spawn(
      name,
      async (process) => {
        processes.set(name, process);
        simulation.after(timeouts[shape], `${name} times out`, () => {
          if (!isOver) process.kill();
        });
        await body(process, name);
      },
      options,
    );
    isOver = true;
    processes.delete(name);
    slots.free();
    if (ending.kind === "crashed") crashes.push({ process: name, error: ending.error });
    return ending;
  };

  // A queue gives a message up after five receives. That a worker dies in all of them is the storm's doing and says
  // nothing about the engine; what it throws by itself in all of them does.
  const receive = async (queue: QueueName, message: WorkMessage, isSpared: boolean): Promise<Ending> =>
    await invoke(
      queue,
      async (process, owner) => {
        const deadline = process.clock.now() + timeouts[queue];
        await runMessage({ ...portsFor(process), ...fleet }, message, { owner, deadline });
      },
      { isSpared },
    );
  for (const queue of ["source", "reconcile", "sweep"] as const)
    queues.consume(queue, concurrency, async (message, isLast) => await receive(queue, message, isLast));

  const tickOnce = async (process: SimProcess) => {
    const ports = portsFor(process);
    await tick(fleet, {
      table: ports.table,
      clock: ports.clock,
      claimDue: async () => (await claimDue(ports)).sent,
      trigger: async (key, why) => {
        await trigger(ports, key, { why });
      },
      sweepAge: () => undefined,
    });
  };
  startTicks(simulation, {
    jitterMs: () => random.integer(0, weather.tickLateMs),
    isMissed: () => weather.ticksStopped || random.chance(weather.tickMissed),
    // What the schedule starts is an invocation like the others, under the account's limit.
    body: async () => {
      await invoke("tick", tickOnce);
    },
  });

  const deliver = async (number: number) => {
    await invoke("webhook", async (process) => {
      const ports: LeasePorts = portsFor(process);
      const payload = { ref: "refs/heads/main", repository: { clone_url: repositoryUrl } };
      await handleDelivery(
        { kind: "event", event: "push", delivery: `delivery-${number}`, payload },
        {
          table: ports.table,
          clock: ports.clock,
          trigger: async (key, why, note) => {
            await trigger(ports, key, { why, register: note });
          },
          unknownRepository: () => undefined,
        },
      );
    });
  };

  let pushes = 0;
  return {
    simulation,
    fleet,
    table,
    blobs,
    queues,
    repository,
    clusters,
    weather,
    logs,
    crashes,
    processes,
    push: (files) => {
      repository.commit(files);
      const number = pushes++;
      if (random.chance(weather.webhookLost)) return;
      simulation.after(random.integer(200, 1_500), "the host's webhook", () => void deliver(number));
    },
    trigger: (key) => {
      const ports: LeasePorts = { table, queues, clock: worldClock, newId: () => `id-${ids++}` };
      simulation.after(0, `asked for ${key}`, () => void trigger(ports, key, { why: "test" }));
    },
    run: async (milliseconds) => await simulation.runUntil(now() + milliseconds),
  };
}

export const sweepKeys = ({ fleet }: SimWorld): readonly string[] => fleet.clusters.map(({ name }) => sweepKey(name));
