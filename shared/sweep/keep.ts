/** What a sweep remembers of an object that it saw: as little as its next look needs. */
import type { KubeObject } from "../api/kube-object.ts";
import { ownerName, ownerNamespace } from "../ssa/owner.ts";

/** Flux's objects are few and are judged as a whole; who wrote which field is not asked. */
export function keepContent(object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** Which object at which version, and whose. */
export function keepIdentity({ apiVersion, kind, metadata }: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion, labels = {} } = metadata;
  const owner = Object.entries(labels).filter(([label]) => label === ownerName || label === ownerNamespace);
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(owner.length === 0 ? {} : { labels: Object.fromEntries(owner) }),
    },
  };
}
