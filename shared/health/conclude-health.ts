/** Sums up the health of many objects in Flux's words. One look; waiting is the caller's business. */
import { subject, type ObjectRef } from "../api/kube-object.ts";
import type { Health } from "./result.ts";

export interface AssessedObject {
  readonly ref: ObjectRef;
  readonly health: Health;
  /** A Job with ttlSecondsAfterFinished: not found means that it finished. */
  readonly vanishesWhenDone?: boolean;
}

/**
 * - `current`: all have reached their desired state.
 * - `waiting`: some have not, and none has failed; `message` is what Flux says when the time is up.
 * - `failed`: waiting is of no use; `message` is Flux's early failure.
 *
 * `open` are the objects that the message is about.
 */
export type HealthConclusion =
  | { readonly kind: "current" }
  | { readonly kind: "waiting" | "failed"; readonly message: string; readonly open: readonly ObjectRef[] };

/** `failFast: false` waits for the rest as long as anything may still change (gate DisableFailFastBehavior). */
export function concludeHealth(
  objects: readonly AssessedObject[],
  { failFast = true }: { readonly failFast?: boolean } = {},
): HealthConclusion {
  const open = objects.filter((object) => !isDone(object));
  if (open.length === 0) return { kind: "current" };
  const failures = open.filter(({ health }) => health.status === "Failed");
  if (failures.length > 0 && (failFast || failures.length === open.length)) {
    const message = `failed early due to stalled resources: [${failures.map(describe).join(", ")}]`;
    return { kind: "failed", message, open: failures.map(({ ref }) => ref) };
  }
  const message = `timeout waiting for: [${open.map(describe).join(", ")}]`;
  return { kind: "waiting", message, open: open.map(({ ref }) => ref) };
}

function isDone({ health, vanishesWhenDone = false }: AssessedObject): boolean {
  return health.status === "Current" || (health.status === "NotFound" && vanishesWhenDone);
}

function describe({ ref, health }: AssessedObject): string {
  const { kind, name, namespace } = ref;
  const named = subject({ kind, metadata: { name, ...(namespace ? { namespace } : {}) } });
  const why = health.status === "Unknown" ? `: ${health.message}` : "";
  return `${named} status: '${health.status}'${why}`;
}
