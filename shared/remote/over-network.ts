/** Remote bases over the real network; the clients behind it are loaded when a build first needs one. */
import type { RemoteBases } from "../render/builder.ts";
import type { Reach } from "../network/reach.ts";
import type { BlobStore } from "../runtime/blob-store.ts";
import { openTransportWithin } from "../source/git/open-transport.ts";

export function remoteBasesOverNetwork(blobs: Pick<BlobStore, "get" | "put" | "exists">, reach: Reach): RemoteBases {
  let bases: Promise<RemoteBases> | undefined;
  const open = async (): Promise<RemoteBases> => {
    const [{ createRemoteBases }, { createHttpFiles }, { createRepositories }] = await Promise.all([
      import("./remote-bases.ts"),
      import("./http-files.ts"),
      import("./repositories.ts"),
    ]);
    const repositories = createRepositories(openTransportWithin(reach), reach);
    return createRemoteBases({ blobs, files: createHttpFiles(reach), repositories });
  };
  return {
    async resolve(need) {
      bases ??= open();
      return (await bases).resolve(need);
    },
  };
}
