/** Ends a run: what was asked before it is served, what was asked during it is announced. */
import { isOverHopLimit, releaseAgainUpdate, releaseUpdate } from "./expressions.ts";
import type { Lease } from "./lease.ts";
import type { Item } from "./ports.ts";
import {
  CLAIM_AHEAD_SECONDS,
  type LeasePorts,
  type RowState,
  attemptId,
  epochSeconds,
  parseRow,
  readRow,
  rowKey,
  shardOf,
} from "./row.ts";
import { trigger } from "./trigger.ts";

export interface Release {
  /** Revision of the source that this run looked at, successful or not; the sweep compares it. */
  readonly seenRev?: string | undefined;
  /** When the object wants to run again, in seconds since the epoch; absent: only when something happens. */
  readonly schedAt?: number | undefined;
  /** Attributes of the engine that go into the row with the release. */
  readonly set?: Item | undefined;
  readonly remove?: readonly string[] | undefined;
  /** Whether this run wrote anything to the cluster. */
  readonly wrote: boolean;
}

/**
 * - `released`: idle, or waiting for `schedAt`.
 * - `again`: something was asked meanwhile, the next run is on its way.
 * - `lost`: another run took the lease. If anything was written the object is triggered, for our late write may
 *   have undone that run's.
 */
export type Released = "released" | "again" | "lost";

const ROUNDS = 4;

export async function release(ports: LeasePorts, lease: Lease, options: Release): Promise<Released> {
  const { key, token } = lease;
  const attempt = attemptId(ports);
  for (let round = 0; round < ROUNDS; round++) {
    const written = await write(ports, lease, options, attempt);
    if (written) return await announce(ports, lease, options.schedAt, written);

    const row = await readRow(ports, key);
    if (row?.tok !== token) return await giveUp(ports, key, options.wrote);
    // Nobody took it and yet it is released: our own write, whose reply was lost.
    if (row.leaseExp === undefined) {
      return await announce(ports, lease, options.schedAt, row.pendBy === attempt ? "again" : "released");
    }
  }
  throw new Error(
    `release of ${key} was refused ${ROUNDS} times although its token is ours: it runs again at the end of the lease`,
  );
}

/** The lease was taken while we thought it ours: what we wrote late may be older than what is there. */
export async function giveUp(ports: LeasePorts, key: string, wrote: boolean): Promise<"lost"> {
  if (wrote) await trigger(ports, key, { why: "a run wrote after its lease was taken" });
  return "lost";
}

async function write(
  ports: LeasePorts,
  lease: Lease,
  options: Release,
  attempt: string,
): Promise<"released" | "again" | undefined> {
  const { key, token, runSeq } = lease;
  const now = epochSeconds(ports.clock);
  const { seenRev, schedAt, set, remove } = options;
  const armed = isNear(schedAt, now);
  const values = { token, runSeq, shard: shardOf(key), seenRev, schedAt, armed, set, remove };
  const released = await ports.table.update(rowKey(key), releaseUpdate(values));
  if (released.ok) return "released";
  const { hops } = hopsOf(lease);
  const again = await ports.table.update(
    rowKey(key),
    releaseAgainUpdate({ ...values, now: epochSeconds(ports.clock), attempt, hops }),
  );
  return again.ok ? "again" : undefined;
}

async function announce<T extends "released" | "again">(
  ports: LeasePorts,
  lease: Lease,
  schedAt: number | undefined,
  outcome: T,
): Promise<T> {
  const now = epochSeconds(ports.clock);
  if (outcome === "again" && !isOverHopLimit(hopsOf(lease).hops)) {
    await ports.queues.send({ v: 1, key: lease.key, why: "asked while it ran" }, 0);
  }
  if (outcome === "released" && schedAt !== undefined && isNear(schedAt, now)) {
    await ports.queues.send({ v: 1, key: lease.key, why: "scheduled" }, Math.max(0, schedAt - now));
  }
  return outcome;
}

/** Nearer than the tick looks ahead: the releaser sends the message itself, to the second. */
function isNear(schedAt: number | undefined, now: number): boolean {
  return schedAt !== undefined && schedAt - now <= CLAIM_AHEAD_SECONDS;
}

export function hopsOf(lease: Lease): Pick<RowState, "hops"> {
  return parseRow(lease.key, lease.row);
}
