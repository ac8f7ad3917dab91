/** StatefulSet: counts reached and one revision left; it has no conditions, so it can never be seen to fail. */
import type { KubeObject } from "../api/kube-object.ts";
import { intAt, stringAt } from "./fields.ts";
import { current, inProgress, type Health } from "./result.ts";

export function assessStatefulSet(object: KubeObject): Health {
  if (stringAt(object, ["spec", "updateStrategy", "type"], "") === "OnDelete") {
    return current("StatefulSet is using the ondelete update strategy");
  }
  const wanted = intAt(object, ["spec", "replicas"], 1);
  const replicas = intAt(object, ["status", "replicas"], 0);
  const ready = intAt(object, ["status", "readyReplicas"], 0);
  if (wanted > replicas) return inProgress("LessReplicas", `Replicas: ${replicas}/${wanted}`);
  if (wanted > ready) return inProgress("LessReady", `Ready: ${ready}/${wanted}`);
  if (replicas > wanted) return inProgress("ExtraPods", `Pending termination: ${replicas - wanted}`);

  const partition = intAt(object, ["spec", "updateStrategy", "rollingUpdate", "partition"], -1);
  return partition === -1 ? assessRevision(object, wanted, replicas) : assessPartition(object, wanted - partition);
}

/** With a partition only the pods above it are updated; that is then the whole rollout. */
function assessPartition(object: KubeObject, wanted: number): Health {
  const updated = intAt(object, ["status", "updatedReplicas"], 0);
  if (updated < wanted) return inProgress("PartitionRollout", `updated: ${updated}/${wanted}`);
  return current(`Partition rollout complete. updated: ${updated}`);
}

function assessRevision(object: KubeObject, wanted: number, replicas: number): Health {
  const currentReplicas = intAt(object, ["status", "currentReplicas"], 0);
  if (wanted > currentReplicas) return inProgress("LessCurrent", `current: ${currentReplicas}/${wanted}`);
  const revision = stringAt(object, ["status", "currentRevision"], "");
  if (revision !== stringAt(object, ["status", "updateRevision"], "")) {
    return inProgress("RevisionMismatch", "Waiting for updated revision to match current");
  }
  return current(`All replicas scheduled as expected. Replicas: ${replicas}`);
}
