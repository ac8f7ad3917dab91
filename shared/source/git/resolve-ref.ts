/** Finds the commit that `spec.ref` of a GitRepository stands for, in Flux's order: commit, name, semver, tag, branch. */
import type { GitRepositoryRef } from "../../api/git-repository.ts";
import { compareVersions, parseRange, parseTagVersion, type Range } from "../semver.ts";
import { readCommit } from "./objects.ts";
import { type HashAlgorithm, type ObjectStore, readPack } from "./pack.ts";
import type { GitRemote, RemoteRef } from "./remote.ts";
import type { GitRevision } from "./revision.ts";

const defaultBranch = "master";
const peeledSuffix = "^{}";

/** The repository has no commit yet. */
export class EmptyRepositoryError extends Error {
  override readonly name = "EmptyRepositoryError";
}

/** A reference that cannot be resolved; the message is Flux's. */
export class UnresolvedRefError extends Error {
  override readonly name = "UnresolvedRefError";
}

/** Asks the server in every case, so that the credential has proven itself when this returns. */
export async function resolveRef(remote: GitRemote, ref: GitRepositoryRef, url: string): Promise<GitRevision> {
  if (ref.commit) return resolveCommit(remote, ref.commit, ref.branch, url);
  if (ref.name) return resolveName(remote, ref.name, url);
  if (ref.semver) return resolveSemver(remote, ref.semver, url);
  if (ref.tag) return resolveTag(remote, ref.tag, url);
  return resolveBranch(remote, ref.branch ?? defaultBranch, url);
}

async function resolveBranch(remote: GitRemote, branch: string, url: string): Promise<GitRevision> {
  const name = `refs/heads/${branch}`;
  const found = await findRef(remote, name);
  if (found) return { pointer: branch, commit: found.oid };
  if (await isEmpty(remote)) throw new EmptyRepositoryError("git repository is empty");
  throw notFound(name, url);
}

async function resolveTag(remote: GitRemote, tag: string, url: string): Promise<GitRevision> {
  const name = `refs/tags/${tag}`;
  const found = await findRef(remote, name);
  if (found) return { pointer: tag, commit: found.peeled ?? found.oid };
  if (await isEmpty(remote)) throw emptyRemote(url);
  throw notFound(name, url);
}

/** A full name; a trailing `^{}` asks for what a tag stands for, and tags are peeled in any case. */
async function resolveName(remote: GitRemote, name: string, url: string): Promise<GitRevision> {
  if (name.startsWith("/") || name.endsWith("/"))
    throw new UnresolvedRefError(`ref ${name} is invalid; Git refs cannot begin or end with a slash '/'`);
  const plain = name.endsWith(peeledSuffix) ? name.slice(0, -peeledSuffix.length) : name;
  const found = await findRef(remote, plain);
  const commit = plain === name ? (found?.peeled ?? found?.oid) : found?.peeled;
  if (commit === undefined) {
    if (await isEmpty(remote))
      throw new UnresolvedRefError(`unable to list remote for '${url}': remote repository is empty`);
    throw new UnresolvedRefError(`unable to resolve ref '${name}' to a specific commit`);
  }
  return { pointer: name, commit };
}

async function resolveSemver(remote: GitRemote, text: string, url: string): Promise<GitRevision> {
  const range = readRange(text);
  const tags = await remote.listRefs(["refs/tags/"]);
  const candidates = tags.flatMap((ref) => {
    const tag = ref.name.slice("refs/tags/".length);
    const version = parseTagVersion(tag);
    return version && range.includes(version) ? [{ tag, version, commit: ref.peeled ?? ref.oid }] : [];
  });
  const best = candidates.reduce<(typeof candidates)[number] | undefined>(
    (most, next) => (!most || compareVersions(next.version, most.version) > 0 ? next : most),
    undefined,
  );
  if (!best) {
    if (tags.length === 0 && (await isEmpty(remote))) throw emptyRemote(url);
    throw new UnresolvedRefError(`no match found for semver: ${text}`);
  }
  const equals = candidates.filter(({ version }) => compareVersions(version, best.version) === 0);
  const newest = equals.length > 1 ? await newestOf(remote, equals) : best;
  return { pointer: newest.tag, commit: newest.commit };
}

/** Versions that differ in build metadata only are equal: the one whose commit is younger wins. */
async function newestOf<T extends { readonly commit: string }>(remote: GitRemote, equals: readonly T[]): Promise<T> {
  const wants = [...new Set(equals.map(({ commit }) => commit))];
  const store = await fetchCommits(remote, wants, true);
  const when = ({ commit }: T) => readCommit(store, commit).committedAt;
  return equals.reduce((best, next) => (when(next) > when(best) ? next : best));
}

/**
 * A commit alone is looked up when it is fetched. With a branch it must be on that branch: the branch's commits are
 * fetched, without their trees where the server can leave them out.
 */
async function resolveCommit(
  remote: GitRemote,
  commit: string,
  branch: string | undefined,
  url: string,
): Promise<GitRevision> {
  if (branch === undefined) {
    const head = await remote.listRefs(["HEAD"]);
    if (head.length === 0 && (await isEmpty(remote))) throw emptyRemote(url);
    return { pointer: "", commit };
  }
  const tip = await resolveBranch(remote, branch, url).catch((error: unknown) => {
    throw error instanceof EmptyRepositoryError ? emptyRemote(url) : error;
  });
  if (tip.commit !== commit && !(await fetchCommits(remote, [tip.commit], false)).has(commit))
    throw new UnresolvedRefError(`unable to resolve commit object for '${commit}': object not found`);
  return { pointer: branch, commit };
}

const maxCommitBytes = 512 * 1024 * 1024;

async function fetchCommits(remote: GitRemote, wants: readonly string[], shallow: boolean): Promise<ObjectStore> {
  const pack = await remote.fetchPack({ wants, shallow, commitsOnly: true });
  return readPack(pack, algorithmOf(wants[0] ?? ""), { maxInflatedBytes: maxCommitBytes });
}

export const algorithmOf = (oid: string): HashAlgorithm => (oid.length === 64 ? "sha256" : "sha1");

/** `ref-prefix` is a prefix: `refs/heads/main` also finds `refs/heads/main-2`. */
async function findRef(remote: GitRemote, name: string): Promise<RemoteRef | undefined> {
  return (await remote.listRefs([name])).find((ref) => ref.name === name);
}

const isEmpty = async (remote: GitRemote): Promise<boolean> => (await remote.listRefs([])).length === 0;

const notFound = (name: string, url: string): UnresolvedRefError =>
  new UnresolvedRefError(`unable to clone '${url}': couldn't find remote ref "${name}"`);

const emptyRemote = (url: string): UnresolvedRefError =>
  new UnresolvedRefError(`unable to clone: remote repository is empty: git repository: '${url}'`);

function readRange(text: string): Range {
  try {
    return parseRange(text);
  } catch (error) {
    throw new UnresolvedRefError(`semver parse error: ${error instanceof Error ? error.message : String(error)}`);
  }
}
