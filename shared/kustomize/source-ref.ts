/** Names the source of a Kustomization. */
import type { ObjectRef } from "../api/kube-object.ts";
import type { Kustomization } from "../api/kustomization.ts";

/** In the Kustomization's own namespace unless its spec says another. */
export function sourceRefOf({ spec, metadata }: Pick<Kustomization, "spec" | "metadata">): SourceRef {
  const { kind, name, namespace = metadata.namespace } = spec.sourceRef;
  return { apiVersion: "source.toolkit.fluxcd.io/v1", kind, namespace, name };
}

export type SourceRef = ObjectRef & Pick<Kustomization["spec"]["sourceRef"], "kind"> & { readonly namespace: string };
