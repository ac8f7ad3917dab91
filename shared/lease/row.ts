/** The row of one object's lease: its key, its fields, its limits in seconds, and what the verbs need of the world. */
import { randomUUID } from "node:crypto";

import type { Clock } from "../runtime/clock.ts";
import type { Item, ItemKey, Queues, Table } from "./ports.ts";

export interface LeasePorts {
  readonly table: Table;
  readonly queues: Queues;
  readonly clock: Clock;
  /** Names one attempt to write, so that its repetition is recognised. Random where absent. */
  readonly newId?: () => string;
}

/** Schema of the rows that this version writes; a newer one is refused. */
export const ROW_VERSION = 1;
export const LEASE_SECONDS = 60;
export const RENEW_SECONDS = 20;
/** No cluster request later than this after the last renewal. */
export const FENCE_SECONDS = 45;
/** A trigger's message is believed to be on its way for so long; after it the due index brings another. */
export const PENDING_SECONDS = 60;
/** EventBridge Scheduler may be a minute late: two ticks can lie nearly two minutes apart. */
export const CLAIM_AHEAD_SECONDS = 150;
/** A claimed row comes again after so long if its message came to nothing. */
export const CLAIM_AGAIN_SECONDS = 300;
/** A message may come so much earlier than the time it was sent for: clocks differ. */
export const EARLY_SECONDS = 2;
/** After so many self-sent messages in a row the due index takes over, which begins a new chain. */
export const HOP_LIMIT = 12;
/** After so many runs that ended without a release, the object says so and rests. */
export const DEATH_LIMIT = 5;
export const DEATH_REST_SECONDS = 3600;
export const SHARDS = 16;

/** What a row holds about its lease; everything else in it belongs to the engine. Times are seconds since the epoch. */
export interface RowState {
  readonly reqSeq: number | undefined;
  readonly doneSeq: number | undefined;
  readonly tok: number | undefined;
  readonly pendBy: string | undefined;
  readonly leaseExp: number | undefined;
  readonly parked: number | undefined;
  readonly schedAt: number | undefined;
  readonly hops: number;
  /** Zero-padded, the sort key of the due index. */
  readonly nextAt: string | undefined;
  /** The due time for which a release has sent a message itself. */
  readonly armed: string | undefined;
}

const PK_PREFIX = "OB#";

export function rowKey(key: string): ItemKey {
  return { pk: `${PK_PREFIX}${key}`, sk: "RUN" };
}

/** The object's key of an item of the due index; undefined for an item that is not a row. */
export function keyOfRow(item: Item): string | undefined {
  const { pk, sk } = item;
  return typeof pk === "string" && sk === "RUN" && pk.startsWith(PK_PREFIX) ? pk.slice(PK_PREFIX.length) : undefined;
}

/** @throws when a newer version of the engine wrote the row. */
export function parseRow(key: string, item: Item): RowState {
  if (typeof item.v === "number" && item.v > ROW_VERSION) {
    throw new Error(
      `row of ${key} has schema ${item.v}, this version reads up to ${ROW_VERSION}: deploy the newer functions`,
    );
  }
  return {
    reqSeq: asNumber(item.reqSeq),
    doneSeq: asNumber(item.doneSeq),
    tok: asNumber(item.tok),
    pendBy: asString(item.pendBy),
    leaseExp: asNumber(item.leaseExp),
    parked: asNumber(item.parked),
    schedAt: asNumber(item.schedAt),
    hops: asNumber(item.hops) ?? 0,
    nextAt: asString(item.nextAt),
    armed: asString(item.armed),
  };
}

export function shardKey(shard: number): string {
  return `D#${shard}`;
}

/** FNV-1a of the key: rows that are due together spread over the shards. */
export function shardOf(key: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return shardKey((hash >>> 0) % SHARDS);
}

/** Seconds as a sort key: string order is time order. */
export function padTime(seconds: number): string {
  return String(seconds).padStart(12, "0");
}

export function epochSeconds(clock: Clock): number {
  return Math.floor(clock.now() / 1000);
}

export function attemptId(ports: LeasePorts): string {
  return ports.newId?.() ?? randomUUID();
}

/** Looks at the row as it is now; an index or a plain read may lag. */
export async function readRow(ports: LeasePorts, key: string): Promise<RowState | undefined> {
  const item = await ports.table.get(rowKey(key), { consistent: true });
  return item && parseRow(key, item);
}

function asNumber(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

function asString(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
