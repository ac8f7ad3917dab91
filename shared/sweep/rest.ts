/** A sweep whose workers die, or that comes no further in its time, rests, so that it does not fail every minute. */
import { sweepKey } from "../lease/message.ts";
import type { Table } from "../lease/ports.ts";
import type { Clock } from "../runtime/clock.ts";
import { recordRest } from "../runtime/cluster-record.ts";
import type { Log } from "../runtime/log.ts";

/** Shorter than an object's rest: until the sweep comes again nobody looks for drift, nor for what was missed. */
const restSeconds = 600;

/** Seconds until it comes again; the tick does not ask for it before, a person may. */
export async function restSweep(
  cluster: string,
  { table, clock, log }: { readonly table: Table; readonly clock: Clock; readonly log: Log },
): Promise<number> {
  await recordRest(table, cluster, Math.floor(clock.now() / 1000) + restSeconds);
  log("sweep rests", { key: sweepKey(cluster), seconds: restSeconds });
  return restSeconds;
}
