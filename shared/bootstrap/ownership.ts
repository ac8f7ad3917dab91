/**
 * The ownership object: a ConfigMap that says which engine serves a cluster, and when it last said so. Another engine
 * that finds it fresh writes nothing; an engine that lost its table recognises its own cluster by it.
 */
import type { KubeObject, ObjectRef } from "../api/kube-object.ts";
import { isRecord } from "../api/schema.ts";
import type { Cluster } from "../kubernetes/cluster.ts";
import { rfc3339 } from "../runtime/clock.ts";
import { engineName, fluxNamespace } from "./names.ts";
import { engineLabels } from "./rbac.ts";

export const ownershipRef: ObjectRef = {
  apiVersion: "v1",
  kind: "ConfigMap",
  namespace: fluxNamespace,
  name: engineName,
};

/** An engine that has not renewed its ownership for so long is taken for gone. */
export const ownershipMillis = 3 * 60_000;

export interface Ownership {
  readonly engine: string;
  /** Milliseconds since the epoch; NaN when the object does not say it in a form that we read. */
  readonly renewedAt: number;
  /** Bootstrap has ended once: what is missing from then on was removed by somebody. */
  readonly bootstrapped: boolean;
}

/** Undefined when there is no ownership object. */
export function parseOwnership(object: KubeObject | undefined): Ownership | undefined {
  if (!object) return undefined;
  const fields = isRecord(object.data) ? object.data : {};
  const { engine, renewedAt, bootstrapped } = fields;
  return {
    engine: typeof engine === "string" ? engine : "",
    renewedAt: typeof renewedAt === "string" ? Date.parse(renewedAt) : NaN,
    bootstrapped: bootstrapped === "true",
  };
}

/** Fresh until it has not been renewed for three minutes. An unreadable time counts as fresh: silence is not consent. */
export const isFresh = ({ renewedAt }: Ownership, now: number): boolean => !(now - renewedAt >= ownershipMillis);

export function ownershipObject({ engine, renewedAt, bootstrapped }: Ownership): KubeObject {
  return {
    apiVersion: ownershipRef.apiVersion,
    kind: ownershipRef.kind,
    metadata: { name: engineName, namespace: fluxNamespace, labels: engineLabels },
    data: { engine, renewedAt: rfc3339(renewedAt), ...(bootstrapped ? { bootstrapped: "true" } : {}) },
  };
}

/**
 * Writes that this engine serves the cluster. `seen` is the object that the interlock has judged: when another engine
 * has written since, nothing is overwritten.
 *
 * @throws KubeError Conflict or AlreadyExists when another engine was faster; NotFound when the namespace is gone
 */
export async function renewOwnership(
  cluster: Cluster,
  seen: KubeObject | undefined,
  ownership: Ownership,
): Promise<KubeObject> {
  const next = ownershipObject(ownership);
  if (!seen) return cluster.create(next, engineName);
  const { resourceVersion } = seen.metadata;
  return cluster.mergePatch(
    ownershipRef,
    {
      metadata: { labels: engineLabels, ...(resourceVersion === undefined ? {} : { resourceVersion }) },
      data: next.data,
    },
    { fieldManager: engineName },
  );
}
