/** What the lease protocol and the engine need of a table and of queues. */
import type { WorkMessage } from "./message.ts";

export type Value = string | number | boolean | null | readonly Value[] | { readonly [name: string]: Value };
export type Item = Readonly<Record<string, Value>>;

export interface ItemKey {
  readonly pk: string;
  readonly sk: string;
}

/** DynamoDB's UpdateItem as data. Attribute names are written plainly; adapters alias them where reserved. */
export interface Update {
  /** e.g. `SET leaseExp = :exp, tok = if_not_exists(tok, :zero) + :one REMOVE pend` */
  readonly update: string;
  readonly condition?: string;
  readonly values: Readonly<Record<`:${string}`, Value>>;
}

export type UpdateResult = { readonly ok: true; readonly item: Item } | { readonly ok: false };

export type IndexName = "due" | "ref" | "view";

/** Key attributes of the table's three generic indexes; all strings, times zero-padded. */
export const indexKeys: Readonly<Record<IndexName, { readonly pk: string; readonly sk: string }>> = {
  due: { pk: "dpk", sk: "nextAt" },
  ref: { pk: "rpk", sk: "rsk" },
  view: { pk: "vpk", sk: "vsk" },
};

export interface Query {
  readonly index?: IndexName;
  readonly pk: string;
  readonly prefix?: string;
  /** Sort key at most this (string order). */
  readonly atMost?: string;
  readonly limit?: number;
  readonly descending?: boolean;
  readonly consistent?: boolean;
}

export interface Table {
  get(key: ItemKey, options?: { consistent?: boolean }): Promise<Item | undefined>;
  /** `ok: false` when the condition refused; everything else that fails throws. The returned item is the new one. */
  update(key: ItemKey, update: Update): Promise<UpdateResult>;
  put(item: Item & ItemKey, condition?: Pick<Update, "condition" | "values">): Promise<{ ok: boolean }>;
  delete(key: ItemKey): Promise<void>;
  /** All pages, up to `limit`. */
  query(query: Query): Promise<readonly Item[]>;
}

export interface Queues {
  /** `delaySeconds` 0 to 900. The cluster of the key is the fair-queue group. */
  send(message: WorkMessage, delaySeconds?: number): Promise<void>;
}
