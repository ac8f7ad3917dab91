/** The condition `PrunePending`: how an object says that a prune waits for a person, and how others read it. Pure. */
import type { KubeObject } from "../api/kube-object.ts";
import type { KustomizationStatus } from "../api/kustomization.ts";
import { conditionsOf, fieldAt, toInteger } from "../health/fields.ts";
import { rfc3339 } from "../runtime/clock.ts";
import { dropConditions, findCondition, setCondition } from "../runtime/conditions.ts";
import { approvalAnnotation, listOf, parseHeldMessage, type Plan } from "./deletion-budget.ts";
import type { Hold } from "./hold-prune.ts";
import type { Pruned } from "./prune.ts";
import type { Moment } from "./status.ts";

const type = "PrunePending";

/** No condition says that nothing waits. */
export function withPending(
  status: KustomizationStatus,
  hold: Hold | undefined,
  { now, generation }: Moment,
): KustomizationStatus {
  const { conditions = [] } = status;
  if (!hold)
    return findCondition(conditions, type) ? { ...status, conditions: dropConditions(conditions, type) } : status;
  const next = { type, status: "True", ...hold, observedGeneration: generation } as const;
  return { ...status, conditions: setCondition(conditions, next, rfc3339(now)) };
}

/** Whether the object has not said so before: of one plan there is one event. */
export function isNewHold({ conditions = [] }: KustomizationStatus, hold: Hold): boolean {
  const said = findCondition(conditions, type)?.message;
  if (said === undefined) return true;
  const [before, now] = [parseHeldMessage(said), parseHeldMessage(hold.message)];
  return before && now ? before.digest !== now.digest : said !== hold.message;
}

export interface Pending {
  readonly message: string;
  /** What can be approved; undefined where only another object's approval helps. */
  readonly plan: Plan | undefined;
  /** The present spec and, where it is being deleted, its deletion have been looked at. */
  readonly isCurrent: boolean;
}

/** Undefined when nothing of the object waits. */
export function findPending(object: KubeObject): Pending | undefined {
  const condition = conditionsOf(object).find((found) => found.type === type && found.status === "True");
  if (!condition) return undefined;
  const { message } = condition;
  const isCurrent = observedGenerationOf(object) === toInteger(object.metadata.generation);
  return { message, plan: parseHeldMessage(message), isCurrent };
}

function observedGenerationOf(object: KubeObject): number | undefined {
  const conditions = fieldAt(object, "status", "conditions");
  if (!Array.isArray(conditions)) return undefined;
  const found: unknown = conditions.find((condition) => fieldAt(condition, "type") === type);
  return toInteger(fieldAt(found, "observedGeneration"));
}

/** Somebody approved what waits, and no run has seen it yet. */
export function isApproved(object: KubeObject): boolean {
  const approved = object.metadata.annotations?.[approvalAnnotation];
  return approved !== undefined && findPending(object)?.plan?.digest === approved;
}

/**
 * What is left of a prune when children wait for approval of their own end, perhaps for days: what they need outlives
 * them, and the run goes on without them. Undefined while anything else is on its way out.
 */
export function holdOf({ terminating, heldBack, errors }: Pruned): Hold | undefined {
  if (heldBack.length === 0 || heldBack.length < terminating.length || errors.length > 0) return undefined;
  const message = `the rest of the prune waits for ${listOf(heldBack)}, which must be approved first`;
  return { reason: "ChildHeldBack", message };
}
