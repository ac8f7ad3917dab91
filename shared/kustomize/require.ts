/** Preconditions of a run, in Flux's order and words; each says by its disposition whether to wait, retry or stall. */
import { isDeepStrictEqual } from "node:util";

import { subject } from "../api/kube-object.ts";
import type { Kustomization } from "../api/kustomization.ts";
import { unsupportedFields } from "../api/unsupported-fields.ts";
import type { Cluster } from "../kubernetes/cluster.ts";
import { statusOf } from "../kubernetes/status-writer.ts";
import { advised } from "../runtime/advice.ts";
import { formatGoDuration } from "../runtime/go-duration.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { explainDependency } from "./explain-dependency.ts";
import { ownWords } from "./own-words.ts";
import type { KustomizePorts, StoredArtifact } from "./ports.ts";
import { findUnreadyByExpression, needsBuiltInCheck } from "./ready-expression.ts";
import { sourceRefOf } from "./source-ref.ts";

export function requireSupported(kustomization: Kustomization): void {
  const fields = unsupportedFields(kustomization);
  if (fields.length > 0)
    throw new ReconcileError(
      "stall",
      "FeatureNotSupported",
      `this version of Driftless does not support ${fields.join(", ")}: remove the field, or suspend this Kustomization`,
    );
}

export async function requireSource(
  kustomization: Kustomization,
  cluster: Cluster,
  { sources, settings }: Pick<KustomizePorts, "sources" | "settings">,
): Promise<StoredArtifact> {
  const ref = sourceRefOf(kustomization);
  if (settings.kustomize.noCrossNamespaceRefs && ref.namespace !== kustomization.metadata.namespace)
    throw new ReconcileError(
      "stall",
      "AccessDenied",
      `can't access '${ref.kind}/${ref.namespace}/${ref.name}', cross-namespace references have been blocked`,
    );
  // What is stored is forgotten with its source, which does not go before that.
  const artifact = await sources.artifactOf(ref);
  if (artifact) return artifact;
  const object = await cluster.get(ref);
  if (!object)
    throw new ReconcileError("wait", "ArtifactFailed", `${ref.kind}.source.toolkit.fluxcd.io "${ref.name}" not found`);
  const words = ownWords(object, kustomization.metadata.namespace);
  const retry = formatGoDuration(settings.kustomize.requeueDependencySeconds * 1000);
  throw new ReconcileError(
    "wait",
    "ArtifactFailed",
    advised(`Source artifact not found, retrying in ${retry}`, words && `${subject(object)} is not ready: ${words}`),
  );
}

/**
 * Each dependency exists, has observed its generation, is Ready and, sharing the source, has applied the same revision.
 * A wait is noted and then looked at once more: one that became ready in between has not seen the note,
 * which is taken back: it would ask for a run that nobody needs.
 */
export async function requireDependencies(
  kustomization: Kustomization,
  revision: string,
  cluster: Cluster,
  { announcer, settings }: Pick<KustomizePorts, "announcer" | "settings">,
): Promise<void> {
  const isAdditive = settings.kustomize.gates.AdditiveCELDependencyCheck;
  for (const { name, namespace = kustomization.metadata.namespace, readyExpr } of kustomization.spec.dependsOn ?? []) {
    const look = () => findProblem(kustomization, { namespace, name, readyExpr, isAdditive }, revision, cluster);
    if ((await look()) === undefined) continue;
    await announcer.awaits({ namespace, name });
    const problem = await look();
    if (problem !== undefined) throw new ReconcileError("wait", "DependencyNotReady", problem);
    await announcer.awaitsNoMore({ namespace, name });
  }
}

interface Dependency {
  readonly namespace: string;
  readonly name: string;
  readonly readyExpr: string | undefined;
  /** The gate AdditiveCELDependencyCheck. */
  readonly isAdditive: boolean;
}

async function findProblem(
  kustomization: Kustomization,
  { namespace, name, readyExpr, isAdditive }: Dependency,
  revision: string,
  cluster: Cluster,
): Promise<string | undefined> {
  const { apiVersion, kind } = kustomization;
  const dependency = (await cluster.get({ apiVersion, kind, namespace, name })) as Kustomization | undefined;
  const label = `dependency '${namespace}/${name}'`;
  if (!dependency) return `${label} not found: kustomizations.kustomize.toolkit.fluxcd.io "${name}" not found`;
  const problem =
    (readyExpr ? await findUnreadyByExpression({ readyExpr, self: kustomization, dep: dependency }) : undefined) ??
    (needsBuiltInCheck(readyExpr, isAdditive) ? findUnready(kustomization, dependency, label, revision) : undefined);
  return problem && advised(problem, await explainDependency(kustomization, dependency, cluster));
}

function findUnready(
  kustomization: Kustomization,
  dependency: Kustomization,
  label: string,
  revision: string,
): string | undefined {
  const {
    conditions = [],
    observedGeneration,
    lastAppliedRevision,
  } = statusOf(dependency) as Partial<Kustomization["status"]>;
  const ready = conditions.find(({ type }) => type === "Ready");
  if (ready?.status !== "True" || observedGeneration !== dependency.metadata.generation) return `${label} is not ready`;
  const sharesSource = isDeepStrictEqual(sourceRefOf(dependency), sourceRefOf(kustomization));
  return sharesSource && lastAppliedRevision !== revision ? `${label} revision is not up to date` : undefined;
}
