/** The minute's tick: sends what is due, sees that every cluster has its sweep, and tells how old the last sweeps are. */
import type { Fleet } from "../config/fleet.ts";
import { sweepKey } from "../lease/message.ts";
import type { Item, Table } from "../lease/ports.ts";
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

const clusterKey = (cluster: string) => ({ pk: `CL#${cluster}`, sk: "META" });

export async function tick(fleet: Fleet, ports: TickPorts): Promise<{ readonly claimed: number }> {
  const claimed = await ports.claimDue();
  const now = Math.floor(ports.clock.now() / 1000);
  for (const { name } of fleet.clusters) {
    const cluster = await ports.table.get(clusterKey(name));
    const sweptAt = cluster?.sweptAt;
    ports.sweepAge(name, now - (typeof sweptAt === "number" ? sweptAt : await firstAsked(name, cluster, now, ports)));
    const isOverdue = typeof sweptAt !== "number" || now - sweptAt > sweepOverdueSeconds;
    if (isOverdue && restUntil(cluster) <= now) await ports.trigger(sweepKey(name), "tick");
  }
  return { claimed };
}

/** A cluster whose first sweep never comes to its end grows older from here on. */
async function firstAsked(cluster: string, item: Item | undefined, now: number, { table }: TickPorts): Promise<number> {
  if (typeof item?.askedAt === "number") return item.askedAt;
  await table.update(clusterKey(cluster), { update: "SET v = :v, askedAt = :now", values: { ":v": 1, ":now": now } });
  return now;
}
