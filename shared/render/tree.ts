/**
 * An artifact in memory, read within limits. What was read is the closure of the build, and only that is written to
 * disk: kustomize finds no file that the guard has not seen.
 */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";

import { type Closure, RenderError, type RenderLimits } from "./protocol.ts";
import { joinTreePath, type TreePath } from "./tree-path.ts";
import type { UnpackedArtifact } from "./unpack.ts";

export const KUSTOMIZATION_FILES = ["kustomization.yaml", "kustomization.yml", "Kustomization"] as const;

export type EntryType = "file" | "directory" | "missing";

export interface Tree {
  /** Symbolic links count as missing: an artifact holds none. */
  typeOf(path: TreePath): EntryType;
  /**
   * Content of a file, which enters the closure as it was in the artifact.
   *
   * @throws RenderError BuildFailed when the file, or all files together, are too large
   */
  read(path: TreePath): Buffer;
  /** A directory that the build may look into. */
  visit(path: TreePath): void;
  /** Replaces or adds a file of the build. */
  write(path: TreePath, text: string): void;
  /** Adds files below a directory that is none of the artifact's. */
  mount(at: TreePath, content: UnpackedArtifact): void;
  /** Names in a directory in the order in which Go walks it. */
  list(path: TreePath): readonly string[];
  /** The kustomization file of a directory, by kustomize's order of names. */
  findKustomization(directory: TreePath): TreePath | undefined;
  closure(): Closure;
  /** Writes what was read, visited and written below a directory on disk. */
  materialize(root: string): void;
}

export function createTree(artifact: UnpackedArtifact, limits: RenderLimits): Tree {
  const { files, directories } = artifact;
  const mounted = { files: new Map<TreePath, Buffer>(), directories: new Set<TreePath>() };
  const digests = new Map<TreePath, string>();
  const build = new Map<TreePath, Buffer>();
  const visited = new Set<TreePath>([""]);
  let names: ReadonlyMap<TreePath, readonly string[]> | undefined;
  const count = createReadCount(limits);

  const contentOf = (path: TreePath): Buffer | undefined =>
    build.get(path) ?? files.get(path) ?? mounted.files.get(path);
  const typeOf = (path: TreePath): EntryType => {
    if (contentOf(path) !== undefined) return "file";
    return directories.has(path) || mounted.directories.has(path) ? "directory" : "missing";
  };
  const read = (path: TreePath): Buffer => {
    const content = contentOf(path);
    if (content === undefined) throw new Error(`${path} was read but is no file of the artifact`);
    if (digests.has(path)) return content;
    count(path, content);
    digests.set(path, createHash("sha256").update(content).digest("hex"));
    build.set(path, content);
    return content;
  };

  return {
    typeOf,
    read,
    visit: (path) => void visited.add(path),
    write: (path, text) => void build.set(path, Buffer.from(text)),
    mount: (at, content) => addBelow(at, content, mounted),
    list: (path) => (names ??= namesByDirectory(files, directories)).get(path) ?? [],
    findKustomization: (directory) => findKustomizationBy(typeOf, directory),
    closure: () => closureOf(digests),
    materialize: (root) => writeTree(root, visited, build),
  };
}

/** The first of kustomize's names that is a file of the directory. */
export const findKustomizationBy = (typeOf: Tree["typeOf"], directory: TreePath): TreePath | undefined =>
  KUSTOMIZATION_FILES.map((name) => joinTreePath(directory, name)).find((path) => typeOf(path) === "file");

/** Counts each file that a build reads. @throws RenderError BuildFailed beyond a limit */
export function createReadCount({ fileBytes, visitedBytes }: RenderLimits): (path: TreePath, content: Buffer) => void {
  let bytes = 0;
  return (path, content) => {
    bytes += content.length;
    if (content.length > fileBytes) throw tooLarge(`${path} has ${content.length} bytes`, fileBytes);
    if (bytes > visitedBytes) throw tooLarge("the files of this build together", visitedBytes);
  };
}

/** Puts the files and directories of one tree below a directory of another. */
export function addBelow(
  at: TreePath,
  { files, directories }: UnpackedArtifact,
  target: { readonly files: Map<TreePath, Buffer>; readonly directories: Set<TreePath> },
): void {
  for (const [path, content] of files) target.files.set(joinTreePath(at, path), content);
  for (const path of directories) target.directories.add(path === "" ? at : joinTreePath(at, path));
}

function namesByDirectory(
  files: ReadonlyMap<TreePath, Buffer>,
  directories: ReadonlySet<TreePath>,
): ReadonlyMap<TreePath, readonly string[]> {
  const names = new Map<TreePath, string[]>();
  for (const path of [...files.keys(), ...directories]) {
    if (path === "") continue;
    const parent = posix.dirname(path);
    const directory = parent === "." ? "" : parent;
    const siblings = names.get(directory) ?? [];
    siblings.push(posix.basename(path));
    names.set(directory, siblings);
  }
  for (const siblings of names.values()) siblings.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return names;
}

function closureOf(digests: ReadonlyMap<TreePath, string>): Closure {
  const lines = [...digests].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, digest]) => `${digest} ${path}\n`);
  return { digest: `sha256:${createHash("sha256").update(lines.join("")).digest("hex")}`, files: digests.size };
}

/** On disk, below a directory that need not be there. */
export function writeTree(
  root: string,
  directories: ReadonlySet<TreePath>,
  files: ReadonlyMap<TreePath, Buffer>,
): void {
  const made = new Set<string>();
  const make = (directory: string): void => {
    if (made.has(directory)) return;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    made.add(directory);
  };
  for (const directory of directories) make(join(root, directory));
  for (const [path, content] of files) {
    const file = join(root, path);
    make(dirname(file));
    // No mode from the archive: nothing in an artifact is ever executed.
    writeFileSync(file, content, { mode: 0o600 });
  }
}

function tooLarge(what: string, limit: number): RenderError {
  return new RenderError("BuildFailed", `${what}: a build reads at most ${limit} bytes`);
}
