/** Reads what `spec.postBuild` refers to, as Flux's controller: the tenant's own rights are for what is applied. */
import { createHash } from "node:crypto";

import type { KubeObject } from "../api/kube-object.ts";
import type { Kustomization } from "../api/kustomization.ts";
import { type Cluster, isUnavailable, KubeError } from "../kubernetes/cluster.ts";
import {
  mergeVariables,
  type ReferenceContent,
  type Variables,
  type VariableReference,
  valuesOfSecret,
} from "../substitute/variables.ts";

export interface ReadVariables {
  readonly variables: Variables;
  /** Digest of all that the substitution depends on, values of Secrets told by uid and version; empty without postBuild. */
  readonly digest: string;
}

/** @throws KubeError when the API server cannot be asked */
export async function readVariables({ spec, metadata }: Kustomization, own: Cluster): Promise<ReadVariables> {
  const { substituteFrom = [], substitute, substituteStrategy } = spec.postBuild ?? {};
  const references: VariableReference[] = [];
  const versions: unknown[] = [];
  for (const { kind, name, optional } of substituteFrom) {
    const ref = { apiVersion: "v1", kind, namespace: metadata.namespace, name };
    const object = await own.get(ref).catch(unreadable);
    references.push({ kind, name, optional, content: contentOf(object) });
    const { uid, resourceVersion } = object instanceof KubeError ? {} : (object?.metadata ?? {});
    versions.push([kind, name, uid, resourceVersion]);
  }
  const inputs = spec.postBuild ? JSON.stringify([substitute, substituteStrategy, versions]) : "";
  const digest = inputs === "" ? "" : createHash("sha256").update(inputs).digest("hex").slice(0, 32);
  return { variables: mergeVariables(references, substitute), digest };
}

function unreadable(error: unknown): KubeError {
  if (error instanceof KubeError && !isUnavailable(error)) return error;
  throw error;
}

function contentOf(object: KubeObject | KubeError | undefined): ReferenceContent {
  if (!object) return { kind: "absent" };
  if (object instanceof KubeError) return { kind: "unreadable", message: object.message };
  const data = (object.data ?? {}) as Readonly<Record<string, string>>;
  return { kind: "values", values: object.kind === "Secret" ? valuesOfSecret(data) : data };
}
