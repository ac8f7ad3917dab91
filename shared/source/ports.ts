/** What the reconcile of a source needs of the world, and how it ends. */
import type { Cluster } from "../kubernetes/cluster.ts";
import type { Table } from "../lease/ports.ts";
import type { BlobStore } from "../runtime/blob-store.ts";
import type { Clock } from "../runtime/clock.ts";
import type { EngineEvent } from "../runtime/event.ts";
import type { OpenTransport } from "./git/open-transport.ts";
import type { SnapshotLimits } from "./git/snapshot.ts";

export interface SourcePorts {
  /** The cluster of the object, with the rights of the source identity. */
  readonly cluster: Cluster;
  readonly table: Table;
  readonly blobs: Pick<BlobStore, "exists" | "put">;
  readonly openGit: OpenTransport;
  readonly clock: Clock;
  /** Name of the bucket behind `blobs`, for `status.artifact.url`. */
  readonly bucket: string;
  /** Keys the hash of credentials under which fetched artifacts are shared between clusters. */
  readonly hmacKey: Uint8Array;
  /** Throws when the lease may have passed to another worker; called before every write to the cluster. */
  readonly fence: () => void;
  /** Ends everything, from the function's deadline. */
  readonly signal: AbortSignal;
  /** Flux's limits have no counterpart; the engine's defaults where absent. */
  readonly limits?: SnapshotLimits;
}

export interface SourceOutcome {
  readonly kind: "ready" | "failed" | "stalled" | "suspended" | "deleted";
  /** The revision that is stored, also after a failure. */
  readonly revision?: string;
  /** The dependants have not been told of the stored revision: tell them, then call `markAnnounced`. */
  readonly announceNeeded: boolean;
  /** Seconds since the epoch; absent where only a trigger helps. */
  readonly nextAtSeconds?: number;
  readonly events: readonly EngineEvent[];
  /** The object that was read, for the row; absent when there was none. */
  readonly seen?: { readonly uid: string; readonly generation: number };
}
