/** One build from archive to YAML in a scratch directory of its own: unpack, complete, guard, build, clean up. */
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";

import { buildKustomization } from "./build.ts";
import { completeRoot, type CompletedRoot } from "./generate.ts";
import { guardBuild } from "./guard.ts";
import { nearest } from "../runtime/nearest.ts";
import { findSilentPatches, type TargetedPatch } from "./patch-target.ts";
import type { KubectlVersion } from "./kubectl-version.ts";
import { type MountedRemote, mountRemotes } from "./mounts.ts";
import {
  type Closure,
  DEFAULT_RENDER_LIMITS,
  type KustomizationOverlay,
  overlayOf,
  type RemoteNeed,
  RenderError,
  type RenderFailureReason,
  type RenderLimits,
  type RenderWarning,
} from "./protocol.ts";
import { kustomizationFields } from "./references.ts";
import { createTree, type Tree } from "./tree.ts";
import { clampToRoot, type TreePath } from "./tree-path.ts";
import { unpackArtifact } from "./unpack.ts";

/** To be raised when the same files build to something else for a reason of our own. */
const BUILDER_VERSION = 1;

export interface RenderInput extends KustomizationOverlay {
  /** The tar.gz. */
  readonly archive: Uint8Array;
  readonly artifactDigest: string;
  readonly path: string;
  readonly knownClosure?: string | undefined;
  /** What is known so far of the content of remote references. */
  readonly remotes?: readonly MountedRemote[] | undefined;
  readonly limits?: Partial<RenderLimits> | undefined;
}

export interface RenderTools {
  readonly kubectl: string;
  readonly version: KubectlVersion;
  /** Directory for the scratch directory. */
  readonly scratch: string;
}

export type RenderResult =
  | {
      readonly kind: "built";
      readonly yaml: Buffer;
      readonly closure: Closure;
      readonly warnings: readonly RenderWarning[];
    }
  | { readonly kind: "unchanged"; readonly closure: Closure }
  /** To be rendered again with the content of these references. */
  | { readonly kind: "needs"; readonly needs: readonly RemoteNeed[] }
  | {
      readonly kind: "failed";
      readonly reason: RenderFailureReason;
      readonly message: string;
      readonly closure?: Closure;
    };

/** Never throws for what a repository holds; throws when the machine fails. */
export async function render(input: RenderInput, tools: RenderTools): Promise<RenderResult> {
  mkdirSync(tools.scratch, { recursive: true, mode: 0o700 });
  const scratch = mkdtempSync(join(tools.scratch, "render-"));
  try {
    return await renderIn(scratch, input, tools);
  } catch (error) {
    if (error instanceof RenderError) return { kind: "failed", reason: error.reason, message: error.message };
    throw error;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function renderIn(scratch: string, input: RenderInput, tools: RenderTools): Promise<RenderResult> {
  const limits = { ...DEFAULT_RENDER_LIMITS, ...input.limits };
  const tree = createTree(unpackArtifact(input.archive, input.artifactDigest, limits), limits);
  const directory = requireDirectory(tree, input.path);
  const completed = completeRoot(tree, directory, input);
  const { remotes = [] } = input;
  const mounts = mountRemotes(tree, remotes, limits);
  const { needs, patches } = guardBuild(tree, directory, mounts);
  if (needs.length > 0) return { kind: "needs", needs };
  const closure = closureOf(tree, directory, input, tools.version);
  if (closure.digest === input.knownClosure) return { kind: "unchanged", closure };

  const root = join(scratch, "tree");
  tree.materialize(root);
  try {
    const options = { kubectl: tools.kubectl, root, home: join(scratch, "home"), limits };
    const yaml = await buildKustomization(directory, options);
    return {
      kind: "built",
      yaml: remotes.length > 0 ? Buffer.from(mounts.withOrigins(yaml.toString())) : yaml,
      closure,
      warnings: warningsOf(completed, patches, yaml),
    };
  } catch (error) {
    if (!(error instanceof RenderError)) throw error;
    const message = mounts.named(asScanFailure(error.message, completed, directory) ?? error.message);
    return { kind: "failed", reason: error.reason, message, closure };
  }
}

/** Patches of the spec are the business of whoever knows the spec. */
function warningsOf(
  { file, ownPatches, unknownFields }: CompletedRoot,
  patches: readonly TargetedPatch[],
  yaml: Buffer,
): readonly RenderWarning[] {
  const own = patches.filter((patch) => patch.file !== file || patch.index < ownPatches);
  const fields = unknownFields.map((field): RenderWarning => {
    const meant = nearest(field, kustomizationFields);
    const hint = meant === undefined ? "" : `, did you mean ${meant}?`;
    return { reason: "UnknownField", message: `${file} has an unknown field ${field}, which is left out${hint}` };
  });
  const silent = findSilentPatches(own, yaml);
  return [...fields, ...silent.map((message): RenderWarning => ({ reason: "PatchWithoutTarget", message }))];
}

function requireDirectory(tree: Tree, path: string): TreePath {
  const directory = clampToRoot(path);
  switch (tree.typeOf(directory)) {
    case "directory":
      return directory;
    case "file":
      throw new RenderError("BuildFailed", `open ${directory}/kustomization.yaml: not a directory`);
    case "missing":
      throw new RenderError(
        "ArtifactFailed",
        `kustomization path not found: stat ${directory}: no such file or directory`,
      );
  }
}

/** Everything that the output depends on. */
function closureOf(tree: Tree, directory: TreePath, input: RenderInput, version: KubectlVersion): Closure {
  const files = tree.closure();
  const parts = {
    builder: [BUILDER_VERSION, version.kubectl, version.kustomize],
    directory,
    files: files.digest,
    overlay: overlayOf(input),
  };
  const digest = createHash("sha256").update(JSON.stringify(parts)).digest("hex");
  return { digest: `sha256:${digest}`, files: files.files };
}

/**
 * Flux decodes the files of a generated kustomization before it builds; we let kustomize do that, with the same code,
 * and say of its refusal what Flux says.
 */
function asScanFailure(message: string, { generatedFrom }: CompletedRoot, directory: TreePath): string | undefined {
  const [, file, rest = ""] = /accumulating resources from '(\.\/[^']*)': (.*)$/s.exec(message) ?? [];
  if (file === undefined || !generatedFrom.includes(file)) return undefined;
  const words = rest.replace(/': must build at directory: .*$/s, "").replace(/ in File: .*$/s, "");
  const path = [directory, file.slice(2)].filter((part) => part !== "").join("/");
  return `failed to decode Kubernetes YAML from ${path}: ${words}`;
}
