/** Definitions must be usable before what depends on them is applied: the one short wait of a run. */
import type { ObjectRef } from "../api/kube-object.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import type { Readiness } from "./readiness.ts";

const settleMillis = 15_000;

export const isSettled = ({ kind }: ObjectRef): boolean => kind === "CustomResourceDefinition";

export async function settle(readiness: Readiness, refs: readonly ObjectRef[]): Promise<void> {
  const health = await readiness.wait(refs.filter(isSettled), { millis: settleMillis });
  if (health.kind !== "current") throw new ReconcileError("retry", "ReconciliationFailed", health.message);
}
