/**
 * Flux passes built-in kinds through their Go types, which leave out `false`, `0` and `""` where a field is `omitempty`:
 * such a value is then nobody's, and the server's default is what it is.
 */
import { groupOf, type KubeObject } from "../api/kube-object.ts";

/** By group and kind; `*` is every item of a list. Only what manifests do spell out. */
const container = ["stdin", "stdinOnce", "tty", "imagePullPolicy", "volumeMounts.*.readOnly", "ports.*.hostPort"];
const podSpec = [
  ...["hostNetwork", "hostPID", "hostIPC", "priorityClassName"].map((name) => `spec.${name}`),
  ...["containers", "initContainers"].flatMap((name) => container.map((field) => `spec.${name}.*.${field}`)),
];
const templated = podSpec.map((path) => `spec.template.${path}`);

const omitted: Readonly<Record<string, readonly string[]>> = {
  "/Pod": podSpec,
  "/Service": ["spec.publishNotReadyAddresses", "spec.ports.*.nodePort"],
  "apps/Deployment": [...templated, "spec.paused", "spec.minReadySeconds"],
  "apps/StatefulSet": [...templated, "spec.minReadySeconds"],
  "apps/DaemonSet": [...templated, "spec.minReadySeconds"],
  "apps/ReplicaSet": [...templated, "spec.minReadySeconds"],
  "batch/Job": templated,
  "batch/CronJob": templated.map((path) => `spec.jobTemplate.${path}`),
  "scheduling.k8s.io/PriorityClass": ["globalDefault"],
};

export function withoutOmitted(object: KubeObject): KubeObject {
  const paths = omitted[`${groupOf(object.apiVersion)}/${object.kind}`] ?? [];
  return paths.reduce<unknown>((value, path) => drop(value, path.split(".")), object) as KubeObject;
}

function drop(value: unknown, [step = "", ...rest]: readonly string[]): unknown {
  if (step === "*") return Array.isArray(value) ? value.map((item: unknown) => drop(item, rest)) : value;
  if (typeof value !== "object" || value === null || Array.isArray(value) || !(step in value)) return value;
  const { [step]: below, ...others } = value as Readonly<Record<string, unknown>>;
  if (rest.length > 0) return { ...value, [step]: drop(below, rest) };
  return below === false || below === 0 || below === "" ? others : value;
}
