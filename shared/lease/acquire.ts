/** Takes an object's lease for one run, or finds out why not and leaves the row so that nothing is forgotten. */
import { assertNever } from "../runtime/assert-never.ts";
import { acquireUpdate, busyUpdate, nothingDueUpdate } from "./expressions.ts";
import type { Lease } from "./lease.ts";
import type { Item } from "./ports.ts";
import {
  EARLY_SECONDS,
  type LeasePorts,
  type RowState,
  epochSeconds,
  padTime,
  parseRow,
  readRow,
  rowKey,
  shardOf,
} from "./row.ts";

export type Acquired =
  | { readonly kind: "acquired"; readonly lease: Lease }
  /** Another run holds it; one successor waits for the end of that lease. */
  | { readonly kind: "busy" }
  /** Nothing is asked and nothing is due. */
  | { readonly kind: "idle" };

const ROUNDS = 8;

/**
 * `owner` names the invocation: the same owner acquires again what it holds already, so that a repeated write whose
 * reply was lost is no refusal. After `busy` and `idle` the message can be acknowledged.
 */
export async function acquire(ports: LeasePorts, key: string, owner: string): Promise<Acquired> {
  for (let round = 0; round < ROUNDS; round++) {
    const acquiredAt = ports.clock.now();
    const now = Math.floor(acquiredAt / 1000);
    const result = await ports.table.update(rowKey(key), acquireUpdate({ now, shard: shardOf(key), owner }));
    if (result.ok) return { kind: "acquired", lease: toLease(key, result.item, acquiredAt) };
    const kind = await standAside(ports, key);
    if (kind !== "moved") return { kind };
  }
  throw new Error(`acquiring ${key} gave up: its row changed ${ROUNDS} times in between, the message comes again`);
}

/** What a refused acquisition means for the row that a consistent read has shown. */
export type Refusal =
  | { readonly kind: "busy" | "idle" | "moved" }
  | { readonly kind: "park"; readonly leaseExp: number }
  | { readonly kind: "tidy"; readonly seen: string; readonly schedAt: number | undefined };

export function explainRefusal(row: RowState | undefined, now: number): Refusal {
  if (!row) return { kind: "idle" };
  const { reqSeq, doneSeq, leaseExp, parked, schedAt, nextAt } = row;
  if (leaseExp !== undefined && leaseExp >= now) {
    return parked === leaseExp ? { kind: "busy" } : { kind: "park", leaseExp };
  }
  if (reqSeq !== doneSeq || (schedAt !== undefined && schedAt <= now + EARLY_SECONDS)) return { kind: "moved" };
  if (nextAt === undefined || (schedAt !== undefined && nextAt === padTime(schedAt))) return { kind: "idle" };
  return { kind: "tidy", seen: nextAt, schedAt };
}

async function standAside(ports: LeasePorts, key: string): Promise<"busy" | "idle" | "moved"> {
  const row = await readRow(ports, key);
  const refusal = explainRefusal(row, epochSeconds(ports.clock));
  switch (refusal.kind) {
    case "park":
      return await park(ports, key, refusal.leaseExp);
    case "tidy": {
      const result = await ports.table.update(rowKey(key), nothingDueUpdate(refusal));
      return result.ok ? "idle" : "moved";
    }
    case "busy":
    case "idle":
    case "moved":
      return refusal.kind;
    default:
      return assertNever(refusal);
  }
}

async function park(ports: LeasePorts, key: string, leaseExp: number): Promise<"busy" | "moved"> {
  const result = await ports.table.update(rowKey(key), busyUpdate({ leaseExp }));
  if (!result.ok) return "moved";
  const delay = Math.max(0, leaseExp + 1 - epochSeconds(ports.clock));
  await ports.queues.send({ v: 1, key, why: "waits for the end of a lease" }, delay);
  return "busy";
}

function toLease(key: string, item: Item, acquiredAt: number): Lease {
  parseRow(key, item);
  const { tok, runSeq, attempts } = item;
  if (typeof tok !== "number" || typeof runSeq !== "number" || typeof attempts !== "number") {
    throw new TypeError(`row of ${key} came back from its acquisition without tok, runSeq or attempts`);
  }
  return { key, token: tok, runSeq, attempts, row: item, acquiredAt };
}
