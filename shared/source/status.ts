/** The status of a GitRepository after a run: conditions, reasons and messages as source-controller writes them. */
import type { Condition, ConditionType, Reason } from "../api/conditions.ts";
import type { Artifact } from "../api/fields.ts";
import type { GitRepository, GitRepositoryStatus } from "../api/git-repository.ts";
import { type NewCondition, setCondition } from "../runtime/conditions.ts";
import type { ReconcileError } from "../runtime/reconcile-error.ts";

const requestedAt = "reconcile.fluxcd.io/requestedAt";

/** Types that source-controller owns and that a finished run leaves only where it sets them. */
const passing: ReadonlySet<string> = new Set([
  "Reconciling",
  "Stalled",
  "ArtifactOutdated",
  "FetchFailed",
  "IncludeUnavailable",
  "SourceVerified",
  "StorageOperationFailed",
]);

export function concludeReady(repository: GitRepository, artifact: Artifact, now: string): GitRepositoryStatus {
  const message = `stored artifact for revision '${artifact.revision}'`;
  return {
    ...withHandledRequest(repository),
    observedGeneration: repository.metadata.generation ?? 0,
    artifact,
    conditions: conditionsOf(repository, now, [
      condition("Ready", "True", "Succeeded", message),
      condition("ArtifactInStorage", "True", "Succeeded", message),
    ]),
    ...observedContent(repository),
  };
}

/** What was stored stays; `observedGeneration` does too, for this generation has not been fetched. */
export function concludeFailure(repository: GitRepository, error: ReconcileError, now: string): GitRepositoryStatus {
  return {
    ...withHandledRequest(repository),
    conditions: conditionsOf(repository, now, [
      condition("Reconciling", "True", "ProgressingWithRetry", progress(repository)),
      condition("Ready", "False", error.reason, error.message),
      condition("FetchFailed", "True", error.reason, error.message),
    ]),
  };
}

/** Nothing but another spec helps, so this generation counts as observed. */
export function concludeStalled(repository: GitRepository, error: ReconcileError, now: string): GitRepositoryStatus {
  const urlInvalid = error.reason === "URLInvalid";
  return {
    ...withHandledRequest(repository),
    observedGeneration: repository.metadata.generation ?? 0,
    conditions: conditionsOf(repository, now, [
      condition("Stalled", "True", error.reason, error.message),
      condition("Ready", "False", error.reason, error.message),
      ...(urlInvalid ? [condition("FetchFailed", "True", error.reason, error.message)] : []),
    ]),
  };
}

/** The artifact as the status names it; its time moves only when something of it does. */
export function artifactOf(
  { metadata, status }: GitRepository,
  stored: { revision: string; digest: string; size: number; commit: string; url: string },
  now: string,
): Artifact {
  const { revision, digest, size, url } = stored;
  const path = `gitrepository/${metadata.namespace}/${metadata.name}/${stored.commit}.tar.gz`;
  const old = status.artifact;
  const same = old?.revision === revision && old.digest === digest && old.path === path && old.url === url;
  return { digest, lastUpdateTime: same ? old.lastUpdateTime : now, path, revision, size, url };
}

type Observation = Omit<NewCondition, "observedGeneration">;

const condition = (type: ConditionType, status: "True" | "False", reason: Reason, message: string): Observation => ({
  type,
  status,
  reason,
  message,
});

function conditionsOf(
  { metadata, status }: GitRepository,
  now: string,
  observations: readonly Observation[],
): readonly Condition[] {
  const observedGeneration = metadata.generation ?? 0;
  const old = status.conditions ?? [];
  const kept = old.filter(({ type }) => !passing.has(type) || observations.some((next) => next.type === type));
  return observations.reduce<readonly Condition[]>(
    (conditions, next) => setCondition(conditions, { ...next, observedGeneration }, now),
    kept,
  );
}

function withHandledRequest({ metadata, status }: GitRepository): GitRepositoryStatus {
  const request = metadata.annotations?.[requestedAt];
  return request === undefined ? status : { ...status, lastHandledReconcileAt: request };
}

/** An absent field is taken out of the status. */
function observedContent({ spec }: GitRepository): GitRepositoryStatus {
  return {
    observedIgnore: spec.ignore,
    observedInclude: undefined,
    observedRecurseSubmodules: undefined,
    observedSparseCheckout: undefined,
    includedArtifacts: undefined,
    sourceVerificationMode: undefined,
  } as unknown as GitRepositoryStatus;
}

function progress({ metadata, status }: GitRepository): string {
  if (!status.artifact) return "building artifact";
  const { observedGeneration = -1 } = status;
  const generation = metadata.generation ?? 0;
  return generation === observedGeneration
    ? "reconciliation in progress"
    : `processing object: new generation ${observedGeneration} -> ${generation}`;
}
