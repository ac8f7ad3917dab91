/** How a run ends: health, success, failure; each leaves its status, its events and the time of the next look. */
import type { Reason } from "../api/conditions.ts";
import type { ObjectRef } from "../api/kube-object.ts";
import type { Kustomization, ResourceRef } from "../api/kustomization.ts";
import type { HealthConclusion } from "../health/conclude-health.ts";
import { isUnavailable, KubeError } from "../kubernetes/cluster.ts";
import { advised } from "../runtime/advice.ts";
import { findGoDuration, formatGoDuration } from "../runtime/go-duration.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { redact } from "../substitute/redact.ts";
import { closeLedger } from "./close-ledger.ts";
import { dependencyEvent, failureEvent, healthEvent, successEvent } from "./events.ts";
import { explainFailure, unlessRefused } from "./explain-failure.ts";
import { explainHealth } from "./explain-health.ts";
import { asksForHealth, healthTargets } from "./health-targets.ts";
import type { Outcome, Phase, Ready } from "./ports.ts";
import { sourceRefOf } from "./source-ref.ts";
import {
  incarnationOf,
  readinessOf,
  type Run,
  retrySeconds,
  saveWaiting,
  step,
  targetOf,
  timeoutMillis,
} from "./run.ts";
import { UnopenedError } from "./kube-config.ts";
import { pruneSuperseded } from "./superseded.ts";
import { attempt, type Failure, fail, momentOf, type Run as RunRecord, succeed } from "./status.ts";

/** A fresh apply is watched for this long; a longer wait is a row, not a sleeping function. */
const inlineHealthMillis = 10_000;
/** What takes no longer is not worth a status patch of its own. */
const unsaidMillis = 2000;

const throttledSeconds = 5;
const soonSeconds = 1;

/** Pauses between later looks, in seconds: the first ones short, then one in half a minute. */
const laterPauses: readonly (readonly [sinceMillis: number, seconds: number])[] = [
  [30_000, 5],
  [120_000, 10],
  [300_000, 15],
];

export async function concludeHealth(run: Run, phase: Phase | undefined): Promise<Outcome> {
  const { kustomization, ports, revision = "" } = run;
  const targets = healthTargets(kustomization, wantedOf(run));
  const now = ports.clock.now();
  const start = phase?.phaseStart ?? now;
  const until = phase?.phaseUntil ?? start + timeoutMillis(kustomization);
  const waits: Phase = {
    phase: "health",
    phaseRev: revision,
    phaseOf: incarnationOf(run),
    phaseGen: kustomization.metadata.generation ?? 0,
    phaseStart: start,
    phaseUntil: until,
    phaseDigest: run.digest ?? phase?.phaseDigest ?? "",
    phaseChanged: run.changed || phase?.phaseChanged === true,
    phaseHealthy: phase ? phase.phaseHealthy : wasHealthy(kustomization),
  };
  run.digest = waits.phaseDigest || undefined;
  step(run, "Running health checks");
  const health = await waitForHealth(run, targets, phase ? 0 : Math.min(inlineHealthMillis, until - now));
  const elapsed = ports.clock.now() - start;
  if (health.kind === "waiting" && ports.clock.now() < until)
    return { kind: "health", revision, afterSeconds: pauseAfter(elapsed), phase: waits };
  if (health.kind !== "current") {
    const { namespace } = kustomization.metadata;
    const cause = await unlessRefused(() => explainHealth(health.open, namespace, targetOf(run).applier));
    throw new UnhealthyError(elapsed, health.message, cause);
  }
  const isPruned = await pruneSuperseded(run);
  const healthMillis = asksForHealth(kustomization, wantedOf(run)) ? elapsed : undefined;
  const success = await concludeSuccess(run, healthMillis, waits);
  if (!isPruned) return { ...success, afterSeconds: retrySeconds(kustomization) };
  return phase && hasReferences(run) ? { ...success, afterSeconds: soonSeconds } : success;
}

/** A wait that takes its time is told of in the status. */
async function waitForHealth(run: Run, targets: readonly ObjectRef[], millis: number): Promise<HealthConclusion> {
  const { ports, vanishing } = run;
  const readiness = readinessOf(run);
  const failFast = !ports.settings.kustomize.gates.DisableFailFastBehavior;
  const wait = (time: number) =>
    readiness.wait(targets, { vanishing, failFast, millis: ports.isDeadlineNear() ? 0 : time });
  const first = await wait(Math.min(millis, unsaidMillis));
  if (first.kind !== "waiting" || millis === 0) return first;
  await saveWaiting(run);
  return await wait(millis - unsaidMillis);
}

const wasHealthy = ({ status }: Kustomization): boolean =>
  status.conditions?.some((condition) => condition.type === "Healthy" && condition.status === "True") === true;

/** A change that was told during the wait was taken for a cause to look at the health: after it, at the change. */
const hasReferences = ({ kustomization: { spec } }: Run): boolean => (spec.postBuild?.substituteFrom ?? []).length > 0;

/** Of what is in the inventory only until its prune, or is not there and shall not be yet, nobody asks how it is. */
function wantedOf({ status, held, superseded, drifting }: Run): readonly ResourceRef[] {
  const missing = Object.entries(drifting.objects).filter(([, how]) => how === "unseen");
  const leaving = new Set([...held, ...superseded.map(({ id }) => id), ...missing.map(([id]) => id)]);
  return (status.inventory?.entries ?? []).filter(({ id }) => !leaving.has(id));
}

/** Nothing of the closure changed: one status patch, so that those who wait for the revision go on. */
export async function concludeUnchanged(run: Run): Promise<Outcome> {
  run.status = attempt(run.status, run.revision ?? "");
  run.digest = run.status.history?.[0]?.digest;
  return concludeHealth(run, undefined);
}

/** All is as it was: nothing to say, and the next look comes with the interval again. */
export function concludeLook(run: Run): Outcome {
  return { kind: "ready", revision: run.revision, ...againWith(run) };
}

function pauseAfter(elapsedMillis: number): number {
  return laterPauses.find(([since]) => elapsedMillis < since)?.[1] ?? 30;
}

async function concludeSuccess(
  run: Run,
  healthMillis: number | undefined,
  { phaseChanged, phaseHealthy }: Phase,
): Promise<Ready> {
  const { kustomization, ports, revision = "" } = run;
  const now = ports.clock.now();
  const passed = healthMillis === undefined ? undefined : `Health check passed in ${formatGoDuration(healthMillis)}`;
  const isNews = phaseChanged || !phaseHealthy;
  const message = passed === undefined || isNews ? passed : (healthyMessage(run) ?? passed);
  run.status = succeed(run.status, recordOf(run, now), momentOf(kustomization, now), message);
  await run.writer.save(run.status);
  if (passed !== undefined && isNews) await ports.event(healthEvent(kustomization, passed, revision));
  const interval = findGoDuration(kustomization.spec.interval) ?? 0;
  await ports.event(successEvent(kustomization, now - run.startedAt, interval, revision));
  await ports.announcer.ready();
  return { kind: "ready", revision, ...againWith(run) };
}

function againWith(run: Run): { readonly afterSeconds?: number } {
  const interval = findGoDuration(run.kustomization.spec.interval) ?? 0;
  const { again } = run.drifting;
  const pauses = [
    ...(needsInterval(run) ? [interval / 1000] : []),
    ...(again === undefined ? [] : [Math.max(soonSeconds, Math.ceil((again - run.ports.clock.now()) / 1000))]),
  ];
  return pauses.length > 0 ? { afterSeconds: Math.min(...pauses) } : {};
}

/** What no sweep can see is looked at with Flux's interval. */
function needsInterval({ kustomization: { spec }, vanishing, moving }: Run): boolean {
  return vanishing.size > 0 || moving || spec.kubeConfig !== undefined;
}

const healthyMessage = ({ status }: Run): string | undefined =>
  status.conditions?.find(({ type, status: value }) => type === "Healthy" && value === "True")?.message;

function recordOf(run: Run, now: number): RunRecord {
  return { revision: run.revision ?? "", digest: run.digest, durationMillis: now - run.startedAt };
}

class UnhealthyError extends ReconcileError {
  readonly unhealthy: string;

  constructor(elapsedMillis: number, message: string, cause: string | undefined) {
    const words = `health check failed after ${formatGoDuration(elapsedMillis)}: ${message}`;
    super("retry", "HealthCheckFailed", advised(words, cause));
    this.unhealthy = message;
  }
}

/** Whatever the run had done stays in its status; a defect of ours is no failure of the object and goes on. */
export async function concludeFailure(run: Run, error: unknown): Promise<Outcome> {
  const { kustomization, ports, revision } = run;
  await closeLedger(run, "failed");
  const failure = await explained(run, failureOf(run, error));
  // Our own limits are no news about the object: it stays as it was.
  if (failure.waits && failure.reason === "Progressing")
    return { kind: "waiting", revision: undefined, afterSeconds: throttledSeconds };
  const now = ports.clock.now();
  run.status = fail(run.status, failure, recordOf(run, now), momentOf(kustomization, now));
  await run.writer.save(run.status);
  if (failure.waits) {
    const { requeueDependencySeconds } = ports.settings.kustomize;
    if (failure.reason === "DependencyNotReady")
      await ports.event(dependencyEvent(kustomization, requeueDependencySeconds, revision ?? ""));
    return { kind: "waiting", revision, afterSeconds: requeueDependencySeconds };
  }
  if (failure.stalled) return concludeStalled(run, failure);
  const words = `${error instanceof UnopenedError ? "failed to build kube client: " : ""}${failure.message}`;
  await ports.event(failureEvent(kustomization, failure.reason, words, revision));
  return { kind: "retrying", revision, afterSeconds: retrySeconds(kustomization) };
}

/**
 * Nothing but a change of the spec helps, so what was seen is the revision that is there, and what was said already is
 * not said again.
 */
async function concludeStalled(run: Run, { reason, message }: Failure): Promise<Outcome> {
  const { kustomization, ports } = run;
  const said = kustomization.status.conditions?.find(({ type }) => type === "Stalled");
  const isNews = said?.message !== message || said.observedGeneration !== kustomization.metadata.generation;
  if (isNews) await ports.event(failureEvent(kustomization, reason, message, run.revision));
  const stored = run.revision ?? (await ports.sources.artifactOf(sourceRefOf(kustomization)))?.revision;
  return { kind: "stalled", revision: stored };
}

type FoundFailure = Failure & { readonly waits: boolean };

function failureOf(run: Run, error: unknown): FoundFailure {
  if (error instanceof ReconcileError) {
    const { disposition, reason } = error;
    return {
      reason,
      message: told(run, reason, error.message),
      stalled: disposition === "stall",
      waits: disposition === "wait",
      step: disposition === "retry" ? run.step : undefined,
      unhealthy: error instanceof UnhealthyError ? error.unhealthy : undefined,
    };
  }
  if (error instanceof KubeError && !isUnavailable(error))
    return {
      reason: "ReconciliationFailed",
      message: told(run, "ReconciliationFailed", error.message),
      stalled: false,
      waits: false,
      step: run.step,
    };
  throw error;
}

/** What waits says itself what it waits for. */
async function explained(run: Run, failure: FoundFailure): Promise<FoundFailure> {
  if (failure.waits || failure.unhealthy !== undefined) return failure;
  return { ...failure, message: advised(failure.message, await explainFailure(failure.message, run)) };
}

/** The API server repeats in its refusals what it was sent. */
const told = ({ secretValues }: Run, reason: Reason, message: string): string =>
  reason === "ReconciliationFailed" ? redact(message, secretValues) : message;
