/** Remote bases over the real network; the clients behind it are loaded when a build first needs one. */
import type { RemoteBases } from "../render/builder.ts";
import type { BlobStore } from "../runtime/blob-store.ts";
import { openTransport } from "../source/git/open-transport.ts";

export interface RemoteAddresses {
  /** False only on one machine, where repositories are served on loopback: plain HTTP and private addresses as well. */
  readonly onlyPublic: boolean;
}

export function remoteBasesOverNetwork(
  blobs: Pick<BlobStore, "get" | "put" | "exists">,
  { onlyPublic }: RemoteAddresses,
): RemoteBases {
  let bases: Promise<RemoteBases> | undefined;
  const open = async (): Promise<RemoteBases> => {
    const [{ createRemoteBases }, { createHttpFiles }, { createRepositories }] = await Promise.all([
      import("./remote-bases.ts"),
      import("./http-files.ts"),
      import("./repositories.ts"),
    ]);
    const repositories = createRepositories(openTransport, onlyPublic);
    return createRemoteBases({ blobs, files: createHttpFiles({ onlyPublic }), repositories });
  };
  return {
    async resolve(need) {
      bases ??= open();
      return (await bases).resolve(need);
    },
  };
}
