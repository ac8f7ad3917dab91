/** Flux passes built-in kinds through their Go types, which print quantities in one spelling: the one the server keeps. */
import { groupOf, type KubeObject } from "../api/kube-object.ts";
import { canonicalQuantity } from "./quantity.ts";

/** Where they are, by group and kind; `*` is every item of a list or every value of a map. */
const amounts = (path: string) => ["limits", "requests"].map((name) => `${path}.${name}.*`);
const podSpec = [
  ...["containers", "initContainers"].flatMap((name) => amounts(`spec.${name}.*.resources`)),
  ...["spec.volumes.*.emptyDir.sizeLimit", "spec.overhead.*"],
  ...amounts("spec.volumes.*.ephemeral.volumeClaimTemplate.spec.resources"),
];
const templated = podSpec.map((path) => `spec.template.${path}`);
const limits = ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"];
const metrics = ["resource", "containerResource", "pods", "object", "external"];

const quantities: Readonly<Record<string, readonly string[]>> = {
  "/Pod": podSpec,
  "/ResourceQuota": ["spec.hard.*"],
  "/LimitRange": limits.map((name) => `spec.limits.*.${name}.*`),
  "/PersistentVolume": ["spec.capacity.*"],
  "/PersistentVolumeClaim": amounts("spec.resources"),
  "apps/Deployment": templated,
  "apps/ReplicaSet": templated,
  "apps/DaemonSet": templated,
  "apps/StatefulSet": [...templated, ...amounts("spec.volumeClaimTemplates.*.spec.resources")],
  "batch/Job": templated,
  "batch/CronJob": templated.map((path) => `spec.jobTemplate.${path}`),
  "autoscaling/HorizontalPodAutoscaler": metrics.flatMap((name) =>
    ["value", "averageValue"].map((field) => `spec.metrics.*.${name}.target.${field}`),
  ),
};

export function withQuantities(object: KubeObject): KubeObject {
  const paths = quantities[`${groupOf(object.apiVersion)}/${object.kind}`] ?? [];
  return paths.reduce<unknown>((value, path) => change(value, path.split(".")), object) as KubeObject;
}

function change(value: unknown, [step, ...rest]: readonly string[]): unknown {
  if (step === undefined) return canonicalQuantity(value);
  if (Array.isArray(value)) return step === "*" ? value.map((item: unknown) => change(item, rest)) : value;
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value);
  if (!fields.some(([name]) => step === "*" || name === step)) return value;
  return Object.fromEntries(
    fields.map(([name, below]) => [name, step === "*" || name === step ? change(below, rest) : below]),
  );
}
