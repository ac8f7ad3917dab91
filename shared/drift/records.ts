/** Keeps drift records in the engine's table: one item for each Kustomization, found by key and by cluster. */
import { parseKey } from "../lease/message.ts";
import type { Table } from "../lease/ports.ts";
import type { Clock } from "../runtime/clock.ts";
import { boundRecord, type DriftRecord, parseRecord } from "./record.ts";

export interface DriftRecords {
  load(key: string): Promise<DriftRecord | undefined>;
  save(key: string, record: DriftRecord): Promise<void>;
  delete(key: string): Promise<void>;
}

/** What is past is kept this long after the last word about it. */
const keepSeconds = 30 * 86_400;

const keyOf = (key: string) => ({ pk: `OB#${key}`, sk: "DRIFT" });

/** @param key of a Kustomization, as in its row */
export function createDriftRecords(table: Table, clock: Clock): DriftRecords {
  return {
    load: async (key) => parseRecord((await table.get(keyOf(key), { consistent: true }))?.record),
    save: async (key, record) => {
      const bounded = boundRecord(record);
      const ttl = Math.floor(clock.now() / 1000) + keepSeconds;
      await table.put({
        ...keyOf(key),
        v: 1,
        vpk: `DR#${parseKey(key)?.cluster ?? ""}`,
        vsk: key,
        record: JSON.stringify(bounded),
        // What stands stays.
        ...(bounded.standing.length === 0 ? { ttl } : {}),
      });
    },
    delete: (key) => table.delete(keyOf(key)),
  };
}

export interface StoredDrift {
  readonly key: string;
  readonly record: DriftRecord;
}

/** All records of a cluster, in the order of their keys. */
export async function listDriftRecords(table: Pick<Table, "query">, cluster: string): Promise<readonly StoredDrift[]> {
  const items = await table.query({ index: "view", pk: `DR#${cluster}` });
  return items.flatMap(({ vsk, record: text }) => {
    const record = parseRecord(text);
    return record && typeof vsk === "string" ? [{ key: vsk, record }] : [];
  });
}
