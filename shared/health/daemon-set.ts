/** DaemonSet: current, updated, available and ready on every node that should run it. */
import type { KubeObject } from "../api/kube-object.ts";
import { fieldAt, intAt, toInteger } from "./fields.ts";
import { current, inProgress, type Health } from "./result.ts";

export function assessDaemonSet(object: KubeObject): Health {
  // Its controller always writes both numbers: their absence means that it has not looked yet.
  if (toInteger(object.metadata.generation) === undefined) {
    return inProgress("NoGeneration", `${object.kind} metadata.generation not found`);
  }
  if (toInteger(fieldAt(object, "status", "observedGeneration")) === undefined) {
    return inProgress("NoObservedGeneration", `${object.kind} status.observedGeneration not found`);
  }
  const desired = intAt(object, ["status", "desiredNumberScheduled"], -1);
  if (desired === -1) return inProgress("NoDesiredNumber", "Missing .status.desiredNumberScheduled");

  const scheduled = intAt(object, ["status", "currentNumberScheduled"], 0);
  const updated = intAt(object, ["status", "updatedNumberScheduled"], 0);
  const available = intAt(object, ["status", "numberAvailable"], 0);
  const ready = intAt(object, ["status", "numberReady"], 0);
  if (desired > scheduled) return inProgress("LessCurrent", `Current: ${scheduled}/${desired}`);
  if (desired > updated) return inProgress("LessUpdated", `Updated: ${updated}/${desired}`);
  if (desired > available) return inProgress("LessAvailable", `Available: ${available}/${desired}`);
  if (desired > ready) return inProgress("LessReady", `Ready: ${ready}/${desired}`);
  return current(`All replicas scheduled as expected. Replicas: ${desired}`);
}
