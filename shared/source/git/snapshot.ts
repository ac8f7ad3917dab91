/** The files of one commit, as they go into an artifact: no symlinks, no submodules, nothing that is ignored. */
import type { ArchiveEntry } from "../archive.ts";
import {
  createIgnoreMatcher,
  ignoreFile,
  type IgnoreMatcher,
  type IgnorePattern,
  parseIgnoreRules,
} from "../ignore.ts";
import { type Commit, readCommit, readTree, type TreeEntry } from "./objects.ts";
import { type ObjectStore, readPack } from "./pack.ts";
import type { GitRemote } from "./remote.ts";
import { algorithmOf } from "./resolve-ref.ts";
import { GitError } from "./transport.ts";

export interface SnapshotLimits {
  readonly maxFiles: number;
  readonly maxFileBytes: number;
  /** Of the commit's objects, ignored files included. */
  readonly maxTreeBytes: number;
}

const mebibyte = 1024 * 1024;

export const snapshotLimits: SnapshotLimits = {
  maxFiles: 50_000,
  maxFileBytes: 50 * mebibyte,
  maxTreeBytes: 512 * mebibyte,
};

export interface Snapshot {
  readonly commit: Commit;
  /** Depth first, names in byte order, a directory before its files. */
  readonly entries: readonly ArchiveEntry[];
}

/** @throws GitError `NotFound` when the server does not give the commit, `LimitExceeded` naming the file or the limit */
export async function fetchSnapshot(
  remote: GitRemote,
  oid: string,
  ignore: string | undefined,
  limits: SnapshotLimits = snapshotLimits,
): Promise<Snapshot> {
  const pack = await remote.fetchPack({ wants: [oid], shallow: true });
  const store = readPack(pack, algorithmOf(oid), { maxInflatedBytes: limits.maxTreeBytes });
  const commit = readCommit(store, oid);
  const tree = readNodes(store, commit.tree, { left: limits.maxFiles * directoriesPerFile }, 0);
  const patterns = [...repositoryPatterns(store, tree, []), ...parseIgnoreRules(ignore ?? "")];
  return { commit, entries: collectEntries(store, tree, createIgnoreMatcher(patterns), limits) };
}

/**
 * The same without ignore rules, and without the files that are too large.
 *
 * @throws GitError as above
 */
export async function fetchWholeTree(
  remote: GitRemote,
  oid: string,
  limits: SnapshotLimits,
): Promise<readonly ArchiveEntry[]> {
  const pack = await remote.fetchPack({ wants: [oid], shallow: true });
  const store = readPack(pack, algorithmOf(oid), { maxInflatedBytes: limits.maxTreeBytes });
  const tree = readNodes(store, readCommit(store, oid).tree, { left: limits.maxFiles * directoriesPerFile }, 0);
  const entries = collectEntries(store, tree, () => false, { ...limits, maxFileBytes: Infinity });
  return entries.filter(({ content }) => (content?.length ?? 0) <= limits.maxFileBytes);
}

interface Node {
  readonly entry: TreeEntry;
  readonly children: readonly Node[];
}

const maxDepth = 200;
const directoriesPerFile = 4;

/** Trees may share subtrees, so a tiny pack can stand for billions of paths: they are counted as they are met. */
function readNodes(store: ObjectStore, tree: string, budget: { left: number }, depth: number): readonly Node[] {
  const entries = readTree(store, tree).filter(({ kind }) => kind !== "symlink" && kind !== "submodule");
  budget.left -= entries.length;
  if (budget.left < 0 || depth > maxDepth)
    throw new GitError("LimitExceeded", "the repository's tree has too many files and directories");
  return entries
    .map((entry) => ({
      entry,
      children: entry.kind === "directory" ? readNodes(store, entry.oid, budget, depth + 1) : [],
    }))
    .sort((a, b) => (a.entry.name < b.entry.name ? -1 : 1));
}

/** Those of a directory's own file first, then those of its subdirectories. */
function repositoryPatterns(
  store: ObjectStore,
  nodes: readonly Node[],
  domain: readonly string[],
): readonly IgnorePattern[] {
  const own = nodes.find(({ entry }) => entry.name === ignoreFile && entry.kind !== "directory");
  const rules = own ? parseIgnoreRules(blob(store, own.entry).toString("utf8"), domain) : [];
  return [
    ...rules,
    ...nodes.flatMap(({ entry, children }) => repositoryPatterns(store, children, [...domain, entry.name])),
  ];
}

/** Files below an ignored directory are looked at too: a later pattern may bring them back, as in Flux. */
function collectEntries(
  store: ObjectStore,
  tree: readonly Node[],
  ignored: IgnoreMatcher,
  { maxFiles, maxFileBytes }: SnapshotLimits,
): readonly ArchiveEntry[] {
  const entries: ArchiveEntry[] = [];
  const visit = (nodes: readonly Node[], parent: readonly string[]): void => {
    for (const { entry, children } of nodes) {
      const path = [...parent, entry.name];
      const name = path.join("/");
      if (entry.kind === "directory") {
        if (!ignored(path, true)) entries.push({ path: name, kind: "directory" });
        visit(children, path);
        continue;
      }
      if (entry.kind === "symlink" || entry.kind === "submodule" || ignored(path, false)) continue;
      const content = blob(store, entry);
      if (content.length > maxFileBytes)
        throw new GitError(
          "LimitExceeded",
          `${name} has ${content.length} bytes, more than the ${maxFileBytes} allowed for one file: leave it out with spec.ignore or ${ignoreFile}`,
        );
      entries.push({ path: name, kind: entry.kind, content });
      if (entries.length > maxFiles)
        throw new GitError(
          "LimitExceeded",
          `the repository has more than ${maxFiles} files: leave some out with spec.ignore or ${ignoreFile}`,
        );
    }
  };
  visit(tree, []);
  return entries;
}

function blob(store: ObjectStore, { name, oid }: TreeEntry): Buffer {
  const object = store.get(oid);
  if (object?.type !== "blob") throw new GitError("Protocol", `the server's pack lacks the content of ${name}`);
  return object.content;
}
