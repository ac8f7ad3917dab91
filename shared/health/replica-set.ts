/** ReplicaSet: every replica labelled, available and ready. */
import type { KubeObject } from "../api/kube-object.ts";
import { findCondition, intAt } from "./fields.ts";
import { current, inProgress, type Health } from "./result.ts";

export function assessReplicaSet(object: KubeObject): Health {
  if (findCondition(object, "ReplicaFailure", "True")) {
    return inProgress("ReplicaFailure", "Replica Failure condition. Check Pods");
  }
  const wanted = intAt(object, ["spec", "replicas"], 1);
  const replicas = intAt(object, ["status", "replicas"], 0);
  const ready = intAt(object, ["status", "readyReplicas"], 0);
  const available = intAt(object, ["status", "availableReplicas"], 0);
  const labelled = intAt(object, ["status", "fullyLabeledReplicas"], 0);
  if (wanted > labelled) return inProgress("LessLabelled", `Labelled: ${labelled}/${wanted}`);
  if (wanted > available) return inProgress("LessAvailable", `Available: ${available}/${wanted}`);
  if (wanted > ready) return inProgress("LessReady", `Ready: ${ready}/${wanted}`);
  if (replicas > wanted) return inProgress("ExtraPods", `Pending termination: ${replicas - wanted}`);
  return current(`ReplicaSet is available. Replicas: ${replicas}`);
}
