/** What a cluster's inventories hold, as its last sweep remembers it: read again when it is older than half a minute. */
import type { BlobStore } from "../runtime/blob-store.ts";
import type { Clock } from "../runtime/clock.ts";
import { recallMemory } from "../sweep/memory.ts";
import { indexOwned, type OwnedObjects } from "./relevance.ts";

const keptMillis = 30_000;

interface Kept {
  readonly at: number;
  readonly fresh: OwnedObjects;
  readonly owned: OwnedObjects;
}

export interface OwnedPorts {
  readonly blobs: BlobStore;
  readonly clock: Clock;
}

/** Empty while the cluster was never swept: its first sweep looks at everything anyway. */
export function createOwnedObjects({ blobs, clock }: OwnedPorts): (cluster: string) => Promise<OwnedObjects> {
  const kept = new Map<string, Kept>();
  return async (cluster) => {
    const known = kept.get(cluster);
    if (known && clock.now() - known.at < keptMillis) return known.owned;
    const fresh = indexOwned(Object.keys((await recallMemory(blobs, cluster))?.clean ?? {}));
    // What has just been changed by hand is not clean, but was: it may be changed again.
    const owned = new Set([...fresh, ...(known?.fresh ?? [])]);
    if (fresh.size > 0) kept.set(cluster, { at: clock.now(), fresh, owned });
    return owned;
  };
}
