/** What the engine wants to tell about an object; an adapter writes it as a Kubernetes Event. */
import { type KubeObject, type ObjectRef, refOf } from "../api/kube-object.ts";

export interface EngineEvent {
  readonly type: "Normal" | "Warning";
  /** A Flux reason, e.g. `NewArtifact`. */
  readonly reason: string;
  readonly message: string;
  /** The stage it comes from, in Flux's words, e.g. `Reconcile`, `Apply`. */
  readonly action: string;
  readonly involved: ObjectRef & { readonly uid?: string; readonly resourceVersion?: string };
  /** The source that the object is made from. */
  readonly related?: ObjectRef;
  /** Annotations of the Event, e.g. `source.toolkit.fluxcd.io/revision`. */
  readonly annotations?: Readonly<Record<string, string>>;
}

export function eventAbout(
  object: KubeObject,
  { annotations = {}, ...told }: Omit<EngineEvent, "involved">,
): EngineEvent {
  const { uid, resourceVersion } = object.metadata;
  return {
    ...told,
    involved: { ...refOf(object), ...(uid ? { uid } : {}), ...(resourceVersion ? { resourceVersion } : {}) },
    ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
  };
}
