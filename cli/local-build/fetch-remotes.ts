/** Remote bases for one local build: fetched by the engine's own clients, kept in memory, never by the builder. */
import { remoteBasesOverNetwork } from "../../shared/remote/over-network.ts";
import type { MountedRemote } from "../../shared/render/mounts.ts";
import { MAX_REMOTES, type RemoteNeed, RenderError } from "../../shared/render/protocol.ts";

export interface RemoteFetcher {
  /** @throws RenderError, ReconcileError BuildFailed naming the place */
  fetch(needs: readonly RemoteNeed[]): Promise<readonly MountedRemote[]>;
}

/** What the user's machine reaches is the user's to reach. */
export function createRemoteFetcher(): RemoteFetcher {
  const blobs = new Map<string, Uint8Array>();
  const bases = remoteBasesOverNetwork(
    {
      get: async (key) => blobs.get(key),
      put: async (key, bytes) => void blobs.set(key, bytes),
      exists: async (key) => blobs.has(key),
    },
    "machine",
  );
  let count = 0;
  return {
    fetch: async (needs) => {
      count += needs.length;
      if (count > MAX_REMOTES)
        throw new RenderError("BuildFailed", `the build refers to more than ${MAX_REMOTES} remote bases`);
      return Promise.all(
        needs.map(async (need) => {
          const remote = await bases.resolve(need);
          return { ...remote, archive: blobs.get(remote.blobKey) ?? new Uint8Array() };
        }),
      );
    },
  };
}
