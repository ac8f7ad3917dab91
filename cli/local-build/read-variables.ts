/** The variables of a Kustomization, read from the cluster when a local build may look there. */
import { isRecord } from "../../shared/api/schema.ts";
import { type Cluster, KubeError } from "../../shared/kubernetes/cluster.ts";
import {
  mergeVariables,
  type ReferenceContent,
  valuesOfSecret,
  type VariableReference,
  type Variables,
} from "../../shared/substitute/variables.ts";
import type { LocalKustomization } from "./read-kustomization.ts";

/** @param cluster undefined: `substituteFrom` is passed over, as Flux does in its dry-run mode */
export async function readVariables(
  { namespace, spec: { postBuild = {} } }: Pick<LocalKustomization, "namespace" | "spec">,
  cluster: Cluster | undefined,
  signal?: AbortSignal,
): Promise<Variables> {
  const references: VariableReference[] = [];
  for (const { kind, name, optional } of cluster ? (postBuild.substituteFrom ?? []) : []) {
    if (!cluster) continue;
    references.push({ kind, name, optional, content: await readContent(cluster, kind, namespace, name, signal) });
  }
  return mergeVariables(references, postBuild.substitute);
}

async function readContent(
  cluster: Cluster,
  kind: "ConfigMap" | "Secret",
  namespace: string,
  name: string,
  signal: AbortSignal | undefined,
): Promise<ReferenceContent> {
  try {
    const object = await cluster.get({ apiVersion: "v1", kind, namespace, name }, signal);
    if (!object) return { kind: "absent" };
    const data = isRecord(object.data) ? object.data : {};
    const texts = Object.fromEntries(Object.entries(data).map(([key, value]) => [key, String(value)]));
    return { kind: "values", values: kind === "Secret" ? valuesOfSecret(texts) : texts };
  } catch (error) {
    if (!(error instanceof KubeError) || error.reason === "Unreachable") throw error;
    return { kind: "unreadable", message: error.message };
  }
}
