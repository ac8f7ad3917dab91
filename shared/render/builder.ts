/** The port to whatever builds: it fetches nothing, and says what it lacks. */
import type { Build, BuildRequest } from "../kustomize/ports.ts";
import type { RemoteContent, RemoteNeed } from "./protocol.ts";

/** Remote content and where it is stored. */
export interface StoredRemote extends RemoteContent {
  readonly blobKey: string;
  /** It is the same for ever, as a commit is. */
  readonly pinned: boolean;
}

export interface BuilderRequest extends BuildRequest {
  /** What is known so far of the content of remote references. */
  readonly remotes?: readonly StoredRemote[];
}

export interface Builder {
  /** @throws ReconcileError BuildFailed, ArtifactFailed; `wait` while the build is throttled */
  build(request: BuilderRequest): Promise<Build | { readonly kind: "needs"; readonly needs: readonly RemoteNeed[] }>;
}

/** Fetches what a build lacks, or finds what was fetched. */
export interface RemoteBases {
  /** Asks the remote side each time. @throws ReconcileError retry, BuildFailed */
  resolve(need: RemoteNeed): Promise<StoredRemote>;
}
