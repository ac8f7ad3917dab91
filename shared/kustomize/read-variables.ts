/** Reads what `spec.postBuild` refers to, as Flux's controller: the tenant's own rights are for what is applied. */
import type { KubeObject } from "../api/kube-object.ts";
import type { Kustomization } from "../api/kustomization.ts";
import { type Cluster, isUnavailable, KubeError } from "../kubernetes/cluster.ts";
import { parseLabelSelector } from "../ssa/label-selector.ts";
import {
  mergeVariables,
  type ReferenceContent,
  type Variables,
  type VariableReference,
  valuesOfSecret,
} from "../substitute/variables.ts";
import { digestInputs } from "./digest-inputs.ts";

export interface ReadVariables {
  readonly variables: Variables;
  /** Digest of all that the substitution depends on, values of Secrets told by uid and version; empty without postBuild. */
  readonly digest: string;
  /** Some of it is not watched by the sweep: it is to be looked at with the interval. */
  readonly isUnwatched: boolean;
}

/**
 * @param watchSelector of the Secrets and ConfigMaps that the sweep watches; undefined: of none
 * @throws KubeError when the API server cannot be asked
 */
export async function readVariables(
  { spec, metadata }: Kustomization,
  own: Cluster,
  watchSelector: string | undefined,
): Promise<ReadVariables> {
  const { substituteFrom = [], substitute } = spec.postBuild ?? {};
  const references: VariableReference[] = [];
  const objects: (KubeObject | undefined)[] = [];
  const isWatched = watchSelector === undefined ? () => false : parseLabelSelector(watchSelector);
  let isUnwatched = false;
  for (const { kind, name, optional } of substituteFrom) {
    const ref = { apiVersion: "v1", kind, namespace: metadata.namespace, name };
    const object = await own.get(ref).catch(unreadable);
    references.push({ kind, name, optional, content: contentOf(object) });
    const found = object instanceof KubeError ? undefined : object;
    // One that is not there may come without the label.
    if (!found || !isWatched(found.metadata.labels ?? {})) isUnwatched = true;
    objects.push(found);
  }
  const digest = digestInputs(spec.postBuild, objects);
  return { variables: mergeVariables(references, substitute), digest, isUnwatched };
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
