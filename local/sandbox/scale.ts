/** The scale subresource: `autoscaling/v1` Scale over the replicas of a workload or a custom kind. */
import { at, isObj, objOf, withAt, type Obj } from "./json.ts";
import { evaluatePath } from "./json-path.ts";
import { jsonPatch, mergePatch } from "./patch.ts";
import type { PatchType } from "./write-rules.ts";
import type { Resource } from "./resources.ts";

const fieldsOf = (path: string): string[] => path.split(".").filter(Boolean);

export function readScale(resource: Resource, object: Obj): Obj {
  const { spec = "", status = "", selector = "" } = resource.scale ?? {};
  const { name, namespace, uid, resourceVersion, creationTimestamp } = objOf(object.metadata);
  const chosen = evaluatePath(object, selector)[0] ?? labelsText(at(object, "spec", "selector", "matchLabels"));
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: evaluatePath(object, spec)[0] ?? 0 },
    status: { replicas: evaluatePath(object, status)[0] ?? 0, ...(chosen === undefined ? {} : { selector: chosen }) },
  };
}

const labelsText = (labels: unknown): string | undefined =>
  isObj(labels)
    ? Object.entries(labels)
        .map(([key, value]) => `${key}=${String(value)}`)
        .join(",")
    : undefined;

/** The merge patch of the object that a write of its Scale stands for. */
export function writtenScale(resource: Resource, object: Obj, body: unknown, type: PatchType, replaces: boolean): Obj {
  const current = readScale(resource, object);
  const next = replaces ? body : type === "json" ? jsonPatch(current, body) : mergePatch(current, body);
  const version = at(body, "metadata", "resourceVersion");
  const patch = withAt({}, fieldsOf(resource.scale?.spec ?? ""), Number(at(next, "spec", "replicas") ?? 0));
  return typeof version === "string" ? { ...patch, metadata: { resourceVersion: version } } : patch;
}
