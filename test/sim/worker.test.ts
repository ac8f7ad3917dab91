import { describe, expect, it } from "vitest";

import { claimDue } from "../../shared/lease/claim.ts";
import type { LeasePorts } from "../../shared/lease/row.ts";
import { trigger } from "../../shared/lease/trigger.ts";
import { withLease } from "../../shared/lease/with-lease.ts";
import { createMemoryTable } from "../fakes/memory-table.ts";
import { type SimProcess, createSimulation, noFaults } from "./kernel.ts";
import { createSimQueues, noQueueFaults } from "./queue.ts";
import { startTicks } from "./tick.ts";

const MINUTE = 60_000;
const keys = Array.from({ length: 5 }, (_, i) => `c${i % 3}/kustomize.toolkit.fluxcd.io/Kustomization/apps/app-${i}`);

/** Objects whose cluster is a number: the requests that its content comes from. Half an hour of trouble, then quiet. */
async function simulate(seed: number) {
  const simulation = createSimulation({
    seed,
    faults: { ...noFaults, kill: 0.01, lostReply: 0.02, pause: 0.005, skewMs: 500 },
  });
  const { random } = simulation;
  const table = createMemoryTable({ now: simulation.now, indexLagMs: () => random.integer(0, 3_000) });
  const queues = createSimQueues(simulation);
  queues.setFaults({ lost: 0.2, doubled: 0.1, lateMs: 3_000 });
  const cluster = new Map<string, number>();
  const wanted = new Map<string, number>();
  let ids = 0;
  let isQuiet = false;
  const portsOf = (process: SimProcess): LeasePorts => ({
    table: process.port("table", table, { repeated: ["update"], direct: ["items", "itemAt"] }),
    queues: process.port("queues", queues, { direct: ["inFlight", "consume", "setFaults"] }),
    clock: process.clock,
    newId: () => `id-${ids++}`,
  });

  startTicks(simulation, {
    jitterMs: () => random.integer(0, 59_000),
    isMissed: () => !isQuiet && random.chance(0.1),
    body: async (process) => {
      await claimDue(portsOf(process));
    },
  });
  let runs = 0;
  queues.consume("reconcile", 4, async (message) => {
    const owner = `run-${runs++}`;
    return await simulation.spawn(owner, async (process) => {
      const api = process.port("api", {
        write: async (content: number) => void cluster.set(message.key, content),
      });
      await withLease(portsOf(process), message, {
        owner,
        deadline: process.clock.now() + 900_000,
        work: async (held) => {
          const content = wanted.get(message.key) ?? 0;
          for (let request = 0; request < 3; request++) {
            await process.clock.sleep(random.integer(100, 20_000), held.signal);
            held.fenceWrite();
            await api.write(content);
          }
          return { kind: "done", ...(random.chance(0.3) && !isQuiet && { againInSeconds: random.integer(5, 300) }) };
        },
      });
    });
  });
  for (let i = 0; i < 150; i++) {
    simulation.after(random.integer(0, 30 * MINUTE), "push", () => {
      const key = random.pick(keys);
      wanted.set(key, (wanted.get(key) ?? 0) + 1);
      const push = async () => {
        const ending = await simulation.spawn(`push-${i}-${ids++}`, async (process) => {
          await trigger(portsOf(process), key, { why: "push" });
        });
        // The webhook's sender tries again.
        if (ending.kind !== "done") simulation.after(1_000, "push again", () => void push());
      };
      void push();
    });
  }

  const { now } = simulation;
  await simulation.runUntil(now() + 31 * MINUTE);
  isQuiet = true;
  simulation.setFaults(noFaults);
  queues.setFaults(noQueueFaults);
  await simulation.runUntil(now() + 30 * MINUTE);
  return { simulation, queues, table, cluster, wanted };
}

describe("the lease under faults", () => {
  it.each([1, 2, 3, 4, 5, 6])("serves every object in the end, seed %i", async (seed) => {
    const { simulation, queues, table, cluster, wanted } = await simulate(seed);

    expect(simulation.counts.kills).toBeGreaterThan(5);
    expect(simulation.counts.crashes).toBe(0);
    expect(table.items().filter(({ reqSeq, doneSeq }) => reqSeq !== doneSeq)).toEqual([]);
    expect(table.items().filter(({ nextAt, leaseExp }) => nextAt !== undefined || leaseExp !== undefined)).toEqual([]);
    expect(Object.fromEntries(cluster)).toEqual(Object.fromEntries(wanted));
    expect(queues.inFlight()).toBe(0);
  });

  it("repeats a run exactly", async () => {
    const runs = [await simulate(7), await simulate(7), await simulate(8)];
    const [first, second, other] = runs.map(({ simulation }) => simulation.trace());

    expect(second).toBe(first);
    expect(other).not.toBe(first);
  });
});
