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
  /** Seconds since the epoch at which Flux's objects were last made sure to be stored in a version that stays. */
  readonly migratedAt?: number | undefined;
  /** Newest resource version that the API server admitted to; one that is behind it has another past. */
  readonly newest?: string | undefined;
  /** Resource version at which the ownership object was last renewed. */
  readonly owned?: string | undefined;
  /** Seconds since the epoch until which Flux's objects are looked at every few seconds. */
  readonly closeUntil?: number | undefined;
  /** Settings of this API server's fleet, as config/stored-settings.ts writes them; absent until its root was built. */
  readonly settings?: string | undefined;
}

const keyOf = (cluster: string) => ({ pk: `CL#${cluster}`, sk: "META" });

/** Undefined until the first sweep has finished. */
export async function readClusterRecord(table: Table, cluster: string): Promise<ClusterRecord | undefined> {
  const item = await table.get(keyOf(cluster), { consistent: true });
  return item && parse(item);
}

/** What the sweep saw; the settings, which others write, stay. */
export async function writeClusterRecord(
  table: Table,
  cluster: string,
  { server, sweptAt, frozen, bootstrapped, ...optional }: Omit<ClusterRecord, "settings" | "closeUntil">,
): Promise<void> {
  const { migratedAt, newest, owned } = optional;
  const entries = Object.entries({ migratedAt, newest, owned });
  const given = entries.filter(([, value]) => value !== undefined);
  const gone = entries.filter(([, value]) => value === undefined).map(([field]) => field);
  const set = given.map(([field]) => `, ${field} = :${field}`).join("");
  await table.update(keyOf(cluster), {
    update:
      `SET v = :v, server = :server, sweptAt = :at, frozen = :frozen, bootstrapped = :boot${set} ` +
      `REMOVE ${["restUntil", ...gone].join(", ")}`,
    values: {
      ":v": 1,
      ":server": server,
      ":at": sweptAt,
      ":frozen": frozen,
      ":boot": bootstrapped,
      ...Object.fromEntries(given.map(([field, value]) => [`:${field}`, value])),
    },
  });
}

/** Somebody acts there: Flux's objects are looked at every few seconds until then. */
export async function recordCloseLook(table: Table, cluster: string, until: number): Promise<void> {
  await table.update(keyOf(cluster), {
    update: "SET v = :v, closeUntil = :until",
    values: { ":v": 1, ":until": until },
  });
}

/** @param server the API server that the settings were read for: another one has none */
export async function recordSettings(table: Table, cluster: string, server: string, settings: string): Promise<void> {
  await table.update(keyOf(cluster), {
    update: "SET v = :v, settings = :settings, settingsOf = :server",
    values: { ":v": 1, ":settings": settings, ":server": server },
  });
}

/** Seconds since the epoch until which the tick asks for no sweep; zero where it may. */
export const restUntil = (item: Item | undefined): number => (typeof item?.restUntil === "number" ? item.restUntil : 0);

/** Until a sweep comes to its end, which writes the record anew. */
export async function recordRest(table: Table, cluster: string, until: number): Promise<void> {
  await table.update(keyOf(cluster), {
    update: "SET v = :v, restUntil = :until",
    values: { ":v": 1, ":until": until },
  });
}

function parse(item: Item): ClusterRecord | undefined {
  const { server, sweptAt, frozen, bootstrapped, migratedAt, newest, owned, closeUntil, settings, settingsOf } = item;
  if (typeof server !== "string" || typeof sweptAt !== "number" || !Array.isArray(frozen)) return undefined;
  return {
    server,
    sweptAt,
    frozen: frozen.filter((reason): reason is string => typeof reason === "string"),
    bootstrapped: bootstrapped === true,
    ...(typeof migratedAt === "number" ? { migratedAt } : {}),
    ...(typeof newest === "string" ? { newest } : {}),
    ...(typeof owned === "string" ? { owned } : {}),
    ...(typeof closeUntil === "number" ? { closeUntil } : {}),
    ...(typeof settings === "string" && settingsOf === server ? { settings } : {}),
  };
}
