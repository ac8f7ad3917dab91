/** The tick: sends a message for every row that is due soon, to the second. */
import { claimUpdate, claimedUntil } from "./expressions.ts";
import type { Item } from "./ports.ts";
import {
  CLAIM_AHEAD_SECONDS,
  EARLY_SECONDS,
  type LeasePorts,
  SHARDS,
  epochSeconds,
  keyOfRow,
  padTime,
  parseRow,
  readRow,
  rowKey,
  shardKey,
} from "./row.ts";

export interface ClaimOptions {
  /** Rows due within so many seconds. */
  readonly ahead?: number;
  /** Rows per shard and tick; the rest is due at the next one. */
  readonly limit?: number;
}

export interface Claimed {
  readonly sent: number;
  /** How late the oldest claimed row was, in seconds. */
  readonly lateSeconds: number;
  /** Rows that were due, or asked for, long ago, and that no run has served since. */
  readonly overdue: number;
  /** Rows whose claim or message failed: they come again by themselves. */
  readonly failures: readonly unknown[];
}

/** One bad row does not hold up the others: failures are handed back, for the caller to report. */
export async function claimDue(ports: LeasePorts, options: ClaimOptions = {}): Promise<Claimed> {
  const shards = await Promise.all(
    Array.from({ length: SHARDS }, (_, shard) => claimShard(ports, shardKey(shard), options)),
  );
  return {
    sent: shards.reduce((sum, shard) => sum + shard.sent, 0),
    lateSeconds: Math.max(0, ...shards.map((shard) => shard.lateSeconds)),
    overdue: shards.reduce((sum, shard) => sum + shard.overdue, 0),
    failures: shards.flatMap((shard) => shard.failures),
  };
}

async function claimShard(
  ports: LeasePorts,
  pk: string,
  { ahead = CLAIM_AHEAD_SECONDS, limit = 1000 }: ClaimOptions,
): Promise<Claimed> {
  const failures: unknown[] = [];
  let sent = 0;
  let lateSeconds = 0;
  let overdue = 0;
  let rows: readonly Item[] = [];
  try {
    rows = await ports.table.query({ index: "due", pk, atMost: padTime(epochSeconds(ports.clock) + ahead), limit });
  } catch (error) {
    failures.push(error);
  }
  for (const row of rows) {
    try {
      if (isOverdue(row, epochSeconds(ports.clock))) overdue++;
      const late = await claimRow(ports, row);
      if (late === undefined) continue;
      sent++;
      lateSeconds = Math.max(lateSeconds, late);
    } catch (error) {
      failures.push(error);
    }
  }
  return { sent, lateSeconds, overdue, failures };
}

/** How late the row was, or undefined when there was nothing to send. */
async function claimRow(ports: LeasePorts, item: Item): Promise<number | undefined> {
  const key = keyOfRow(item);
  if (key === undefined) return undefined;
  const { nextAt: seen, armed } = parseRow(key, item);
  if (seen === undefined) return undefined;
  const now = epochSeconds(ports.clock);
  const due = Number(seen);
  // Its releaser has sent this one itself: only when that came to nothing is it ours.
  if (armed === seen && due > now - EARLY_SECONDS) return undefined;
  const claimed = await ports.table.update(rowKey(key), claimUpdate({ seen, now }));
  if (!claimed.ok && !(await isOurs(ports, key, claimedUntil({ seen, now })))) return undefined;
  await ports.queues.send({ v: 1, key, why: "due" }, Math.max(0, due - now));
  return Math.max(0, now - due);
}

/** A refusal may be our own claim, whose reply was lost; another tick's of the same second does no harm. */
async function isOurs(ports: LeasePorts, key: string, claimed: string): Promise<boolean> {
  return (await readRow(ports, key))?.nextAt === claimed;
}

/** Gauge of what no message brings to a worker: asked for this long ago, and not being worked on. */
const overdueSeconds = 900;

function isOverdue({ schedAt, reqSeq, doneSeq, pend, leaseExp }: Item, now: number): boolean {
  if (typeof leaseExp === "number" && leaseExp >= now) return false;
  const long = (since: unknown) => typeof since === "number" && since < now - overdueSeconds;
  if (long(schedAt)) return true;
  return typeof reqSeq === "number" && reqSeq !== doneSeq && long(pend ?? leaseExp);
}
