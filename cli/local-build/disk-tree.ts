/** A directory on this machine as the tree of an artifact: read where the build looks, and never written to. */
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import type { RenderLimits } from "../../shared/render/protocol.ts";
import { addBelow, createReadCount, findKustomizationBy, type Tree, writeTree } from "../../shared/render/tree.ts";
import { joinTreePath, type TreePath } from "../../shared/render/tree-path.ts";

/** True for a file that a scan for manifests passes over. */
export type IsIgnored = (path: TreePath) => boolean;

/** Symbolic links below the root count as missing: an artifact holds none either. */
export function createDiskTree(root: string, isIgnored: IsIgnored, limits: RenderLimits): Tree {
  const build = new Map<TreePath, Buffer>();
  const visited = new Set<TreePath>([""]);
  const mounted = { files: new Map<TreePath, Buffer>(), directories: new Set<TreePath>() };
  const count = createReadCount(limits);

  const typeOf: Tree["typeOf"] = (path) => {
    if (build.has(path) || mounted.files.has(path)) return "file";
    if (mounted.directories.has(path)) return "directory";
    const stats = lstatSync(join(root, path), { throwIfNoEntry: false });
    if (!stats || hasLinkAbove(root, path)) return "missing";
    if (stats.isFile()) return "file";
    return stats.isDirectory() ? "directory" : "missing";
  };
  const read: Tree["read"] = (path) => {
    const known = build.get(path);
    if (known) return known;
    const content = mounted.files.get(path) ?? readFileSync(join(root, path));
    count(path, content);
    build.set(path, content);
    return content;
  };
  return {
    typeOf,
    read,
    visit: (path) => void visited.add(path),
    write: (path, text) => void build.set(path, Buffer.from(text)),
    mount: (at, content) => addBelow(at, content, mounted),
    list: (path) => namesIn(join(root, path)).filter((name) => !isIgnored(joinTreePath(path, name))),
    findKustomization: (directory) => findKustomizationBy(typeOf, directory),
    closure: () => {
      throw new Error("a build from disk is not cached");
    },
    materialize: (target) => writeTree(target, visited, build),
  };
}

function hasLinkAbove(root: string, path: TreePath): boolean {
  const segments = path.split("/").slice(0, -1);
  return segments.some((_, index) =>
    lstatSync(join(root, ...segments.slice(0, index + 1)), { throwIfNoEntry: false })?.isSymbolicLink(),
  );
}

/** In the order in which Go walks them. */
const namesIn = (directory: string): readonly string[] =>
  readdirSync(directory).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
