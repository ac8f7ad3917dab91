/** Preconditions of a run, in Flux's order and words; each says by its disposition whether to wait, retry or stall. */
import type { KubeObject } from "../api/kube-object.ts";
import type { Kustomization } from "../api/kustomization.ts";
import { unsupportedFields } from "../api/unsupported-fields.ts";
import type { Cluster } from "../kubernetes/cluster.ts";
import { statusOf } from "../kubernetes/status-writer.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import type { Announcer, Sources, StoredArtifact } from "./ports.ts";

/** Flux's `--requeue-dependency`. */
export const requeueDependencySeconds = 30;

export function requireSupported(kustomization: Kustomization): void {
  const fields = unsupportedFields(kustomization);
  if (fields.length > 0)
    throw new ReconcileError(
      "stall",
      "FeatureNotSupported",
      `this version of Driftless does not support ${fields.join(", ")}: remove the field or keep this Kustomization on Flux`,
    );
}

export interface Source {
  readonly object: KubeObject;
  readonly artifact: StoredArtifact;
}

export async function requireSource(kustomization: Kustomization, cluster: Cluster, sources: Sources): Promise<Source> {
  const { sourceRef } = kustomization.spec;
  const namespace = sourceRef.namespace ?? kustomization.metadata.namespace;
  const ref = { apiVersion: "source.toolkit.fluxcd.io/v1", kind: sourceRef.kind, namespace, name: sourceRef.name };
  const object = await cluster.get(ref);
  if (!object)
    throw new ReconcileError("retry", "ArtifactFailed", `Source '${ref.kind}/${namespace}/${ref.name}' not found`);
  const artifact = await sources.artifactOf(ref);
  if (!artifact)
    throw new ReconcileError(
      "wait",
      "ArtifactFailed",
      `Source artifact not found, retrying in ${requeueDependencySeconds}s`,
    );
  return { object, artifact };
}

/**
 * Each dependency exists, has observed its generation, is Ready and, sharing the source, has applied the same revision.
 * A wait is noted and then looked at once more: one that became ready in between has not seen the note.
 */
export async function requireDependencies(
  kustomization: Kustomization,
  revision: string,
  cluster: Cluster,
  announcer: Announcer,
): Promise<void> {
  for (const { name, namespace = kustomization.metadata.namespace } of kustomization.spec.dependsOn ?? []) {
    const look = () => findProblem(kustomization, { namespace, name }, revision, cluster);
    if ((await look()) === undefined) continue;
    await announcer.awaits({ namespace, name });
    const problem = await look();
    if (problem !== undefined) throw new ReconcileError("wait", "DependencyNotReady", problem);
  }
}

async function findProblem(
  kustomization: Kustomization,
  { namespace, name }: { namespace: string; name: string },
  revision: string,
  cluster: Cluster,
): Promise<string | undefined> {
  const { apiVersion, kind } = kustomization;
  const dependency = (await cluster.get({ apiVersion, kind, namespace, name })) as Kustomization | undefined;
  return findUnready(kustomization, dependency, `dependency '${namespace}/${name}'`, revision);
}

function findUnready(
  kustomization: Kustomization,
  dependency: Kustomization | undefined,
  label: string,
  revision: string,
): string | undefined {
  if (!dependency) return `${label} not found`;
  const {
    conditions = [],
    observedGeneration,
    lastAppliedRevision,
  } = statusOf(dependency) as Partial<Kustomization["status"]>;
  const ready = conditions.find(({ type }) => type === "Ready");
  if (ready?.status !== "True" || observedGeneration !== dependency.metadata.generation) return `${label} is not ready`;
  if (sourceOf(dependency) === sourceOf(kustomization) && lastAppliedRevision !== revision)
    return `${label} revision is not up to date`;
  return undefined;
}

function sourceOf({ spec, metadata }: Kustomization): string {
  return `${spec.sourceRef.kind}/${spec.sourceRef.namespace ?? metadata.namespace}/${spec.sourceRef.name}`;
}
