/** The events of a Kustomization, in Flux's words. */
import { type KubeObject, type ObjectRef, subjectOf } from "../api/kube-object.ts";
import type { Reason } from "../api/conditions.ts";
import type { Kustomization } from "../api/kustomization.ts";
import { type EngineEvent, eventAbout } from "../runtime/event.ts";
import { formatGoDuration } from "../runtime/go-duration.ts";

/** Annotations of the object that all of its events carry. */
const eventPrefix = "event.toolkit.fluxcd.io/";

export interface AppliedLine {
  readonly ref: ObjectRef;
  readonly action: "created" | "configured" | "deleted" | "skipped";
}

export function appliedEvent(object: KubeObject, lines: readonly AppliedLine[], revision: string): EngineEvent {
  return event(object, "Normal", "Progressing", textOf(lines), revision);
}

export function finalizedEvent(object: Kustomization, lines: readonly AppliedLine[]): EngineEvent {
  return event(object, "Normal", readyReason(object), textOf(lines), object.status.lastAppliedRevision);
}

/** Its ServiceAccount is gone: what it had applied is left in the cluster. */
export function unprunedEvent(object: Kustomization, left: readonly ObjectRef[]): EngineEvent {
  const message = `unable to prune objects: \n${left.map(subjectOf).join("\n")}`;
  return event(object, "Warning", readyReason(object), message, object.status.lastAppliedRevision);
}

export function terminationEvent(object: Kustomization): EngineEvent {
  const message = "failed to wait for resources termination";
  return event(object, "Warning", readyReason(object), message, object.status.lastAppliedRevision);
}

/** Events of an object that is being deleted bear the reason that its Ready condition had. */
const readyReason = ({ status }: Kustomization): Reason =>
  status.conditions?.find(({ type }) => type === "Ready")?.reason ?? "Progressing";

export const textOf = (lines: readonly AppliedLine[]): string =>
  lines.map(({ ref, action }) => `${subjectOf(ref)} ${action}`).join("\n");

export function healthEvent(object: KubeObject, message: string, revision: string): EngineEvent {
  return event(object, "Normal", "Progressing", message, revision);
}

export function successEvent(
  object: KubeObject,
  millis: number,
  intervalMillis: number,
  revision: string,
): EngineEvent {
  const message = `Reconciliation finished in ${formatGoDuration(millis)}, next run in ${formatGoDuration(intervalMillis)}`;
  const told = event(object, "Normal", "ReconciliationSucceeded", message, revision);
  return { ...told, annotations: { ...told.annotations, "kustomize.toolkit.fluxcd.io/commit_status": "update" } };
}

export function failureEvent(object: KubeObject, reason: Reason, message: string, revision?: string): EngineEvent {
  return event(object, "Warning", reason, message, revision);
}

export function dependencyEvent(object: KubeObject, seconds: number, revision: string): EngineEvent {
  const message = `Dependencies do not meet ready condition, retrying in ${formatGoDuration(seconds * 1000)}`;
  return event(object, "Normal", "DependencyNotReady", message, revision);
}

function event(
  object: KubeObject,
  type: EngineEvent["type"],
  reason: Reason,
  message: string,
  revision: string | undefined,
): EngineEvent {
  const own = Object.entries(object.metadata.annotations ?? {}).filter(([name]) => name.startsWith(eventPrefix));
  const annotations = {
    ...Object.fromEntries(own),
    ...(revision === undefined ? {} : { "kustomize.toolkit.fluxcd.io/revision": revision }),
  };
  return eventAbout(object, { type, reason, message, annotations });
}
