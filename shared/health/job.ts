/** Job by Flux's rule, which differs from the stock one: a running Job is InProgress, a suspended one is Current. */
import type { KubeObject } from "../api/kube-object.ts";
import { conditionsOf, fieldAt, intAt, stringAt } from "./fields.ts";
import { current, failed, inProgress, type Health } from "./result.ts";

export function assessJob(object: KubeObject): Health {
  if (fieldAt(object, "spec", "suspend") === true) return current("Job is suspended");

  const parallelism = intAt(object, ["spec", "parallelism"], 1);
  const completions = intAt(object, ["spec", "completions"], parallelism);
  const active = intAt(object, ["status", "active"], 0);
  const succeeded = intAt(object, ["status", "succeeded"], 0);
  const failures = intAt(object, ["status", "failed"], 0);

  for (const { type, status } of conditionsOf(object)) {
    if (status !== "True") continue;
    if (type === "Complete") return current(`Job Completed. succeeded: ${succeeded}/${completions}`);
    if (type === "Failed") return failed("JobFailed", `Job Failed. failed: ${failures}/${completions}`);
  }
  if (stringAt(object, ["status", "startTime"], "") === "") {
    return inProgress("JobNotStarted", `Job not started. active: 0/${parallelism}`);
  }
  return inProgress("JobInProgress", `Job in progress. success:${succeeded}, active: ${active}, failed: ${failures}`);
}

/** Its TTL controller deletes such a Job after it finished: for it, gone means done. */
export function vanishesWhenDone(object: KubeObject): boolean {
  const isJob = object.kind === "Job" && object.apiVersion.startsWith("batch/");
  return isJob && fieldAt(object, "spec", "ttlSecondsAfterFinished") !== undefined;
}
