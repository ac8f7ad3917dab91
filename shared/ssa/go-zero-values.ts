/**
 * Flux passes built-in kinds through their Go types, which print structs that were not given as `{}`. They are values
 * like any other to server-side apply: with them, the fields that we own are the fields that Flux owns.
 */
import { groupOf, type KubeObject } from "../api/kube-object.ts";

type Json = Readonly<Record<string, unknown>>;

/** Structs without `omitempty`, by group and kind: a path, `*` for every item of a list. */
const podSpec = ["metadata", "spec.containers.*.resources", "spec.initContainers.*.resources"];
const templated = [...podSpec.map((path) => `spec.template.${path}`), "spec.template.spec"];
const claims = ["metadata", "spec.resources", "status"].map((path) => `spec.volumeClaimTemplates.*.${path}`);

const zeroStructs: Readonly<Record<string, readonly string[]>> = {
  "/Namespace": ["spec"],
  "/Pod": podSpec.slice(1),
  "/PersistentVolumeClaim": ["spec.resources"],
  "apps/Deployment": ["spec.strategy", ...templated],
  "apps/StatefulSet": ["spec.updateStrategy", ...templated, ...claims],
  "apps/DaemonSet": ["spec.updateStrategy", ...templated],
  "batch/Job": templated,
  "batch/CronJob": [
    "spec.jobTemplate.metadata",
    "spec.jobTemplate.spec",
    ...templated.map((path) => `spec.jobTemplate.${path}`),
  ],
  "networking.k8s.io/NetworkPolicy": ["spec.podSelector"],
};

export function withZeroValues(object: KubeObject): KubeObject {
  const kind = `${groupOf(object.apiVersion)}/${object.kind}`;
  const paths = zeroStructs[kind];
  const given: Json = paths ? { ...object, spec: withoutNulls(object.spec) } : object;
  const filled = (paths ?? []).reduce<Json>((value, path) => fill(value, path.split("."), {}), given);
  // An IntOrString, which is a struct too, prints itself as a number.
  return (kind === "/Service" ? fill(filled, ["spec", "ports", "*", "targetPort"], 0) : filled) as KubeObject;
}

/** What is null in these kinds' specs is nothing to Go. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  const given = Object.entries(value).filter(([, entry]) => entry !== null);
  return Object.fromEntries(given.map(([name, entry]) => [name, withoutNulls(entry)]));
}

/** A parent that is missing stays missing; only the last step is added. */
function fill(value: unknown, [step = "", ...rest]: readonly string[], zero: unknown): Json {
  if (step === "*")
    return (Array.isArray(value) ? value.map((item: unknown) => fill(item, rest, zero)) : value) as Json;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value as Json;
  const below = (value as Json)[step];
  if (rest.length === 0) return below === undefined || below === null ? { ...value, [step]: zero } : (value as Json);
  return below === undefined || below === null ? (value as Json) : { ...value, [step]: fill(below, rest, zero) };
}
