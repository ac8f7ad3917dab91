/**
 * What the engine remembers of the drift of one Kustomization: what stands, what was lately done about drift, and how often
 * each field was corrected. Bounded in size, whatever happens in the cluster.
 */
import type { ResourceRef } from "../api/kustomization.ts";
import type { KnownActor } from "../audit/actors.ts";
import type { StandingReason } from "./standing.ts";

export interface DriftedField {
  /** JSON pointer (RFC 6901); empty for a whole object. Long ones are cut. */
  readonly pointer: string;
  /** As text, long values cut, those of Secrets as `hmac:<12 digits>`; null where the field is not there. */
  readonly git: string | null;
  readonly live: string | null;
  /** Who owns the field in the cluster, from managedFields. Who takes a field away leaves no trace there. */
  readonly manager?: string;
  readonly operation?: string;
  readonly subresource?: string;
  /** RFC 3339: when that manager last changed the object; to the second. */
  readonly time?: string;
}

/** `ownership`: all is as in Git, but another manager whose fields Flux takes over owns some of it. */
export type DriftKind = "changed" | "deleted" | "ownership";

export interface DriftedObject extends ResourceRef {
  readonly kind: DriftKind;
  readonly fields: readonly DriftedField[];
  /** Fields beyond those that are listed. */
  readonly more?: number;
  /** Keyed digest of exactly this drift: fields and values. */
  readonly digest: string;
  /** Epoch milliseconds at which a run first saw it. */
  readonly since: number;
  /** Who did it, where the cluster's audit log is at hand. */
  readonly actor?: KnownActor;
}

export interface StandingObject extends DriftedObject {
  readonly reason: StandingReason;
}

export interface PastObject extends DriftedObject {
  /** `reverted`: somebody else put it back; `forgotten`: Git or the inventory does not have it any more. */
  readonly end: "corrected" | "reverted" | "forgotten";
  /** Epoch milliseconds. */
  readonly at: number;
}

export interface DriftRecord {
  readonly v: 1;
  /** kube-system uid of the API server that it was seen on. */
  readonly server: string;
  /** Digest over what stands; empty when nothing does. */
  readonly plan: string;
  readonly standing: readonly StandingObject[];
  /** Objects that stand beyond those that are listed. */
  readonly more?: number;
  /** Newest first. */
  readonly past: readonly PastObject[];
  readonly corrections: Corrections;
}

/** Seconds since the epoch of the corrections within the last hour, by a digest of what was corrected. */
export type Corrections = Readonly<Record<string, readonly number[]>>;

export const recordLimits = {
  objects: 100,
  fieldsOfObject: 20,
  /** Of all objects together. */
  fields: 300,
  past: 30,
  pastFields: 100,
  pointerCharacters: 256,
  valueCharacters: 128,
} as const;

export const emptyRecord = (server: string): DriftRecord => ({
  v: 1,
  server,
  plan: "",
  standing: [],
  past: [],
  corrections: {},
});

/** What is beyond the limits is counted, not kept. */
export function boundRecord(record: DriftRecord): DriftRecord {
  const standing = boundFields(record.standing.slice(0, recordLimits.objects), recordLimits.fields);
  const more = (record.more ?? 0) + record.standing.length - standing.length;
  const past = boundFields(record.past.slice(0, recordLimits.past), recordLimits.pastFields);
  const { more: _, ...rest } = record;
  return { ...rest, standing, past, ...(more > 0 ? { more } : {}) };
}

function boundFields<T extends DriftedObject>(objects: readonly T[], most: number): readonly T[] {
  let left = most;
  return objects.map((object) => {
    const fields = object.fields.slice(0, Math.max(left, 1));
    left -= fields.length;
    const more = (object.more ?? 0) + object.fields.length - fields.length;
    return more > 0 ? { ...object, fields, more } : object;
  });
}

/** Undefined for anything but a record of a version that we read. */
export function parseRecord(text: unknown): DriftRecord | undefined {
  if (typeof text !== "string") return undefined;
  try {
    const value = JSON.parse(text) as Partial<DriftRecord>;
    const isRecord = value.v === 1 && typeof value.server === "string" && Array.isArray(value.standing);
    return isRecord && Array.isArray(value.past) ? (value as DriftRecord) : undefined;
  } catch {
    return undefined;
  }
}
