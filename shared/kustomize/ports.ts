/** What the reconcile of a Kustomization needs of the world. */
import type { KubeObject, ObjectRef } from "../api/kube-object.ts";
import type { KnownActor } from "../audit/actors.ts";
import type { FoundChange } from "../audit/culprit.ts";
import type { FluxSettings } from "../config/flux-settings.ts";
import type { DriftMode } from "../drift/mode.ts";
import type { DriftRecords } from "../drift/records.ts";
import type { Cluster } from "../kubernetes/cluster.ts";
import type { Spokes } from "../kubernetes/spokes.ts";
import type { Item } from "../lease/ports.ts";
import type { Clock } from "../runtime/clock.ts";
import type { EngineEvent } from "../runtime/event.ts";
import type { Log } from "../runtime/log.ts";
import type { KustomizationOverlay, RenderWarning } from "../render/protocol.ts";
import type { AppliedStates } from "./applied-state.ts";

/** The artifact that a source last stored, as the engine recorded it; nothing is believed from the cluster's status. */
export interface StoredArtifact {
  readonly revision: string;
  /** `sha256:<hex>` of the tar.gz. */
  readonly digest: string;
  readonly blobKey: string;
  /** Key of the source's row. */
  readonly sourceKey: string;
  readonly originRevision?: string;
  /** Seconds since the epoch at which the revision was stored first. */
  readonly storedAt?: number;
}

export interface Sources {
  /** Undefined while the source has stored nothing. */
  artifactOf(source: ObjectRef & { namespace: string }): Promise<StoredArtifact | undefined>;
}

export interface BuildRequest {
  readonly artifact: StoredArtifact;
  readonly path: string;
  readonly overlay: KustomizationOverlay;
  /** Closure that was applied last; an unchanged one is answered without a build. */
  readonly knownClosure?: string | undefined;
  /** Flux's `--no-remote-bases`: nothing outside of the artifact may be part of the build. */
  readonly noRemoteBases?: boolean;
  /** Called when the path was found and the build begins. */
  readonly began?: () => void;
}

export type Build = (
  | {
      readonly kind: "built";
      readonly yaml: string;
      readonly closure: string;
      readonly digest: string;
      readonly warnings?: readonly RenderWarning[];
    }
  | { readonly kind: "unchanged"; readonly closure: string }
) & {
  /** Something outside of the artifact is part of it and may change without a new revision. */
  readonly moving?: boolean;
};

export interface Renderer {
  /** @throws ReconcileError BuildFailed, ArtifactFailed; `wait` while the build is throttled */
  build(request: BuildRequest): Promise<Build>;
}

/** Tells other objects of the same cluster that they may need work. */
export interface Announcer {
  trigger(ref: ObjectRef, why: string): Promise<void>;
  /** Remembers that this object waits for a Kustomization, so that it is told at once. */
  awaits(dependency: { namespace: string; name: string }): Promise<void>;
  /** Takes that back. */
  awaitsNoMore(dependency: { namespace: string; name: string }): Promise<void>;
  /** Tells all who wait for this object. */
  ready(): Promise<void>;
  /** Tells the Kustomization that applied this object that it is gone. */
  gone(object: KubeObject): Promise<void>;
}

export interface KustomizePorts {
  /** The cluster with the engine's own rights; every use impersonates. */
  readonly cluster: Cluster;
  /** kube-system uid of the API server. */
  readonly server: string;
  /** Clusters that a `kubeConfig` leads to. */
  readonly spokes: Spokes;
  readonly settings: FluxSettings;
  /** Called with what the root's build says of Flux's flags, before anything of it is applied. */
  readonly storeSettings: (objects: readonly KubeObject[]) => Promise<FluxSettings>;
  readonly sources: Sources;
  readonly renderer: Renderer;
  readonly states: AppliedStates;
  readonly announcer: Announcer;
  /** For Flux objects in another cluster of the fleet. */
  readonly announcerOf: (cluster: string) => Pick<Announcer, "trigger">;
  readonly clock: Clock;
  readonly log: Log;
  readonly event: (event: EngineEvent) => Promise<void>;
  /** Throws when the lease may have passed on: called before every write to the cluster. */
  readonly fence: () => void;
  readonly drifts: DriftRecords;
  /** Who made a change that was found, as far as anybody knows. */
  readonly findCulprit: (change: FoundChange) => Promise<KnownActor | undefined>;
  /** Keys the digests of values that are shown in place of them; asked for only when there is drift. */
  readonly digestKey: () => Promise<Uint8Array>;
  /** What the cluster does about drift, unless the object says otherwise. */
  readonly driftMode: DriftMode;
  /** So many objects differ from Git that did not before, though nothing wanted had changed. */
  readonly drifted: (objects: number) => void;
  /** The run must record what is done and be continued. */
  readonly isDeadlineNear: () => boolean;
}

/** What a run leaves on its row for the next one; strings and numbers only. */
export interface Phase {
  readonly phase: "health";
  readonly phaseRev: string;
  /** `<kube-system uid>/<object's uid>`: a wait of another incarnation is none of ours. */
  readonly phaseOf: string;
  readonly phaseGen: number;
  /** Epoch milliseconds. */
  readonly phaseStart: number;
  readonly phaseUntil: number;
  readonly phaseDigest: string;
  /** Whether the revision changed objects: decides about the event. */
  readonly phaseChanged: boolean;
  /** Whether it was healthy before the wait: then it is no news that it is so again. */
  readonly phaseHealthy: boolean;
}

export function parsePhase(row: Item): Phase | undefined {
  const { phase, phaseRev, phaseOf, phaseGen, phaseStart, phaseUntil, phaseDigest } = row;
  if (phase !== "health" || typeof phaseRev !== "string" || typeof phaseOf !== "string") return undefined;
  if (typeof phaseGen !== "number" || typeof phaseStart !== "number" || typeof phaseUntil !== "number")
    return undefined;
  if (typeof phaseDigest !== "string") return undefined;
  const [phaseChanged, phaseHealthy] = [row.phaseChanged === true, row.phaseHealthy === true];
  return { phase, phaseRev, phaseOf, phaseGen, phaseStart, phaseUntil, phaseDigest, phaseChanged, phaseHealthy };
}

/** How a run ended; the handler turns it into a release of the lease. */
export type Outcome =
  | Ready
  | { readonly kind: "stalled"; readonly revision?: string | undefined }
  | { readonly kind: "waiting" | "retrying"; readonly revision?: string | undefined; readonly afterSeconds: number }
  | { readonly kind: "health"; readonly revision: string; readonly afterSeconds: number; readonly phase: Phase }
  | { readonly kind: "continued"; readonly progress: string }
  | { readonly kind: "suspended" }
  | { readonly kind: "gone" };

export interface Ready {
  readonly kind: "ready";
  readonly revision?: string | undefined;
  /** It comes again without a cause: for what no sweep can see, and for what is left to prune. */
  readonly afterSeconds?: number;
}
