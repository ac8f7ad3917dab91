/** How a run ends: health, success, failure; each leaves its status, its events and the time of the next look. */
import { isUnavailable, KubeError } from "../kubernetes/cluster.ts";
import { findGoDuration, formatGoDuration } from "../runtime/go-duration.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { dependencyEvent, failureEvent, healthEvent, successEvent } from "./events.ts";
import { healthTargets, watchHealth } from "./health.ts";
import type { Outcome, Phase } from "./ports.ts";
import { requeueDependencySeconds } from "./require.ts";
import { type Run, retrySeconds, saveProgress, step, timeoutMillis } from "./run.ts";
import { attempt, type Failure, fail, momentOf, type Run as RunRecord, succeed } from "./status.ts";

/** A fresh apply is watched for this long; a longer wait is a row, not a sleeping function. */
const inlineHealthMillis = 10_000;

/** Pauses between later looks, in seconds: the first ones short, then one in half a minute. */
const laterPauses: readonly (readonly [sinceMillis: number, seconds: number])[] = [
  [30_000, 5],
  [120_000, 10],
  [300_000, 15],
];

export async function concludeHealth(run: Run, phase: Phase | undefined): Promise<Outcome> {
  const { kustomization, ports, applier, revision = "" } = run;
  const targets = healthTargets(kustomization, run.status.inventory?.entries ?? []);
  const now = ports.clock.now();
  const start = phase?.phaseStart ?? now;
  const until = phase?.phaseUntil ?? start + timeoutMillis(kustomization);
  const waits: Phase = {
    phase: "health",
    phaseRev: revision,
    phaseGen: kustomization.metadata.generation ?? 0,
    phaseStart: start,
    phaseUntil: until,
    phaseDigest: run.digest ?? phase?.phaseDigest ?? "",
    phaseChanged: run.changed || phase?.phaseChanged === true,
  };
  run.digest = waits.phaseDigest || undefined;
  step(run, "Running health checks");
  const first = await watchHealth(applier, targets, { clock: ports.clock, millis: 0 });
  if (first.kind === "waiting" && !phase) await saveProgress(run, run.status.inventory?.entries ?? []);
  const millis = ports.isDeadlineNear() ? 0 : Math.min(inlineHealthMillis, until - ports.clock.now());
  const health =
    first.kind === "waiting" && !phase ? await watchHealth(applier, targets, { clock: ports.clock, millis }) : first;
  const elapsed = ports.clock.now() - start;
  if (health.kind === "waiting" && ports.clock.now() < until)
    return { kind: "health", revision, afterSeconds: pauseAfter(elapsed), phase: waits };
  if (health.kind !== "current") throw new UnhealthyError(elapsed, health.message);
  return concludeSuccess(run, targets.length > 0 ? elapsed : undefined, waits.phaseChanged);
}

/** Nothing of the closure changed: one status patch, so that those who wait for the revision go on. */
export async function concludeUnchanged(run: Run): Promise<Outcome> {
  run.status = attempt(run.status, run.revision ?? "");
  run.digest = run.status.history?.[0]?.digest;
  return concludeHealth(run, undefined);
}

function pauseAfter(elapsedMillis: number): number {
  return laterPauses.find(([since]) => elapsedMillis < since)?.[1] ?? 30;
}

async function concludeSuccess(run: Run, healthMillis: number | undefined, changed: boolean): Promise<Outcome> {
  const { kustomization, ports, revision = "" } = run;
  const now = ports.clock.now();
  const passed = healthMillis === undefined ? undefined : `Health check passed in ${formatGoDuration(healthMillis)}`;
  const wasHealthy = kustomization.status.conditions?.some(
    ({ type, status }) => type === "Healthy" && status === "True",
  );
  const message = wasHealthy === true && !changed ? (healthyMessage(run) ?? passed) : passed;
  run.status = succeed(run.status, recordOf(run, now), momentOf(kustomization, now), message);
  await run.writer.save(run.status);
  if (passed !== undefined && (wasHealthy !== true || changed))
    await ports.event(healthEvent(kustomization, passed, revision));
  const interval = findGoDuration(kustomization.spec.interval) ?? 0;
  await ports.event(successEvent(kustomization, now - run.startedAt, interval, revision));
  await ports.announcer.ready();
  return { kind: "ready", revision };
}

const healthyMessage = ({ status }: Run): string | undefined =>
  status.conditions?.find(({ type }) => type === "Healthy")?.message;

function recordOf(run: Run, now: number): RunRecord {
  return { revision: run.revision ?? "", digest: run.digest, durationMillis: now - run.startedAt };
}

class UnhealthyError extends ReconcileError {
  readonly unhealthy: string;

  constructor(elapsedMillis: number, message: string) {
    super("retry", "HealthCheckFailed", `health check failed after ${formatGoDuration(elapsedMillis)}: ${message}`);
    this.unhealthy = message;
  }
}

/** Whatever the run had done stays in its status; a defect of ours is no failure of the object and goes on. */
export async function concludeFailure(run: Run, error: unknown): Promise<Outcome> {
  const { kustomization, ports, revision } = run;
  const failure = failureOf(run, error);
  const now = ports.clock.now();
  run.status = fail(run.status, failure, recordOf(run, now), momentOf(kustomization, now));
  await run.writer.save(run.status);
  if (failure.waits) {
    if (failure.reason === "DependencyNotReady")
      await ports.event(dependencyEvent(kustomization, requeueDependencySeconds, revision ?? ""));
    return { kind: "waiting", revision, afterSeconds: requeueDependencySeconds };
  }
  await ports.event(failureEvent(kustomization, failure.reason, failure.message, revision));
  if (failure.stalled) return { kind: "stalled", revision };
  return { kind: "retrying", revision, afterSeconds: retrySeconds(kustomization) };
}

function failureOf(run: Run, error: unknown): Failure & { readonly waits: boolean } {
  if (error instanceof ReconcileError) {
    const { disposition, reason, message } = error;
    return {
      reason,
      message,
      stalled: disposition === "stall",
      waits: disposition === "wait",
      step: disposition === "retry" ? run.step : undefined,
      unhealthy: error instanceof UnhealthyError ? error.unhealthy : undefined,
    };
  }
  if (error instanceof KubeError && !isUnavailable(error))
    return { reason: "ReconciliationFailed", message: error.message, stalled: false, waits: false, step: run.step };
  throw error;
}
