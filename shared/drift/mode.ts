/**
 * How the drift of a Kustomization is governed: annotations of the object over the default of its cluster. What cannot be
 * read holds correction back and silences nothing, so that a slip of the pen undoes nobody's work unseen. Pure.
 */
import type { FleetCluster } from "../config/fleet.ts";
import { rfc3339 } from "../runtime/clock.ts";

export const driftModes = ["within-a-minute", "at-interval", "warn", "approve"] as const;

/**
 * - `within-a-minute`: corrected by the run that finds it.
 * - `at-interval`: corrected with the Kustomization's interval, as Flux would.
 * - `warn`: stands until what Git describes changes.
 * - `approve`: the same, and says that it waits for a person.
 *
 * What a person approved is corrected in every mode.
 */
export type DriftMode = (typeof driftModes)[number];

/** One of `driftModes`. */
export const driftAnnotation = "driftless.dev/drift";
/** `<RFC 3339 time> <reason>`: until then drift is found and recorded, but neither corrected nor alarmed. */
export const snoozeAnnotation = "driftless.dev/drift-snooze";
/** The plan that a person approved: the digest of exactly the drift that stood. */
export const approvalAnnotation = "driftless.dev/approve-drift";

export interface Snooze {
  /** Epoch milliseconds. */
  readonly until: number;
  readonly reason: string;
}

export interface Governance {
  readonly mode: DriftMode;
  /** Undefined also when it is over. */
  readonly snooze: Snooze | undefined;
  /** Annotations that cannot be followed, and what would be right. */
  readonly problems: readonly string[];
}

export const isDriftMode = (text: unknown): text is DriftMode => driftModes.some((mode) => mode === text);

/** A fleet that was taken over keeps Flux's pace of correction, and hears of drift within the minute. */
export const driftModeOf = ({ drift, takeOver = false }: Pick<FleetCluster, "drift" | "takeOver">): DriftMode =>
  drift ?? (takeOver ? "at-interval" : "within-a-minute");

/** @param now epoch milliseconds */
export function readGovernance(
  annotations: Readonly<Record<string, string>> = {},
  fallback: DriftMode,
  now: number,
): Governance {
  const problems: string[] = [];
  const mode = annotations[driftAnnotation] ?? fallback;
  const known = isDriftMode(mode) ? mode : undefined;
  if (!known) problems.push(`annotation ${driftAnnotation} is "${mode}", want one of ${driftModes.join(", ")}`);
  const text = annotations[snoozeAnnotation];
  const snooze = text === undefined ? undefined : parseSnooze(text);
  if (text !== undefined && !snooze)
    problems.push(`annotation ${snoozeAnnotation} is "${text}", want a time of RFC 3339 and a reason behind it`);
  const isOver = snooze !== undefined && snooze.until <= now;
  return {
    mode: problems.length > 0 ? "approve" : (known ?? "approve"),
    snooze: isOver ? undefined : snooze,
    problems,
  };
}

export const formatSnooze = ({ until, reason }: Snooze): string => `${rfc3339(until)} ${reason}`;

/** Undefined for what is no snooze. */
export function parseSnooze(text: string): Snooze | undefined {
  const [, time = "", reason = ""] = /^(\S+)(?:\s+(.*\S))?\s*$/su.exec(text) ?? [];
  const isTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/u.test(time);
  const until = isTime ? Date.parse(time) : Number.NaN;
  return Number.isNaN(until) ? undefined : { until, reason };
}

/** In words that the condition repeats, so that a sweep sees when somebody governs otherwise. */
export const markOf = ({ mode, snooze, problems }: Governance): string =>
  [
    `mode ${mode}`,
    ...(snooze ? [`snoozed until ${rfc3339(snooze.until)}${snooze.reason ? ` (${snooze.reason})` : ""}`] : []),
    ...problems,
  ].join(", ");
