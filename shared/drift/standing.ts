/**
 * The condition `Drifted`: how a Kustomization says that objects differ from Git and are left so, and how others read it.
 * It names objects, fields and managers, never values: those are in the engine's own record. Pure.
 */
import type { Reason } from "../api/conditions.ts";
import type { KubeObject } from "../api/kube-object.ts";
import type { KustomizationStatus } from "../api/kustomization.ts";
import { conditionsOf } from "../health/fields.ts";
import { rfc3339 } from "../runtime/clock.ts";
import { dropConditions, findCondition, setCondition } from "../runtime/conditions.ts";
import { approvalAnnotation, type DriftMode, markOf, readGovernance } from "./mode.ts";

const type = "Drifted";

export const standingReasons = [
  "DriftWarned",
  "DriftAwaitsApproval",
  "DriftAwaitsInterval",
  "DriftSnoozed",
  "DriftFlapping",
  "DriftCorrectionFailed",
] as const satisfies readonly Reason[];

export type StandingReason = (typeof standingReasons)[number];

/** What is left of drift when a run ends. */
export interface Standing {
  readonly reason: StandingReason;
  readonly message: string;
}

/** No condition says that nothing stands. */
export function withStanding(
  status: KustomizationStatus,
  standing: Standing | undefined,
  { now, generation }: { readonly now: number; readonly generation: number },
): KustomizationStatus {
  const { conditions = [] } = status;
  if (!standing)
    return findCondition(conditions, type) ? { ...status, conditions: dropConditions(conditions, type) } : status;
  const next = { type, status: "True", ...standing, observedGeneration: generation } as const;
  return { ...status, conditions: setCondition(conditions, next, rfc3339(now)) };
}

export interface FoundStanding {
  readonly reason: StandingReason;
  readonly message: string;
  /** Digest of exactly this drift, for an approval. */
  readonly plan: string;
}

/** Behind what differs: how it is governed, and the plan. */
export const endOf = (mark: string, plan: string): string => `; ${mark}; plan ${plan}`;

/** Undefined when nothing of the object stands. */
export function findStanding(object: KubeObject): FoundStanding | undefined {
  const found = conditionsOf(object).find((condition) => condition.type === type && condition.status === "True");
  const reason = standingReasons.find((known) => known === found?.reason);
  if (!found || !reason) return undefined;
  const [, plan = ""] = /; plan ([0-9a-f]{32})$/u.exec(found.message) ?? [];
  return { reason, message: found.message, plan };
}

/** How an object's drift is governed and what of it is approved, as a row keeps it of a run that failed. */
export function governedAs({ metadata: { annotations = {} } }: KubeObject, fallback: DriftMode, now: number): string {
  return JSON.stringify([markOf(readGovernance(annotations, fallback, now)), annotations[approvalAnnotation] ?? ""]);
}

/**
 * Somebody approved what stands, governs it otherwise since, or its snooze is over: a run has to look at it again.
 *
 * @param failed how it was governed for a run that failed since, and that is retried anyway
 */
export function isGovernedAnew(object: KubeObject, fallback: DriftMode, now: number, failed?: unknown): boolean {
  const standing = findStanding(object);
  if (!standing || failed === governedAs(object, fallback, now)) return false;
  const { annotations = {} } = object.metadata;
  if (standing.plan !== "" && annotations[approvalAnnotation] === standing.plan) return true;
  return !standing.message.endsWith(endOf(markOf(readGovernance(annotations, fallback, now)), standing.plan));
}

export interface StandingCount {
  /** Kustomizations with drift that stands, but for what is snoozed. */
  readonly uncorrected: number;
  /** Those where a field is rewritten as often as it is corrected. */
  readonly flapping: number;
}

export function countStanding(objects: readonly KubeObject[]): StandingCount {
  const reasons = objects.flatMap((object) => findStanding(object)?.reason ?? []);
  return {
    uncorrected: reasons.filter((reason) => reason !== "DriftSnoozed").length,
    flapping: reasons.filter((reason) => reason === "DriftFlapping").length,
  };
}
