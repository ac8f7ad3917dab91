/** The events of a Kustomization, in Flux's words. */
import { type KubeObject, type ObjectRef, subjectOf } from "../api/kube-object.ts";
import type { Reason } from "../api/conditions.ts";
import type { Kustomization } from "../api/kustomization.ts";
import { type EngineEvent, eventAbout } from "../runtime/event.ts";
import { formatGoDuration } from "../runtime/go-duration.ts";
import type { SourceRef } from "./source-ref.ts";

/** Annotations of the object that all of its events carry. */
const eventPrefix = "event.toolkit.fluxcd.io/";

/** Stages that Flux's Kustomization controller tells of. */
type Action =
  | "Reconcile"
  | "CheckDependencies"
  | "ResolveSource"
  | "Apply"
  | "Prune"
  | "HealthCheck"
  | "Finalize"
  | "WaitForTermination";

export interface AppliedLine {
  readonly ref: ObjectRef;
  readonly action: "created" | "configured" | "deleted" | "skipped";
  /** Of what was written. */
  readonly generation?: number | undefined;
}

export function appliedEvent(
  object: KubeObject,
  lines: readonly AppliedLine[],
  revision: string,
  action: "Apply" | "Prune" = "Apply",
): EngineEvent {
  return event(object, ["Normal", "Progressing", action], textOf(lines), revision);
}

export function finalizedEvent(object: Kustomization, lines: readonly AppliedLine[]): EngineEvent {
  return event(object, ["Normal", readyReason(object), "Finalize"], textOf(lines), object.status.lastAppliedRevision);
}

/** Its ServiceAccount is gone: what it had applied is left in the cluster. */
export function unprunedEvent(object: Kustomization, left: readonly ObjectRef[]): EngineEvent {
  const message = `unable to prune objects: \n${left.map(subjectOf).join("\n")}`;
  return event(object, ["Warning", readyReason(object), "Finalize"], message, object.status.lastAppliedRevision);
}

export function terminationEvent(object: Kustomization): EngineEvent {
  const message = "failed to wait for resources termination";
  return event(
    object,
    ["Warning", readyReason(object), "WaitForTermination"],
    message,
    object.status.lastAppliedRevision,
  );
}

/** Events of an object that is being deleted bear the reason that its Ready condition had. */
const readyReason = ({ status }: Kustomization): Reason =>
  status.conditions?.find(({ type }) => type === "Ready")?.reason ?? "Progressing";

export const textOf = (lines: readonly AppliedLine[]): string =>
  lines.map(({ ref, action }) => `${subjectOf(ref)} ${action}`).join("\n");

export function healthEvent(object: KubeObject, message: string, revision: string): EngineEvent {
  return event(object, ["Normal", "Progressing", "HealthCheck"], message, revision);
}

export function successEvent(
  object: KubeObject,
  millis: number,
  intervalMillis: number,
  revision: string,
): EngineEvent {
  const message = `Reconciliation finished in ${formatGoDuration(millis)}, next run in ${formatGoDuration(intervalMillis)}`;
  const told = event(object, ["Normal", "ReconciliationSucceeded", "Reconcile"], message, revision);
  return { ...told, annotations: { ...told.annotations, "kustomize.toolkit.fluxcd.io/commit_status": "update" } };
}

export function failureEvent(object: KubeObject, reason: Reason, message: string, revision?: string): EngineEvent {
  return event(object, ["Warning", reason, failedAction(reason, revision)], message, revision);
}

/** Failures that Flux tells of where they happen; the others end the whole reconcile. */
function failedAction(reason: Reason, revision: string | undefined): Action {
  if (reason === "AccessDenied") return "ResolveSource";
  if (reason !== "InvalidCELExpression") return "Reconcile";
  // Expressions for health are compiled before the source is looked at, those of dependencies after.
  return revision === undefined ? "HealthCheck" : "CheckDependencies";
}

/** With the gate CancelHealthCheckOnNewRevision. */
export function canceledEvent(object: KubeObject, { kind, namespace, name }: SourceRef, revision: string): EngineEvent {
  const message = `Health checks canceled due to new reconciliation triggered by ${kind}/${namespace}/${name}`;
  return event(object, ["Normal", "HealthCheckCanceled", "HealthCheck"], message, revision);
}

/** A prune that waits for a person's approval, in the words of the condition. */
export function heldEvent(
  object: KubeObject,
  hold: { reason: Reason; message: string },
  revision?: string,
): EngineEvent {
  return event(object, ["Warning", hold.reason, "Prune"], hold.message, revision);
}

/** Objects that differed from Git though Git had not changed, and what was done about it. */
export function driftEvent(
  object: KubeObject,
  reason: "DriftDetected" | "DriftFlapping",
  message: string,
  revision: string,
): EngineEvent {
  return event(object, ["Warning", reason, "Apply"], message, revision);
}

export function dependencyEvent(object: KubeObject, seconds: number, revision: string): EngineEvent {
  const message = `Dependencies do not meet ready condition, retrying in ${formatGoDuration(seconds * 1000)}`;
  return event(object, ["Normal", "DependencyNotReady", "CheckDependencies"], message, revision);
}

function event(
  object: KubeObject,
  [type, reason, action]: readonly [EngineEvent["type"], Reason, Action],
  message: string,
  revision: string | undefined,
): EngineEvent {
  const own = Object.entries(object.metadata.annotations ?? {}).filter(([name]) => name.startsWith(eventPrefix));
  const annotations = {
    ...Object.fromEntries(own),
    ...(revision === undefined ? {} : { "kustomize.toolkit.fluxcd.io/revision": revision }),
  };
  return eventAbout(object, { type, reason, action, message, annotations });
}
