/** Ends a run before its deadline so that another invocation goes on where it stopped. Not a failed attempt. */
import { continueUpdate, isOverHopLimit } from "./expressions.ts";
import { type Lease, progressOf } from "./lease.ts";
import { giveUp, hopsOf } from "./release.ts";
import { type LeasePorts, attemptId, epochSeconds, readRow, rowKey, shardOf } from "./row.ts";

export interface Continuation {
  /** Where the next invocation goes on, in the caller's words; absent: as recorded before. */
  readonly progress?: string | undefined;
  readonly wrote: boolean;
}

/**
 * - `continued`: the lease is free and the next run is on its way.
 * - `stuck`: the third run in a row that came no further. The lease is still held: release it as a failure.
 * - `lost`: as in `release`.
 */
export type Continued = "continued" | "stuck" | "lost";

/** Three runs that end at the same place are a failure. */
const SAME_PROGRESS_LIMIT = 3;

export async function continueLater(
  ports: LeasePorts,
  lease: Lease,
  { progress, wrote }: Continuation,
): Promise<Continued> {
  const { key, token } = lease;
  const sameProgress = progress === undefined ? endedHere(lease) : isNews(lease, progress) ? 1 : endedHere(lease) + 1;
  if (progress !== undefined && sameProgress >= SAME_PROGRESS_LIMIT) return "stuck";

  const attempt = attemptId(ports);
  const { hops } = hopsOf(lease);
  const announcement = { now: epochSeconds(ports.clock), shard: shardOf(key), attempt, hops };
  const update = continueUpdate({ ...announcement, token, progress, sameProgress });
  const result = await ports.table.update(rowKey(key), update);
  if (!result.ok) {
    const row = await readRow(ports, key);
    if (row?.tok !== token) return await giveUp(ports, key, wrote);
  }
  // Refused under our own token: the first write was ours and its reply was lost.
  if (!isOverHopLimit(hops)) await ports.queues.send({ v: 1, key, why: "continues" }, 0);
  return "continued";
}

function isNews(lease: Lease, progress: string): boolean {
  return progressOf(lease) !== progress;
}

function endedHere(lease: Lease): number {
  return typeof lease.row.sameProgress === "number" ? lease.row.sameProgress : 0;
}
