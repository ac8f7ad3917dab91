/** Notes beside a row what finds it by its indexes, and which API server it belongs to. Repeatable; asks for no run. */
import type { Update, Value } from "./ports.ts";
import { type LeasePorts, ROW_VERSION, rowKey } from "./row.ts";

export interface Registration {
  /** Index `ref`: `SR#<source key>` and the object's key, for dependants of a source. */
  readonly rpk?: string;
  readonly rsk?: string;
  /** Index `view`: `CL#<cluster>` and the object's key. */
  readonly vpk?: string;
  readonly vsk?: string;
  /** Uid of the API server's `kube-system`. */
  readonly uid?: string;
  /** When the push arrived that caused this, in milliseconds. */
  readonly pushedAt?: number;
}

/** What was learnt about an object of another API server; the counters stay, for old tokens must never fit again. */
const OF_ANOTHER_SERVER = "seenRev, progress, sameProgress, cont, hops, attempts";

/** Another uid than the row's means another cluster under the same name: what the row knew is forgotten first. */
export async function register(ports: LeasePorts, key: string, registration: Registration): Promise<void> {
  if (registration.uid !== undefined) await ports.table.update(rowKey(key), anotherServerUpdate(registration.uid));
  await ports.table.update(rowKey(key), registerUpdate(registration));
}

export function anotherServerUpdate(uid: string): Update {
  return {
    update: `REMOVE ${OF_ANOTHER_SERVER}`,
    condition: "attribute_exists(uid) AND uid <> :uid",
    values: { ":uid": uid },
  };
}

export function registerUpdate(registration: Registration): Update {
  const values: Record<`:${string}`, Value> = { ":v": ROW_VERSION };
  const assignments = ["v = :v"];
  for (const [name, value] of Object.entries(registration) as [string, Value | undefined][]) {
    if (value === undefined) continue;
    values[`:${name}`] = value;
    assignments.push(`${name} = :${name}`);
  }
  return { update: `SET ${assignments.join(", ")}`, values };
}
