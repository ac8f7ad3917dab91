/**
 * A full look at what an owner applied, object by object with a dry-run: asked for now and then, and when something changed
 * that decides about objects without being written into them (a schema, a default, a webhook, a policy).
 */
import type { Item, Table } from "../lease/ports.ts";
import { rowKey } from "../lease/row.ts";
import type { AppliedState } from "./applied-state.ts";

/** Noted on the row: whichever run comes next does it, and one that dies leaves it to the one after it. */
export async function askForRecheck(table: Table, key: string, nowSeconds: number): Promise<void> {
  await table.update(rowKey(key), { update: "SET recheckAt = :at", values: { ":at": nowSeconds } });
}

/**
 * The state that a run begins with: where a recheck is due, what was proven counts no more; what is remembered of texts and
 * of ownership does.
 *
 * @param now epoch milliseconds
 */
export function recheckedAs({ recheckAt }: Item, state: AppliedState, now: number): AppliedState {
  if (typeof recheckAt !== "number" || recheckAt <= (state.checkedAt ?? 0)) return state;
  // Not before it was asked for, whatever a clock said then.
  const checkedAt = Math.max(recheckAt, Math.floor(now / 1000));
  const objects = Object.entries(state.objects).map(([id, object]) => [id, { ...object, rv: "", live: "" }] as const);
  return { ...state, closure: "", checkedAt, objects: Object.fromEntries(objects) };
}
