/** One conversation with a GitRepository's server; what goes wrong in it is told with Flux's reason and words. */
import type { GitRepository } from "../api/git-repository.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { findGoDuration } from "../runtime/go-duration.ts";
import { redactUrls } from "../runtime/redact-urls.ts";
import type { GitAccess } from "./git/credentials.ts";
import { openRemote } from "./git/remote.ts";
import { EmptyRepositoryError, resolveRef, UnresolvedRefError } from "./git/resolve-ref.ts";
import type { GitRevision } from "./git/revision.ts";
import { fetchSnapshot, type Snapshot } from "./git/snapshot.ts";
import { GitError } from "./git/transport.ts";
import type { GitUrl } from "./git/url.ts";
import type { SourcePorts } from "./ports.ts";

export interface Checkout {
  /** Asks the server with the credential. @throws ReconcileError retry, GitOperationFailed or EmptyGitRepository */
  resolve(): Promise<GitRevision>;
  /** @throws ReconcileError retry, GitOperationFailed */
  fetch(revision: GitRevision): Promise<Snapshot>;
  close(): Promise<void>;
}

const defaultTimeoutMillis = 60_000;
const maxAnswerBytes = 512 * 1024 * 1024;

export async function openCheckout(
  { spec, status }: GitRepository,
  url: GitUrl,
  access: GitAccess,
  ports: Pick<SourcePorts, "openGit" | "signal" | "limits">,
): Promise<Checkout> {
  const timeout = findGoDuration(spec.timeout) ?? defaultTimeoutMillis;
  const signal = AbortSignal.any([ports.signal, AbortSignal.timeout(timeout)]);
  const shown = redactUrls(spec.url);
  // Flux lists the remote's refs first for a name, and where it has an artifact of a branch or tag; else it clones at once.
  const { name, commit, semver } = spec.ref ?? {};
  const listed = !commit && (Boolean(name) || (status.artifact !== undefined && !semver));
  const doing = listed ? `unable to list remote for '${shown}'` : `unable to clone '${shown}'`;
  const transport = await ports.openGit(url, access, { signal, maxBytes: maxAnswerBytes });
  const remote = openRemote(transport);

  return {
    resolve: () =>
      resolveRef(remote, spec.ref ?? {}, shown).catch((error: unknown) => {
        throw checkoutError(error, doing, listed ? undefined : url, shown);
      }),
    fetch: (revision) =>
      fetchSnapshot(remote, revision.commit, spec.ignore, ports.limits).catch((error: unknown) => {
        if (error instanceof GitError && error.code === "NotFound")
          throw failed(`unable to resolve commit object for '${revision.commit}': object not found`, error);
        throw checkoutError(error, `unable to clone '${shown}'`, url, shown);
      }),
    close: () => transport.close(),
  };
}

/** @param cloned the URL, where Flux would have cloned: over SSH it has other words for a repository that is not there */
function checkoutError(error: unknown, doing: string, cloned: GitUrl | undefined, shown: string): unknown {
  if (error instanceof EmptyRepositoryError) return new ReconcileError("retry", "EmptyGitRepository", error.message);
  if (error instanceof UnresolvedRefError) return failed(error.message, error);
  if (!(error instanceof GitError)) return error;
  if (error.code === "RepositoryNotFound" && cloned?.scheme === "ssh")
    return failed(`unable to clone: repository not found: git repository: '${shown}'`, error);
  return failed(`${doing}: ${error.message}`, error);
}

const failed = (words: string, cause: unknown): ReconcileError =>
  new ReconcileError("retry", "GitOperationFailed", `failed to checkout and determine revision: ${words}`, { cause });
