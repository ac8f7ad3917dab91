/**
 * Says of one object, as the API server returned it, whether it has reached its desired state: kstatus' rules with
 * Flux's Job rule. Health expressions (CEL) are the caller's business.
 */
import { groupOf, type KubeObject } from "../api/kube-object.ts";
import { assessCustomResourceDefinition } from "./custom-resource-definition.ts";
import { assessDaemonSet } from "./daemon-set.ts";
import { assessDeployment } from "./deployment.ts";
import { assessGeneric, assessReadyCondition } from "./generic.ts";
import { assessJob } from "./job.ts";
import { assessPersistentVolumeClaim } from "./persistent-volume-claim.ts";
import { assessPod, isUnschedulable } from "./pod.ts";
import { assessReplicaSet } from "./replica-set.ts";
import { current, type Health } from "./result.ts";
import { assessService } from "./service.ts";
import { assessStatefulSet } from "./stateful-set.ts";

export type { Health, HealthStatus } from "./result.ts";

type Rule = (object: KubeObject, now: number) => Health;

const alwaysReady: Rule = () => current("Resource is always ready");

/** Group and kind to rule; a kind that is not here is judged by its Ready condition. */
const RULES: Readonly<Record<string, Rule>> = {
  "/ConfigMap": alwaysReady,
  "/PersistentVolumeClaim": assessPersistentVolumeClaim,
  "/Pod": assessPod,
  "/Secret": alwaysReady,
  "/Service": assessService,
  "apiextensions.k8s.io/CustomResourceDefinition": assessCustomResourceDefinition,
  "apps/DaemonSet": assessDaemonSet,
  "apps/Deployment": assessDeployment,
  "apps/ReplicaSet": assessReplicaSet,
  "apps/StatefulSet": assessStatefulSet,
  "batch/CronJob": alwaysReady,
  "batch/Job": assessJob,
  "extensions/DaemonSet": assessDaemonSet,
  "extensions/Deployment": assessDeployment,
  "extensions/ReplicaSet": assessReplicaSet,
  "policy/PodDisruptionBudget": () => current("AllowedDisruptions has been computed."),
};

const POD_CONTROLLERS: ReadonlySet<string> = new Set(["Deployment", "ReplicaSet", "StatefulSet"]);

/** The kinds whose pods Flux looks at while they are in progress. A DaemonSet is not among them. */
export function hasPods(object: KubeObject): boolean {
  return groupOf(object.apiVersion) === "apps" && POD_CONTROLLERS.has(object.kind);
}

/**
 * The health of a live object; undefined stands for an object that does not exist.
 *
 * A workload in progress of whose `pods` some have failed for good is Failed. `pods` are those that its selector
 * matches in its namespace; without them only the object itself is judged. `now` is in epoch milliseconds.
 */
export function assessHealth(
  object: KubeObject | undefined,
  pods: readonly KubeObject[] = [],
  now: number = Date.now(),
): Health {
  if (object === undefined) return { status: "NotFound", message: "Resource not found" };
  const own = assessOwn(object, now);
  return own.status === "InProgress" && hasPods(object) ? assessWorkload(own, pods, now) : own;
}

/** Pods that are being deleted (a rolling update) or wait for a node (an autoscaler may bring one) do not count. */
function assessWorkload(own: Health, pods: readonly KubeObject[], now: number): Health {
  const failures = pods
    .filter((pod) => !pod.metadata.deletionTimestamp && !isUnschedulable(pod))
    .filter((pod) => assessOwn(pod, now).status === "Failed").length;
  return failures > 0 ? { status: "Failed", message: `${failures} pods have failed` } : own;
}

function assessOwn(object: KubeObject, now: number): Health {
  const generic = assessGeneric(object);
  if (generic) return generic;
  const rule = RULES[`${groupOf(object.apiVersion)}/${object.kind}`];
  return rule ? rule(object, now) : assessReadyCondition(object);
}
