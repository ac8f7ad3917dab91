/** What the engine wants to tell about an object; an adapter writes it as a Kubernetes Event. */
import type { ObjectRef } from "../api/kube-object.ts";

export interface EngineEvent {
  readonly type: "Normal" | "Warning";
  /** A Flux reason, e.g. `NewArtifact`. */
  readonly reason: string;
  readonly message: string;
  readonly involved: ObjectRef & { readonly uid?: string; readonly resourceVersion?: string };
  /** Annotations of the Event, e.g. `source.toolkit.fluxcd.io/revision`. */
  readonly annotations?: Readonly<Record<string, string>>;
}
