/**
 * Fetches remote bases as kustomize 5.8 would, with the engine's own clients: a file over HTTPS, or a directory of a Git
 * repository. What was fetched is stored under its digest and found again by URL and entity tag, or by commit.
 */
import type { RemoteBases, StoredRemote } from "../render/builder.ts";
import { remoteFileName } from "../render/mounts.ts";
import { DEFAULT_RENDER_LIMITS, type RemoteNeed } from "../render/protocol.ts";
import type { BlobStore } from "../runtime/blob-store.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { redactUrls } from "../runtime/redact-urls.ts";
import { createArchive } from "../source/archive.ts";
import { GitError } from "../source/git/transport.ts";
import { type HttpFiles, RemoteFileError } from "./http-files.ts";
import { looksLikeManifests } from "./looks-like-manifests.ts";
import { type RepositoryUrl, parseRepositoryUrl } from "./repository-url.ts";
import type { Repositories } from "./repositories.ts";
import { createStoredBases } from "./stored-bases.ts";

export interface RemoteBasesPorts {
  readonly blobs: Pick<BlobStore, "get" | "put" | "exists">;
  readonly files: HttpFiles;
  readonly repositories: Repositories;
}

const fileTimeoutMillis = 27_000;

export function createRemoteBases({ blobs, files, repositories }: RemoteBasesPorts): RemoteBases {
  const stored = createStoredBases(blobs);

  const resolveFile = async (need: RemoteNeed): Promise<StoredRemote> => {
    const known = await stored.findFile(need.url);
    const options = { etag: known?.etag, timeoutMillis: fileTimeoutMillis, maxBytes: DEFAULT_RENDER_LIMITS.fileBytes };
    const answer = await files.get(need.url, options);
    if (answer.kind === "refused") throw new RemoteFileError(`HTTP Error: status code ${answer.status}`);
    if (answer.kind === "unchanged" && known) return { ...need, ...known, kind: "file", path: "", pinned: false };
    const bytes = answer.kind === "content" ? answer.bytes : new Uint8Array();
    if (need.as === "resource" && !looksLikeManifests(bytes)) throw new RemoteFileError("it answers no manifests");
    const archive = await createArchive([{ path: remoteFileName, kind: "file", content: bytes }]);
    const blobKey = await stored.put(archive);
    const etag = answer.kind === "content" ? answer.etag : undefined;
    if (etag !== undefined) await stored.noteFile(need.url, { etag, digest: archive.digest, blobKey });
    return { ...need, kind: "file", path: "", digest: archive.digest, blobKey, pinned: false };
  };

  const resolveDirectory = async (need: RemoteNeed, url: RepositoryUrl): Promise<StoredRemote> => {
    const found = await repositories.open(url, async (repository) => {
      const { commit, pinned } = await repository.resolve();
      const known = await stored.findCommit(url.clone, commit);
      if (known) return { ...known, pinned };
      const archive = await createArchive(await repository.fetch(commit));
      const blobKey = await stored.put(archive);
      await stored.noteCommit(url.clone, commit, { digest: archive.digest, blobKey });
      return { digest: archive.digest, blobKey, pinned };
    });
    return { ...need, kind: "directory", path: url.path, ...found };
  };

  return {
    async resolve(need) {
      const { url, as } = need;
      const repository = as === "file" ? undefined : parseRepositoryUrl(url);
      const isHttp = /^https?:\/\//i.test(url);
      const fetchFile = isHttp && as !== "directory" ? () => resolveFile(need) : undefined;
      const fetchDirectory = repository && (() => resolveDirectory(need, repository));
      // Kustomize asks for a file first; what once was none is asked for as a repository first.
      const isKnown = fetchDirectory && fetchFile ? await stored.isRepository(url) : false;
      const attempts = (isKnown ? [fetchDirectory, fetchFile] : [fetchFile, fetchDirectory]).filter((one) => !!one);
      if (attempts.length === 0) throw failed(url, "it is neither a file over HTTPS nor a Git repository");
      const reasons: string[] = [];
      for (const attempt of attempts) {
        try {
          const remote = await attempt();
          if (remote.kind === "directory" && fetchFile && !isKnown) await stored.noteRepository(url);
          return remote;
        } catch (error) {
          if (!(error instanceof RemoteFileError || error instanceof GitError)) throw error;
          reasons.push(error.message);
        }
      }
      throw failed(url, reasons.join("; "));
    },
  };
}

const failed = (url: string, reason: string): ReconcileError =>
  new ReconcileError("retry", "BuildFailed", `kustomize build failed: remote base '${redactUrls(url)}': ${reason}`);
