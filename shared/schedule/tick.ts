/** The minute's tick: sends what is due, sees that every cluster has its sweep, and tells how old the last sweeps are. */
import type { Fleet } from "../config/fleet.ts";
import { sweepKey } from "../lease/message.ts";
import type { Table } from "../lease/ports.ts";
import type { Clock } from "../runtime/clock.ts";
import { restUntil } from "../runtime/cluster-record.ts";

export interface TickPorts {
  readonly table: Table;
  readonly clock: Clock;
  readonly claimDue: () => Promise<number>;
  readonly trigger: (key: string, why: string) => Promise<void>;
  readonly sweepAge: (cluster: string, seconds: number) => void;
}

/** A sweep arms its successor itself; one that has not come for this long is asked for again. */
const sweepOverdueSeconds = 150;

export async function tick(fleet: Fleet, ports: TickPorts): Promise<{ readonly claimed: number }> {
  const claimed = await ports.claimDue();
  const now = Math.floor(ports.clock.now() / 1000);
  for (const { name } of fleet.clusters) {
    const cluster = await ports.table.get({ pk: `CL#${name}`, sk: "META" });
    const sweptAt = cluster?.sweptAt;
    if (typeof sweptAt === "number") ports.sweepAge(name, now - sweptAt);
    const isOverdue = typeof sweptAt !== "number" || now - sweptAt > sweepOverdueSeconds;
    if (isOverdue && restUntil(cluster) <= now) await ports.trigger(sweepKey(name), "tick");
  }
  return { claimed };
}
