/** Builds a directory of this machine with the engine's own builder, in a scratch directory: the source stays as it is. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";

import { buildKustomization } from "../../shared/render/build.ts";
import { completeRoot } from "../../shared/render/generate.ts";
import { guardBuild, readKustomization } from "../../shared/render/guard.ts";
import { type MountedRemote, mountRemotes } from "../../shared/render/mounts.ts";
import { DEFAULT_RENDER_LIMITS, type KustomizationOverlay, RenderError } from "../../shared/render/protocol.ts";
import { writeJsonYaml } from "../../shared/render/read-yaml.ts";
import { isMapping } from "../../shared/render/references.ts";
import type { RenderTools } from "../../shared/render/render.ts";
import { isRemote, joinTreePath, type TreePath } from "../../shared/render/tree-path.ts";
import type { Tree } from "../../shared/render/tree.ts";
import { ignoreFile, type IgnorePattern, matcherOf, parseIgnoreRules } from "../../shared/source/ignore.ts";
import { createDiskTree, type IsIgnored } from "./disk-tree.ts";
import { createRemoteFetcher } from "./fetch-remotes.ts";

export type BuildTools = Pick<RenderTools, "kubectl" | "scratch">;

export interface DirectoryBuild {
  /** Absolute path of a directory that exists. */
  readonly directory: string;
  readonly overlay: KustomizationOverlay;
  /** Patterns in the syntax of .gitignore, beside those of the .sourceignore files below the directory. */
  readonly ignorePaths: readonly string[];
  /** What references may not leave unless the directory lies in a Git working tree. */
  readonly workingDirectory: string;
}

/** Multi-document YAML. @throws RenderError with the builder's words */
export async function buildDirectory(build: DirectoryBuild, { kubectl, scratch }: BuildTools): Promise<string> {
  const directory = realpathSync(build.directory);
  const root = rootOf(directory, realpathSync(build.workingDirectory));
  const path = relative(root, directory).split(sep).join("/");
  const isIgnored = createIgnore(root, path, build.ignorePaths);
  const { tree, generatedFrom, mounts } = await readTree(root, path, isIgnored, build.overlay);

  mkdirSync(scratch, { recursive: true, mode: 0o700 });
  const own = mkdtempSync(join(scratch, "driftless-build-"));
  try {
    tree.materialize(join(own, "tree"));
    const options = { kubectl, root: join(own, "tree"), home: join(own, "home"), limits: DEFAULT_RENDER_LIMITS };
    return mounts.withOrigins((await buildKustomization(path, options)).toString("utf8"));
  } catch (error) {
    throw error instanceof RenderError ? asScanFailure(error, generatedFrom, directory) : error;
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

/** Everything that the build reads; what remote bases refer to comes to light one after the other. */
async function readTree(root: string, path: TreePath, isIgnored: IsIgnored, overlay: KustomizationOverlay) {
  const fetcher = createRemoteFetcher();
  for (let remotes: readonly MountedRemote[] = []; ;) {
    const tree = createDiskTree(root, isIgnored, DEFAULT_RENDER_LIMITS);
    const { generatedFrom } = completeRoot(tree, path, overlay);
    leaveOutIgnored(tree, path, isIgnored);
    const mounts = mountRemotes(tree, remotes, DEFAULT_RENDER_LIMITS);
    const { needs } = guardBuild(tree, path, mounts);
    if (needs.length === 0) return { tree, generatedFrom, mounts };
    remotes = [...remotes, ...(await fetcher.fetch(needs))];
  }
}

/** Flux decodes the files of a kustomization that it generates, and names the one that it cannot. */
function asScanFailure(error: RenderError, generatedFrom: readonly string[], directory: string): RenderError {
  const [, file, rest = ""] = /accumulating resources from '(\.\/[^']*)': (.*)$/s.exec(error.message) ?? [];
  if (file === undefined || !generatedFrom.includes(file)) return error;
  const words = rest.replace(/': must build at directory: .*$/s, "").replace(/ in File: .*$/s, "");
  const message = `failed to decode Kubernetes YAML from ${join(directory, file)}: ${words}`;
  return new RenderError(error.reason, `failed to generate kustomization.yaml: ${message}`);
}

/** What would be the artifact: the Git working tree around the directory, else the working directory, else itself. */
function rootOf(directory: string, workingDirectory: string): string {
  for (let at = directory; ; at = dirname(at)) {
    if (existsSync(join(at, ".git"))) return at;
    if (dirname(at) === at) break;
  }
  const isBelow = directory === workingDirectory || directory.startsWith(workingDirectory + sep);
  return isBelow ? workingDirectory : directory;
}

function createIgnore(root: string, path: TreePath, ignorePaths: readonly string[]): IsIgnored {
  const domain = path === "" ? [] : path.split("/");
  const patterns = [
    ...patternsBelow(join(root, path), domain),
    ...ignorePaths.flatMap((pattern) => parseIgnoreRules(pattern, domain)),
  ];
  const matches = matcherOf(patterns);
  // Directories are walked through: only files are left out, also by a pattern of a directory above them.
  return (file) => /\.ya?ml$/.test(file) && matches(file.split("/"), false);
}

function patternsBelow(directory: string, domain: readonly string[]): readonly IgnorePattern[] {
  const file = join(directory, ignoreFile);
  const own = existsSync(file) ? parseIgnoreRules(readFileSync(file, "utf8"), domain) : [];
  const below = readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== ".git")
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return [...own, ...below.flatMap(({ name }) => patternsBelow(join(directory, name), [...domain, name]))];
}

/** Flux's CLI drops ignored files from the resources of the root kustomization too. */
function leaveOutIgnored(tree: Tree, directory: TreePath, isIgnored: IsIgnored): void {
  const file = tree.findKustomization(directory);
  const root: unknown = file === undefined ? undefined : readKustomization(tree, file);
  if (file === undefined || !isMapping(root)) return;
  const kept = (value: unknown): unknown =>
    Array.isArray(value) ? value.filter((item: unknown) => !isIgnoredFile(item, directory, isIgnored)) : value;
  const lists = ["resources", "components", "crds"].filter((field) => field in root);
  tree.write(file, writeJsonYaml({ ...root, ...Object.fromEntries(lists.map((field) => [field, kept(root[field])])) }));
}

function isIgnoredFile(item: unknown, directory: TreePath, isIgnored: IsIgnored): boolean {
  if (typeof item !== "string" || isRemote(item)) return false;
  return isIgnored(joinTreePath(directory, item.replace(/^(?:\.\/)+/, "")));
}
