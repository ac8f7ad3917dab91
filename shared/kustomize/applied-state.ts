/**
 * What the last run knew of each object it applied: which text it came from, and which incarnation and version of the
 * live object carried it. It proves by itself that an object needs no work (same text, same uid, same resource
 * version), so a lost, late or doubled copy costs requests, never correctness.
 */
import { gunzipSync, gzipSync } from "node:zlib";

import type { BlobStore } from "../runtime/blob-store.ts";
import type { Drifting } from "./drift-ledger.ts";

export interface AppliedObject {
  /** Version of the object's API, as in the inventory. */
  readonly v: string;
  /** SHA-256 (hex, 32 digits) of the object's text in the build, owner labels excluded. */
  readonly text: string;
  readonly uid: string;
  readonly rv: string;
  /** Digest of the live content at `rv`; see live-digest.ts. */
  readonly live: string;
}

export interface AppliedState {
  readonly v: 1;
  /** kube-system uid of the API server that this was seen on. */
  readonly server: string;
  /** Digest of the closure that was applied without an error and pruned; empty while a run is unfinished. */
  readonly closure: string;
  /** Digest of the rules (apply-rules.ts) under which the objects were looked at; absent where there were none. */
  readonly rules?: string;
  /** Inventory ids of Jobs that their TTL deletes when they are done: for them, gone is no drift and no ill health. */
  readonly vanishing?: readonly string[];
  /** Inventory ids that Git has no more and that stay until somebody approves of their end. */
  readonly held?: readonly string[];
  /** Inventory ids of generated objects that a newer one replaced: they go once what was applied is healthy. */
  readonly superseded?: readonly string[];
  /** Inventory ids of a prune that was approved and has begun. */
  readonly approved?: readonly string[];
  /** What was built or put in may change without a new revision, and without the sweep seeing it. */
  readonly moving?: boolean;
  /** Seconds since the epoch of the last run for which no proof of an earlier one counted; see recheck.ts. */
  readonly checkedAt?: number;
  /** What Git said (what was built, under which rules) when all of it was last applied; survives a run that fails. */
  readonly git?: string;
  /** Objects that differ from Git and were left so: not proven by what `objects` has of them. */
  readonly drifting?: Drifting;
  readonly objects: Readonly<Record<string, AppliedObject>>;
}

export const emptyState = (server: string): AppliedState => ({ v: 1, server, closure: "", objects: {} });

export interface AppliedStates {
  load(key: string, server: string): Promise<AppliedState>;
  save(key: string, state: AppliedState): Promise<void>;
}

export function createAppliedStates(blobs: BlobStore): AppliedStates {
  const nameOf = (key: string) => `state/${key}.json.gz`;
  return {
    async load(key, server) {
      const bytes = await blobs.get(nameOf(key));
      const state = bytes && parseState(bytes);
      return state?.server === server ? state : emptyState(server);
    },
    async save(key, state) {
      await blobs.put(nameOf(key), gzipSync(JSON.stringify(state), { level: 1 }), "application/json");
    },
  };
}

/** Undefined for anything but a state of a version that we read: it is rebuilt. */
function parseState(bytes: Uint8Array): AppliedState | undefined {
  try {
    const value = JSON.parse(gunzipSync(bytes).toString("utf8")) as Partial<AppliedState>;
    return value.v === 1 && typeof value.server === "string" && value.objects ? (value as AppliedState) : undefined;
  } catch {
    return undefined;
  }
}
