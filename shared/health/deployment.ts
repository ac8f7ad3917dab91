/** Deployment: every replica updated, available and ready, and the controller says that the rollout is over. */
import type { KubeObject } from "../api/kube-object.ts";
import { conditionsOf, intAt } from "./fields.ts";
import { current, failed, inProgress, type Health } from "./result.ts";

/** The controller's "no deadline": with it, and without the field, it never sets the Progressing condition. */
const NO_DEADLINE = 2 ** 31 - 1;

export function assessDeployment(object: KubeObject): Health {
  let progressing = intAt(object, ["spec", "progressDeadlineSeconds"], NO_DEADLINE) === NO_DEADLINE;
  let available = false;
  for (const { type, status, reason, message } of conditionsOf(object)) {
    if (type === "Progressing" && reason === "ProgressDeadlineExceeded") {
      return { ...failed(reason, message), message: "Progress deadline exceeded" };
    }
    if (type === "Progressing" && status === "True" && reason === "NewReplicaSetAvailable") progressing = true;
    if (type === "Available" && status === "True") available = true;
  }
  return assessReplicas(object) ?? assessRollout(object, progressing, available);
}

function assessReplicas(object: KubeObject): Health | undefined {
  const wanted = intAt(object, ["spec", "replicas"], 1);
  const replicas = intAt(object, ["status", "replicas"], 0);
  const updated = intAt(object, ["status", "updatedReplicas"], 0);
  const ready = intAt(object, ["status", "readyReplicas"], 0);
  const available = intAt(object, ["status", "availableReplicas"], 0);

  if (wanted > replicas) return inProgress("LessReplicas", `Replicas: ${replicas}/${wanted}`);
  if (wanted > updated) return inProgress("LessUpdated", `Updated: ${updated}/${wanted}`);
  if (replicas > wanted) return inProgress("ExtraPods", `Pending termination: ${replicas - wanted}`);
  if (updated > available) return inProgress("LessAvailable", `Available: ${available}/${updated}`);
  if (wanted > ready) return inProgress("LessReady", `Ready: ${ready}/${wanted}`);
  return undefined;
}

function assessRollout(object: KubeObject, progressing: boolean, available: boolean): Health {
  if (!progressing) return inProgress("ReplicaSetNotAvailable", "ReplicaSet not Available");
  if (!available) return inProgress("DeploymentNotAvailable", "Deployment not Available");
  return current(`Deployment is available. Replicas: ${intAt(object, ["status", "replicas"], 0)}`);
}
