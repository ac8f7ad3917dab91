/** Labels by which a Kustomization's objects are found, and without which none of them is ever deleted. */
import type { KubeObject } from "../api/kube-object.ts";

export interface Owner {
  readonly name: string;
  readonly namespace: string;
}

export const ownerName = "kustomize.toolkit.fluxcd.io/name";
export const ownerNamespace = "kustomize.toolkit.fluxcd.io/namespace";

/** Selects what bears both labels. */
export const selectorOf = ({ name, namespace }: Owner): string => `${ownerName}=${name},${ownerNamespace}=${namespace}`;

export function withOwner(object: KubeObject, { name, namespace }: Owner): KubeObject {
  const labels = { ...object.metadata.labels, [ownerName]: name, [ownerNamespace]: namespace };
  return { ...object, metadata: { ...object.metadata, labels } };
}

export function isOwnedBy(object: KubeObject, { name, namespace }: Owner): boolean {
  const labels = object.metadata.labels ?? {};
  return labels[ownerName] === name && labels[ownerNamespace] === namespace;
}
