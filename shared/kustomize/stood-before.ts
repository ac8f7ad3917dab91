/** What stood of drift when a run began. The record names the first hundred objects; the applied state knows of more. */
import { type DriftRecord, recordLimits } from "../drift/record.ts";
import type { StandingReason } from "../drift/standing.ts";

/** An object that differs from Git and was left so, without what differs. */
export interface Stood {
  /** Epoch milliseconds at which a run first saw it. */
  readonly since: number;
  /** Keyed digest of exactly this drift. */
  readonly digest: string;
  readonly reason: StandingReason;
}

/** By inventory id. */
export type AllStanding = Readonly<Record<string, Stood>>;

/** A record that names all that stands is newer than the state of a run that died. */
export function stoodBefore(record: DriftRecord | undefined, kept: AllStanding = {}): ReadonlyMap<string, Stood> {
  const beyond = record?.more === undefined ? {} : kept;
  const listed = (record?.standing ?? []).map(({ id, ...object }) => [id, stoodOf(object)] as const);
  return new Map([...Object.entries(beyond), ...listed]);
}

export const stoodOf = ({ since, digest, reason }: Stood): Stood => ({ since, digest, reason });

/** Nothing where the record names all. */
export const keptOf = (standing: ReadonlyMap<string, Stood>): { readonly standing?: AllStanding } =>
  standing.size > recordLimits.objects ? { standing: Object.fromEntries(standing) } : {};
