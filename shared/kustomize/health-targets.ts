/** Which objects a Kustomization asks the health of. */
import type { ObjectRef } from "../api/kube-object.ts";
import type { Kustomization, ResourceRef } from "../api/kustomization.ts";
import { formatId, refOfId } from "../inventory/id.ts";
import { kindKey } from "./observe-live.ts";

/** Kinds without a rule or a Ready condition of their own: healthy as soon as they exist, and they were just applied. */
const readyWhenApplied = new Set([
  "/ConfigMap",
  "/Secret",
  "/ServiceAccount",
  "/LimitRange",
  "/ResourceQuota",
  "batch/CronJob",
  "networking.k8s.io/NetworkPolicy",
  "rbac.authorization.k8s.io/Role",
  "rbac.authorization.k8s.io/RoleBinding",
  "rbac.authorization.k8s.io/ClusterRole",
  "rbac.authorization.k8s.io/ClusterRoleBinding",
  "scheduling.k8s.io/PriorityClass",
]);

/** `wait` checks everything applied but the Kustomization itself; else the list in the spec. */
export function healthTargets(kustomization: Kustomization, inventory: readonly ResourceRef[]): readonly ObjectRef[] {
  const { spec } = kustomization;
  const refs = spec.wait === true ? inventory.map(refOfId) : listed(spec.healthChecks);
  return refs.filter((ref) => isAsked(kustomization, ref));
}

/** Whether the health of an object that is applied will be asked. */
export function askedOf(kustomization: Kustomization): (ref: ObjectRef) => boolean {
  const { spec } = kustomization;
  if (spec.wait === true) return (ref) => isAsked(kustomization, ref);
  const ids = new Set(listed(spec.healthChecks).map(formatId));
  return (ref) => ids.has(formatId(ref)) && isAsked(kustomization, ref);
}

/** Whether Flux would say how healthy it is, be it of objects that are healthy as soon as they are applied. */
export function asksForHealth({ spec }: Kustomization, inventory: readonly ResourceRef[]): boolean {
  return spec.wait === true ? inventory.length > 0 : (spec.healthChecks ?? []).length > 0;
}

function isAsked({ spec, metadata }: Kustomization, ref: ObjectRef): boolean {
  const { healthCheckExprs: expressions = [] } = spec;
  if (ref.kind === "Kustomization" && ref.name === metadata.name && ref.namespace === metadata.namespace) return false;
  return spec.wait !== true || expressions.length > 0 || !readyWhenApplied.has(kindKey(ref));
}

function listed(checks: Kustomization["spec"]["healthChecks"] = []): readonly ObjectRef[] {
  return checks.map(({ apiVersion = "apps/v1", kind, name, namespace }) => ({
    apiVersion,
    kind,
    name,
    ...(namespace ? { namespace } : {}),
  }));
}
