/** The rules that hold for every kind: deletion, observed generation, standard conditions, and at last Ready. */
import type { KubeObject } from "../api/kube-object.ts";
import { conditionsOf, fieldAt, toInteger } from "./fields.ts";
import { current, failed, inProgress, type Health } from "./result.ts";

/** Before the kind's own rule. Undefined: nothing general decides, ask the kind. */
export function assessGeneric(object: KubeObject): Health | undefined {
  if (object.metadata.deletionTimestamp) {
    return { status: "Terminating", message: "Resource scheduled for deletion" };
  }
  const unobserved = assessGeneration(object);
  if (unobserved) return unobserved;

  for (const condition of conditionsOf(object)) {
    if (condition.status !== "True") continue;
    if (condition.type === "Reconciling") return inProgress(condition.reason, condition.message);
    if (condition.type === "Stalled") return failed(condition.reason, condition.message);
  }
  return undefined;
}

/** InProgress while the controller has not seen the latest generation; a status without the field proves nothing. */
export function assessGeneration(object: KubeObject): Health | undefined {
  const generation = toInteger(object.metadata.generation);
  const observed = toInteger(fieldAt(object, "status", "observedGeneration"));
  if (generation === undefined || observed === undefined || generation === observed) return undefined;
  return inProgress(
    "LatestGenerationNotObserved",
    `${object.kind} generation is ${generation}, but latest observed generation is ${observed}`,
  );
}

/** After the kind's own rule, for kinds that have none. Ready=False is InProgress: nobody can know it is final. */
export function assessReadyCondition(object: KubeObject): Health {
  for (const { type, status, reason, message } of conditionsOf(object)) {
    if (type !== "Ready") continue;
    if (status === "True") return current("Resource is Ready");
    if (status === "False" || status === "Unknown") return inProgress(reason, message);
  }
  return current("Resource is current");
}
