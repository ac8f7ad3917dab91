/** Pure changes of a list of conditions, with the order and the transition times that Flux's controllers keep. */
import type { Condition, ConditionType } from "../api/conditions.ts";

export type NewCondition = Omit<Condition, "lastTransitionTime">;

/** Abnormal-true conditions stand first, then Ready, then the rest by name (fluxcd/pkg runtime/conditions). */
const rank = (type: ConditionType): string =>
  type === "Stalled" ? "0" : type === "Reconciling" ? "1" : type === "Ready" ? "2" : `3${type}`;

export function findCondition(conditions: readonly Condition[], type: ConditionType): Condition | undefined {
  return conditions.find((condition) => condition.type === type);
}

/** `lastTransitionTime` moves whenever status, reason or message changes, as in Flux. */
export function setCondition(conditions: readonly Condition[], next: NewCondition, now: string): Condition[] {
  const old = findCondition(conditions, next.type);
  const same = old?.status === next.status && old.reason === next.reason && old.message === next.message;
  const merged: Condition = { ...next, lastTransitionTime: same ? old.lastTransitionTime : now };
  return [...conditions.filter(({ type }) => type !== next.type), merged].sort((a, b) =>
    rank(a.type) < rank(b.type) ? -1 : 1,
  );
}

export function dropConditions(conditions: readonly Condition[], ...types: readonly ConditionType[]): Condition[] {
  return conditions.filter(({ type }) => !types.includes(type));
}
