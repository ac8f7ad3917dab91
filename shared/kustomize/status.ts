/** Pure transitions of a Kustomization's status, in the words of Flux's kustomize-controller. */
import type { Reason } from "../api/conditions.ts";
import type { Kustomization, KustomizationStatus, Snapshot } from "../api/kustomization.ts";
import { rfc3339 } from "../runtime/clock.ts";
import { readInventory } from "../inventory/id.ts";
import { dropConditions, setCondition } from "../runtime/conditions.ts";
import { formatGoDuration } from "../runtime/go-duration.ts";

export const controller = "kustomize-controller";
export const statusManager = "gotk-kustomize-controller";

const requestedAt = "reconcile.fluxcd.io/requestedAt";
const historyLimit = 5;

export interface Moment {
  readonly now: number;
  readonly generation: number;
}

export function momentOf(kustomization: Kustomization, now: number): Moment {
  return { now, generation: kustomization.metadata.generation ?? 0 };
}

export function isNewRequest(kustomization: Kustomization): boolean {
  const wanted = kustomization.metadata.annotations?.[requestedAt];
  return wanted !== undefined && wanted !== kustomization.status.lastHandledReconcileAt;
}

/** What every run begins with: the request, if any, is taken as handled. */
export function observe(kustomization: Kustomization): KustomizationStatus {
  const wanted = kustomization.metadata.annotations?.[requestedAt];
  return {
    observedGeneration: -1,
    ...kustomization.status,
    ...(kustomization.status.inventory ? { inventory: { entries: [...readInventory(kustomization.status)] } } : {}),
    ...(wanted === undefined ? {} : { lastHandledReconcileAt: wanted }),
  };
}

/** What was ready stays so, under the generation that suspends it. */
export function suspended(kustomization: Kustomization): KustomizationStatus {
  const status = observe(kustomization);
  const { conditions = [] } = status;
  if (!conditions.some((condition) => condition.type === "Ready" && condition.status === "True")) return status;
  const observedGeneration = kustomization.metadata.generation ?? 0;
  return { ...status, conditions: dropConditions(conditions, "Reconciling"), observedGeneration };
}

/** Ready=Unknown while a new revision is worked on; a run after a failure says so. */
export function progress(status: KustomizationStatus, message: string, moment: Moment): KustomizationStatus {
  const now = rfc3339(moment.now);
  const ready = status.conditions?.find(({ type }) => type === "Ready");
  const failed = ready?.status === "False" && ready.reason !== "DependencyNotReady";
  const reason: Reason = failed ? "ProgressingWithRetry" : "Progressing";
  const observedGeneration = moment.generation;
  let conditions = dropConditions(status.conditions ?? [], "Stalled");
  conditions = setCondition(
    conditions,
    { type: "Reconciling", status: "True", reason, message, observedGeneration },
    now,
  );
  if (!failed)
    conditions = setCondition(
      conditions,
      {
        type: "Ready",
        status: "Unknown",
        reason: "Progressing",
        message: "Reconciliation in progress",
        observedGeneration,
      },
      now,
    );
  return { ...status, conditions };
}

/** While the health of what was applied is waited for. */
export function unhealthyYet(status: KustomizationStatus, message: string, moment: Moment): KustomizationStatus {
  const condition = { type: "Healthy", status: "Unknown", reason: "Progressing", message } as const;
  const { conditions = [] } = status;
  const observedGeneration = moment.generation;
  return { ...status, conditions: setCondition(conditions, { ...condition, observedGeneration }, rfc3339(moment.now)) };
}

export function attempt(status: KustomizationStatus, revision: string): KustomizationStatus {
  return { ...status, lastAttemptedRevision: revision };
}

export interface Run {
  readonly revision: string;
  readonly originRevision?: string | undefined;
  /** `sha256:` digest of the built YAML; absent when nothing was built. */
  readonly digest?: string | undefined;
  readonly durationMillis: number;
}

export function succeed(
  status: KustomizationStatus,
  run: Run,
  moment: Moment,
  health: string | undefined,
): KustomizationStatus {
  const now = rfc3339(moment.now);
  const observedGeneration = moment.generation;
  let conditions = dropConditions(status.conditions ?? [], "Reconciling", "Stalled");
  conditions =
    health === undefined
      ? dropConditions(conditions, "Healthy")
      : setCondition(
          conditions,
          { type: "Healthy", status: "True", reason: "Succeeded", message: health, observedGeneration },
          now,
        );
  conditions = setCondition(
    conditions,
    {
      type: "Ready",
      status: "True",
      reason: "ReconciliationSucceeded",
      message: `Applied revision: ${run.revision}`,
      observedGeneration,
    },
    now,
  );
  return {
    ...status,
    conditions,
    observedGeneration,
    lastAppliedRevision: run.revision,
    ...(run.originRevision === undefined ? {} : { lastAppliedOriginRevision: run.originRevision }),
    history: record(status.history, run, "ReconciliationSucceeded", now),
  };
}

export interface Failure {
  readonly reason: Reason;
  readonly message: string;
  readonly stalled: boolean;
  /** Message of the Reconciling condition: the step that failed. Absent: Reconciling is dropped (waiting). */
  readonly step?: string | undefined;
  readonly unhealthy?: string | undefined;
}

export function fail(
  status: KustomizationStatus,
  failure: Failure,
  run: Run | undefined,
  moment: Moment,
): KustomizationStatus {
  const now = rfc3339(moment.now);
  const observedGeneration = moment.generation;
  const { reason, message } = failure;
  let conditions = dropConditions(status.conditions ?? [], "Reconciling", "Stalled");
  if (failure.stalled)
    conditions = setCondition(
      conditions,
      { type: "Stalled", status: "True", reason, message, observedGeneration },
      now,
    );
  else if (failure.step !== undefined)
    conditions = setCondition(
      conditions,
      {
        type: "Reconciling",
        status: "True",
        reason: "ProgressingWithRetry",
        message: failure.step,
        observedGeneration,
      },
      now,
    );
  if (failure.unhealthy !== undefined)
    conditions = setCondition(
      conditions,
      { type: "Healthy", status: "False", reason, message: failure.unhealthy, observedGeneration },
      now,
    );
  conditions = setCondition(conditions, { type: "Ready", status: "False", reason, message, observedGeneration }, now);
  return {
    ...status,
    conditions,
    ...(failure.stalled ? { observedGeneration } : {}),
    ...(run?.digest === undefined ? {} : { history: record(status.history, run, reason, now) }),
  };
}

/** Same digest and status are merged and moved to the front (fluxcd/pkg apis/meta history). */
function record(
  history: readonly Snapshot[] | undefined,
  run: Run,
  lastReconciledStatus: Reason,
  now: string,
): Snapshot[] {
  const old = history ?? [];
  const digest = run.digest ?? old[0]?.digest;
  if (digest === undefined) return [...old];
  const known = old.find((entry) => entry.digest === digest && entry.lastReconciledStatus === lastReconciledStatus);
  const entry: Snapshot = {
    digest,
    firstReconciled: known?.firstReconciled ?? now,
    lastReconciled: now,
    lastReconciledDuration: formatGoDuration(run.durationMillis),
    lastReconciledStatus,
    metadata: {
      revision: run.revision,
      ...(run.originRevision === undefined ? {} : { originRevision: run.originRevision }),
    },
    totalReconciliations: (known?.totalReconciliations ?? 0) + 1,
  };
  return [entry, ...old.filter((other) => other !== known)].slice(0, historyLimit);
}
