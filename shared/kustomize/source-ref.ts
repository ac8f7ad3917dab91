/** Names the source of a Kustomization. */
import type { KubeObject, ObjectRef } from "../api/kube-object.ts";
import type { Kustomization } from "../api/kustomization.ts";
import { formatKey } from "../lease/message.ts";

/** In the Kustomization's own namespace unless its spec says another. */
export function sourceRefOf({ spec, metadata }: Pick<Kustomization, "spec" | "metadata">): SourceRef {
  const { kind, name, namespace = metadata.namespace } = spec.sourceRef;
  return { apiVersion: "source.toolkit.fluxcd.io/v1", kind, namespace, name };
}

export type SourceRef = ObjectRef & Pick<Kustomization["spec"]["sourceRef"], "kind"> & { readonly namespace: string };

/** The key of the source that a Kustomization is built from; undefined where its spec names none. */
export function sourceKeyOf(cluster: string, object: KubeObject): string | undefined {
  const sourceRef = (object.spec as { sourceRef?: { kind?: string; name?: string; namespace?: string } } | undefined)
    ?.sourceRef;
  if (!sourceRef?.kind || !sourceRef.name) return undefined;
  const { kind, name, namespace = object.metadata.namespace ?? "" } = sourceRef;
  return formatKey({ cluster, group: "source.toolkit.fluxcd.io", kind, namespace, name });
}
