/** The ServiceAccount, in the Kustomization's own namespace, in whose name everything of it is applied and deleted. */
import type { Kustomization } from "../api/kustomization.ts";
import type { FluxSettings } from "../config/flux-settings.ts";

/** Undefined: Flux's controller itself, where neither the spec nor `--default-service-account` names one. */
export function serviceAccountOf({ spec }: Kustomization, { kustomize }: FluxSettings): string | undefined {
  return spec.serviceAccountName || kustomize.defaultServiceAccount || undefined;
}
