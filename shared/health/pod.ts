/** Pod: a phase that ended is Current, even badly; only a crash loop and an unschedulable pod are Failed. */
import type { KubeObject } from "../api/kube-object.ts";
import { fieldAt, findCondition, stringAt } from "./fields.ts";
import { current, failed, inProgress, type Health } from "./result.ts";

/** How long a pod may be unschedulable before that counts as failed. */
const SCHEDULE_WINDOW_MS = 15_000;

/** `now` is in epoch milliseconds. */
export function assessPod(object: KubeObject, now: number): Health {
  const phase = stringAt(object, ["status", "phase"], "");
  switch (phase) {
    case "Succeeded":
      return current("Pod has completed successfully");
    case "Failed":
      return current("Pod has completed, but not successfully");
    case "Running":
      return assessRunning(object);
    case "Pending":
      return assessPending(object, now);
    case "":
      return inProgress("PodNotObserved", "Pod phase not available");
    default:
      return { status: "Unknown", message: `unknown phase ${phase}` };
  }
}

/** The scheduler found no node. A cluster autoscaler may cure it, so it never fails the workload behind the pod. */
export function isUnschedulable(pod: KubeObject): boolean {
  return findCondition(pod, "PodScheduled", "False")?.reason === "Unschedulable";
}

function assessRunning(object: KubeObject): Health {
  if (findCondition(object, "Ready", "True")) return current("Pod is Ready");
  const looping = crashLoopingContainers(object);
  if (looping.length > 0) {
    return failed("ContainerCrashLooping", `Containers in CrashLoop state: ${looping.join(",")}`);
  }
  return inProgress("PodRunningNotReady", "Pod is running but is not Ready");
}

function assessPending(object: KubeObject, now: number): Health {
  if (!isUnschedulable(object)) return inProgress("PodPending", "Pod is in the Pending phase");
  const created = Date.parse(object.metadata.creationTimestamp ?? "");
  if (created > now - SCHEDULE_WINDOW_MS) return inProgress("PodNotScheduled", "Pod has not been scheduled");
  return failed("PodUnschedulable", "Pod could not be scheduled");
}

function crashLoopingContainers(object: KubeObject): readonly string[] {
  const statuses = fieldAt(object, "status", "containerStatuses");
  if (!Array.isArray(statuses)) return [];
  return statuses
    .filter((status) => fieldAt(status, "state", "waiting", "reason") === "CrashLoopBackOff")
    .map((status) => stringAt(status, ["name"], ""))
    .filter((name) => name !== "");
}
