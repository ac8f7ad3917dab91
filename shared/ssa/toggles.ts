/** Switches that an object carries as annotation or label; the value's case does not matter (fluxcd/pkg ssa). */
import type { KubeObject } from "../api/kube-object.ts";

const prefix = "kustomize.toolkit.fluxcd.io/";

type Toggle = "ssa" | "reconcile" | "prune" | "force";

function has(object: KubeObject | undefined, toggle: Toggle, value: string): boolean {
  const { annotations = {}, labels = {} } = object?.metadata ?? {};
  const name = `${prefix}${toggle}`;
  return [annotations[name], labels[name]].some((given) => given?.toLowerCase() === value.toLowerCase());
}

/** Left alone for good: neither applied nor deleted. Looked up on the desired and on the live object. */
export function isIgnored(desired: KubeObject | undefined, live: KubeObject | undefined): boolean {
  return [desired, live].some((object) => has(object, "reconcile", "disabled") || has(object, "ssa", "Ignore"));
}

/** Created once and then left alone, but pruned; looked up on the desired object only. */
export const isCreatedOnly = (desired: KubeObject): boolean => has(desired, "ssa", "IfNotPresent");

/** Other managers keep their fields. */
export const isMerged = (desired: KubeObject, live: KubeObject | undefined): boolean =>
  has(desired, "ssa", "Merge") || has(live, "ssa", "Merge");

/** Replaced where a field must not change; looked up on the desired and on the live object. */
export const isForced = (desired: KubeObject, live: KubeObject): boolean =>
  has(desired, "force", "enabled") || has(live, "force", "enabled");

export const isKept = (live: KubeObject): boolean => has(live, "prune", "disabled");
