/** Whether drift that was found is corrected now, and why not. Pure. */
import { assertNever } from "../runtime/assert-never.ts";
import { freeAt, paceOf } from "./flapping.ts";
import type { Governance } from "./mode.ts";
import type { Corrections, DriftedObject } from "./record.ts";
import type { StandingReason } from "./standing.ts";

export interface Situation {
  readonly governance: Governance;
  /** What Git describes, or how it is applied, is not what was applied last: all of it is applied. */
  readonly isGitNews: boolean;
  /** A person asked for this run. */
  readonly isRequested: boolean;
  /** Digests of drift that a person approved. */
  readonly approved: ReadonlySet<string>;
  readonly corrections: Corrections;
  /** Epoch milliseconds. */
  readonly now: number;
  readonly intervalMillis: number;
}

export type Decision =
  | { readonly correct: true }
  | {
      readonly correct: false;
      readonly reason: StandingReason;
      /** Epoch milliseconds of the next look; undefined: only when something happens. */
      readonly again?: number;
    };

const now = { correct: true } as const;

/** @param object with the time at which this very object was first found to differ */
export function decide(object: DriftedObject, situation: Situation): Decision {
  const { governance, isGitNews, isRequested, approved } = situation;
  if (isGitNews) return now;
  if (approved.has(object.digest)) return now;
  // No field changes: it only sees to it that what leaves Git leaves the cluster.
  if (object.kind === "ownership") return braked(object, situation);
  if (governance.snooze) return { correct: false, reason: "DriftSnoozed", again: governance.snooze.until };
  switch (governance.mode) {
    case "warn":
      return { correct: false, reason: "DriftWarned" };
    case "approve":
      return { correct: false, reason: "DriftAwaitsApproval" };
    case "at-interval":
      return isRequested ? now : atInterval(object, situation, "DriftAwaitsInterval");
    case "within-a-minute":
      return isRequested ? now : braked(object, situation);
    default:
      return assertNever(governance.mode);
  }
}

function braked(object: DriftedObject, situation: Situation): Decision {
  const pace = paceOf(object, situation.corrections, situation.now);
  return pace === "quick" ? now : atInterval(object, situation, "DriftFlapping");
}

/** The interval counts from the first sight of the drift, so that further edits do not put its end off. */
function atInterval(object: DriftedObject, situation: Situation, reason: StandingReason): Decision {
  const { corrections, intervalMillis } = situation;
  const due = object.since + intervalMillis;
  const free = freeAt(object, corrections, situation.now);
  const isFree = paceOf(object, corrections, situation.now) !== "none";
  if (due <= situation.now && isFree) return now;
  return { correct: false, reason: isFree ? reason : "DriftFlapping", again: Math.max(due, isFree ? due : free) };
}
