/** Lets a row rest for good: its cluster left the fleet, and a due time that nobody serves would come again for ever. */
import type { Update } from "./ports.ts";
import { type LeasePorts, rowKey } from "./row.ts";

/** No index finds the row any more; its counters stay. Should the cluster come back, its sweep triggers the object. */
export async function retire({ table }: Pick<LeasePorts, "table">, key: string): Promise<void> {
  await table.update(rowKey(key), retireUpdate);
}

export const retireUpdate: Update = {
  update: "REMOVE nextAt, dpk, rpk, rsk, vpk, vsk, pend, pendBy",
  condition: "attribute_exists(pk)",
  values: {},
};
