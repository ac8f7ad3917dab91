/** The events of a Kustomization, in Flux's words. */
import { type KubeObject, type ObjectRef, refOf } from "../api/kube-object.ts";
import type { Reason } from "../api/conditions.ts";
import type { EngineEvent } from "../runtime/event.ts";
import { formatGoDuration } from "../runtime/go-duration.ts";

export interface AppliedLine {
  readonly ref: ObjectRef;
  readonly action: "created" | "configured" | "deleted";
}

export const subjectOfRef = ({ kind, namespace, name }: ObjectRef): string =>
  namespace ? `${kind}/${namespace}/${name}` : `${kind}/${name}`;

export function appliedEvent(object: KubeObject, lines: readonly AppliedLine[], revision: string): EngineEvent {
  const message = lines.map(({ ref, action }) => `${subjectOfRef(ref)} ${action}`).join("\n");
  return event(object, "Normal", "Progressing", message, revision);
}

export function deletedEvent(object: KubeObject, refs: readonly ObjectRef[], revision?: string): EngineEvent {
  return event(object, "Normal", "Progressing", refs.map((ref) => `${subjectOfRef(ref)} deleted`).join("\n"), revision);
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
  const { uid, resourceVersion } = object.metadata;
  return {
    type,
    reason,
    message,
    involved: { ...refOf(object), ...(uid ? { uid } : {}), ...(resourceVersion ? { resourceVersion } : {}) },
    ...(revision === undefined ? {} : { annotations: { "kustomize.toolkit.fluxcd.io/revision": revision } }),
  };
}
