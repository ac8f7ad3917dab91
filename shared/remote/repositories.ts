/** A Git repository that a kustomization names, over the engine's own Git client: which commit a ref is, and its files. */
import type { Reach } from "../network/reach.ts";
import type { ArchiveEntry } from "../source/archive.ts";
import type { OpenTransport } from "../source/git/open-transport.ts";
import { openRemote, type GitRemote } from "../source/git/remote.ts";
import { fetchWholeTree, type SnapshotLimits } from "../source/git/snapshot.ts";
import { GitError } from "../source/git/transport.ts";
import { parseGitUrl } from "../source/git/url.ts";
import type { RepositoryUrl } from "./repository-url.ts";

export interface RemoteRepository {
  /** `pinned`: the ref is a commit, which stays what it is. */
  resolve(): Promise<{ readonly commit: string; readonly pinned: boolean }>;
  /** Symbolic links and submodules are left out. */
  fetch(commit: string): Promise<readonly ArchiveEntry[]>;
}

export interface Repositories {
  /** One conversation. @throws GitError */
  open<T>(url: RepositoryUrl, work: (repository: RemoteRepository) => Promise<T>): Promise<T>;
}

const mebibyte = 1024 * 1024;
const maxAnswerBytes = 128 * mebibyte;
const maxTimeoutMillis = 60_000;
const limits: SnapshotLimits = { maxFiles: 20_000, maxFileBytes: 16 * mebibyte, maxTreeBytes: 256 * mebibyte };

const commitName = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/** @param reach beyond one machine, nothing but HTTPS */
export function createRepositories(openGit: OpenTransport, reach: Reach): Repositories {
  return {
    async open({ clone, scheme, ref, timeoutMillis }, work) {
      const url = parseGitUrl(clone);
      if (scheme === "ssh") throw refusal("over SSH there is no credential to show: use https://");
      if (!url || scheme === "file" || (scheme === "http" && reach !== "machine"))
        throw refusal("only https:// is fetched");
      const signal = AbortSignal.timeout(Math.min(timeoutMillis, maxTimeoutMillis));
      const { username = "", password = "" } = url;
      const access = { kind: "http" as const, ...(username || password ? { username, password } : {}) };
      const transport = await openGit(url, access, { signal, maxBytes: maxAnswerBytes });
      try {
        const remote = openRemote(transport);
        return await work({
          resolve: () => resolve(remote, ref),
          fetch: (commit) => fetchWholeTree(remote, commit, limits),
        });
      } finally {
        await transport.close();
      }
    },
  };
}

/** As `git fetch` finds it: the name itself, below `refs/`, as a tag, as a branch. */
async function resolve(remote: GitRemote, ref = "HEAD"): Promise<{ commit: string; pinned: boolean }> {
  if (commitName.test(ref)) return { commit: ref, pinned: true };
  const names = [ref, `refs/${ref}`, `refs/tags/${ref}`, `refs/heads/${ref}`];
  const refs = await remote.listRefs(names);
  const found = names.map((name) => refs.find((one) => one.name === name)).find((one) => one !== undefined);
  if (!found) throw new GitError("NotFound", `couldn't find remote ref ${ref}`);
  return { commit: found.peeled ?? found.oid, pinned: false };
}

const refusal = (message: string): GitError => new GitError("Protocol", message);
