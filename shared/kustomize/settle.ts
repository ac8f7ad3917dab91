/** Definitions must be usable before what depends on them is applied: the one short wait of a run. */
import type { ObjectRef } from "../api/kube-object.ts";
import type { Cluster } from "../kubernetes/cluster.ts";
import type { Clock } from "../runtime/clock.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { watchHealth } from "./health.ts";

const settleMillis = 15_000;

export async function settle(cluster: Cluster, refs: readonly ObjectRef[], clock: Clock): Promise<void> {
  const targets = refs.filter(({ kind }) => kind === "CustomResourceDefinition");
  const health = await watchHealth(cluster, targets, { clock, millis: settleMillis });
  if (health.kind !== "current") throw new ReconcileError("retry", "ReconciliationFailed", health.message);
}
