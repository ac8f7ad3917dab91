/** The table in memory: the real expressions, interpreted; indexes that may lag behind. */
import { type Item, type ItemKey, type Query, type Table, type Value, indexKeys } from "../../shared/lease/ports.ts";
import { applyUpdate, meetsCondition } from "./interpret.ts";

export interface MemoryTableOptions {
  /** How long the indexes take to see a write, asked once per write. */
  readonly indexLagMs?: () => number;
  readonly now?: () => number;
}

export interface MemoryTable extends Table {
  /** Everything as it is now, by `pk` and `sk`. */
  items(): readonly Item[];
  itemAt(key: ItemKey): Item | undefined;
}

interface Version {
  readonly visibleAt: number;
  readonly item: Item | undefined;
}

/** Items are frozen copies: nobody changes the table by changing what it answered. */
export function createMemoryTable({ indexLagMs = () => 0, now = () => 0 }: MemoryTableOptions = {}): MemoryTable {
  const current = new Map<string, Item>();
  const history = new Map<string, Version[]>();

  const write = (key: ItemKey, item: Item | undefined) => {
    const id = idOf(key);
    const frozen = item && deepFreeze(structuredClone(item));
    if (frozen) current.set(id, frozen);
    else current.delete(id);
    const versions = history.get(id) ?? [];
    // An index never goes back: a later write is not seen before an earlier one.
    const visibleAt = Math.max(now() + indexLagMs(), versions.at(-1)?.visibleAt ?? 0);
    const seen = versions.findLastIndex((version) => version.visibleAt <= now());
    history.set(id, [...versions.slice(Math.max(0, seen)), { visibleAt, item: frozen }]);
  };

  const indexed = (): readonly Item[] =>
    [...history.values()]
      .map((versions) => versions.findLast((version) => version.visibleAt <= now())?.item)
      .filter((item) => item !== undefined);

  return {
    get: async (key) => current.get(idOf(key)),
    update: async (key, update) => {
      const updated = applyUpdate(current.get(idOf(key)), update, { ...key });
      if (!updated) return { ok: false };
      requireIndexKeys(updated);
      write(key, updated);
      return { ok: true, item: current.get(idOf(key)) ?? updated };
    },
    put: async (item, condition) => {
      const before = current.get(idOf(item)) ?? {};
      if (condition?.condition !== undefined && !meetsCondition(before, condition.condition, condition.values)) {
        return { ok: false };
      }
      requireIndexKeys(item);
      write(item, item);
      return { ok: true };
    },
    delete: async (key) => write(key, undefined),
    query: async (query) => select(query, query.index ? indexed() : [...current.values()]),
    items: () => [...current.values()].sort((a, b) => compare(idOfItem(a), idOfItem(b))),
    itemAt: (key) => current.get(idOf(key)),
  };
}

function idOf({ pk, sk }: ItemKey): string {
  return `${pk}\u0000${sk}`;
}

function idOfItem(item: Item): string {
  return idOf({ pk: textOf(item.pk), sk: textOf(item.sk) });
}

function textOf(value: Value | undefined): string {
  return typeof value === "string" ? value : "";
}

/** DynamoDB refuses a write whose index key is not a string, or empty. */
function requireIndexKeys(item: Item): void {
  for (const { pk, sk } of Object.values(indexKeys)) {
    for (const name of [pk, sk]) {
      const value = item[name];
      if (value !== undefined && (typeof value !== "string" || value === "")) {
        throw new TypeError(`index key ${name} is not a filled string`);
      }
    }
  }
}

function select(query: Query, items: readonly Item[]): readonly Item[] {
  const names: { pk: string; sk: string } = query.index ? indexKeys[query.index] : { pk: "pk", sk: "sk" };
  const sortKey = (item: Item) => textOf(item[names.sk]);
  const found = items
    .filter((item) => item[names.pk] === query.pk && typeof item[names.sk] === "string")
    .filter((item) => query.prefix === undefined || sortKey(item).startsWith(query.prefix))
    .filter((item) => query.atMost === undefined || compare(sortKey(item), query.atMost) <= 0)
    .sort((a, b) => compare(sortKey(a), sortKey(b)) || compare(idOfItem(a), idOfItem(b)));
  if (query.descending) found.reverse();
  return found.slice(0, query.limit ?? found.length);
}

function compare(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    for (const inner of Object.values(value)) deepFreeze(inner);
    Object.freeze(value);
  }
  return value;
}
