/** The events of a Kustomization, in Flux's words. */
import { type KubeObject, type ObjectRef, subjectOf } from "../api/kube-object.ts";
import type { Reason } from "../api/conditions.ts";
import { type EngineEvent, eventAbout } from "../runtime/event.ts";
import { formatGoDuration } from "../runtime/go-duration.ts";

export interface AppliedLine {
  readonly ref: ObjectRef;
  readonly action: "created" | "configured" | "deleted";
}

export function appliedEvent(object: KubeObject, lines: readonly AppliedLine[], revision: string): EngineEvent {
  const message = lines.map(({ ref, action }) => `${subjectOf(ref)} ${action}`).join("\n");
  return event(object, "Normal", "Progressing", message, revision);
}

export function deletedEvent(object: KubeObject, refs: readonly ObjectRef[], revision?: string): EngineEvent {
  return event(object, "Normal", "Progressing", refs.map((ref) => `${subjectOf(ref)} deleted`).join("\n"), revision);
}

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
  return event(object, "Normal", "ReconciliationSucceeded", message, revision);
}

export function failureEvent(object: KubeObject, reason: Reason, message: string, revision?: string): EngineEvent {
  return event(object, "Warning", reason, message, revision);
}

export function dependencyEvent(object: KubeObject, seconds: number, revision: string): EngineEvent {
  const message = `Dependencies do not meet ready condition, retrying in ${seconds}s`;
  return event(object, "Normal", "DependencyNotReady", message, revision);
}

function event(
  object: KubeObject,
  type: EngineEvent["type"],
  reason: Reason,
  message: string,
  revision: string | undefined,
): EngineEvent {
  const annotations = revision === undefined ? {} : { "kustomize.toolkit.fluxcd.io/revision": revision };
  return eventAbout(object, { type, reason, message, annotations });
}
