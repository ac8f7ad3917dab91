/** What the engine knows of a cluster as a whole: written by its sweep, read by whoever is about to write to it. */
import type { Item, Table } from "../lease/ports.ts";

export interface ClusterRecord {
  /** kube-system uid of the API server; another uid is another cluster under the same name. */
  readonly server: string;
  /** Seconds since the epoch. */
  readonly sweptAt: number;
  /** Why no write may happen now; empty when writes are allowed. */
  readonly frozen: readonly string[];
  /** Bootstrapped once: a cluster whose root vanished afterwards is detached, never bootstrapped again by itself. */
  readonly bootstrapped: boolean;
}

const keyOf = (cluster: string) => ({ pk: `CL#${cluster}`, sk: "META" });

/** Undefined until the first sweep has finished. */
export async function readClusterRecord(table: Table, cluster: string): Promise<ClusterRecord | undefined> {
  const item = await table.get(keyOf(cluster), { consistent: true });
  return item && parse(item);
}

export async function writeClusterRecord(table: Table, cluster: string, record: ClusterRecord): Promise<void> {
  await table.put({ ...keyOf(cluster), v: 1, ...record });
}

function parse({ server, sweptAt, frozen, bootstrapped }: Item): ClusterRecord | undefined {
  if (typeof server !== "string" || typeof sweptAt !== "number" || !Array.isArray(frozen)) return undefined;
  return {
    server,
    sweptAt,
    frozen: frozen.filter((reason): reason is string => typeof reason === "string"),
    bootstrapped: bootstrapped === true,
  };
}
