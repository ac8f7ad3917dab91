/** Reads of fields whose type nobody has checked: a status is whatever a controller wrote. */
import type { KubeObject } from "../api/kube-object.ts";

/** A condition as it is found in an object's status; absent members are empty. */
export interface FoundCondition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/** The value at a path of keys, or undefined where the path ends early. */
export function fieldAt(object: unknown, ...path: readonly string[]): unknown {
  let value = object;
  for (const key of path) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

/** The whole number at a path, else the fallback. Numbers kept as text (big integers) count as numbers. */
export function intAt(object: unknown, path: readonly string[], fallback: number): number {
  const number = toInteger(fieldAt(object, ...path));
  return number ?? fallback;
}

export function stringAt(object: unknown, path: readonly string[], fallback: string): string {
  const value = fieldAt(object, ...path);
  return typeof value === "string" ? value : fallback;
}

/** The conditions of `status.conditions`, in order; an entry that is no mapping is left out. */
export function conditionsOf(object: KubeObject): readonly FoundCondition[] {
  const list = fieldAt(object, "status", "conditions");
  if (!Array.isArray(list)) return [];
  return list
    .filter((entry) => typeof entry === "object" && entry !== null)
    .map((entry) => ({
      type: stringAt(entry, ["type"], ""),
      status: stringAt(entry, ["status"], ""),
      reason: stringAt(entry, ["reason"], ""),
      message: stringAt(entry, ["message"], ""),
    }));
}

/** The first condition of a type with a status. */
export function findCondition(object: KubeObject, type: string, status: string): FoundCondition | undefined {
  return conditionsOf(object).find((condition) => condition.type === type && condition.status === status);
}

/** An integer out of a number, a bigint or a lossless number (an object whose text is an integer). */
export function toInteger(value: unknown): number | undefined {
  if (typeof value === "number") return Number.isInteger(value) ? value : undefined;
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "object" && value !== null && "isLosslessNumber" in value) {
    const number = Number(value);
    return Number.isInteger(number) ? number : undefined;
  }
  return undefined;
}
