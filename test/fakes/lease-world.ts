/** Ports of the lease in memory under a clock that tests move by hand. */
import type { WorkMessage } from "../../shared/lease/message.ts";
import type { Item } from "../../shared/lease/ports.ts";
import { type LeasePorts, rowKey } from "../../shared/lease/row.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { type MemoryTable, createMemoryTable } from "./memory-table.ts";

export interface LeaseWorld {
  readonly ports: LeasePorts & { readonly table: MemoryTable };
  readonly sent: { readonly message: WorkMessage; readonly delay: number }[];
  /** Seconds since the epoch. */
  now(): number;
  /** Moves the clock and wakes those whose sleep is over, one after the other. */
  pass(seconds: number): Promise<void>;
  row(key: string): Item;
}

export const START_SECONDS = 1_800_000_000;

export function aLeaseWorld(): LeaseWorld {
  let now = START_SECONDS * 1000;
  let ids = 0;
  const sent: LeaseWorld["sent"] = [];
  const sleepers: { readonly until: number; readonly wake: () => void }[] = [];
  const clock: Clock = {
    now: () => now,
    sleep: async (milliseconds, signal) =>
      await new Promise((resolve, reject) => {
        sleepers.push({ until: now + milliseconds, wake: resolve });
        signal?.addEventListener("abort", () => reject(new Error("aborted")), { once: true });
      }),
  };
  const table = createMemoryTable({ now: () => now });
  const pass = async (seconds: number) => {
    const end = now + seconds * 1000;
    await settle();
    for (;;) {
      sleepers.sort((a, b) => a.until - b.until);
      const next = sleepers[0];
      if (!next || next.until > end) break;
      sleepers.shift();
      now = Math.max(now, next.until);
      next.wake();
      await settle();
    }
    now = end;
    await settle();
  };
  return {
    ports: {
      table,
      clock,
      queues: { send: async (message, delay = 0) => void sent.push({ message, delay }) },
      newId: () => `attempt-${ids++}`,
    },
    sent,
    now: () => Math.floor(now / 1000),
    pass,
    row: (key) => table.itemAt(rowKey(key)) ?? {},
  };
}

async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
