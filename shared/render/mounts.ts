/**
 * Content from outside of the artifact takes a place of its own in the tree, named by the reference alone: the closure
 * moves with what the build reads of it and with nothing else.
 */
import { posix } from "node:path";

import { parseRepositoryUrl } from "../remote/repository-url.ts";
import { redactUrls } from "../runtime/redact-urls.ts";
import { mountOf, mountRoot } from "./mount-path.ts";
import { type RemoteContent, type RemoteNeed, RenderError, type RenderLimits } from "./protocol.ts";
import type { Tree } from "./tree.ts";
import type { TreePath } from "./tree-path.ts";
import { unpackArtifact } from "./unpack.ts";

/** Name of a file that was fetched by itself. */
export const remoteFileName = "content";

export interface MountedRemote extends RemoteContent {
  /** The tar.gz. */
  readonly archive: Uint8Array;
}

export interface Mounts {
  /** Where the content of a reference lies; undefined where it is still to be fetched. */
  find(need: RemoteNeed): TreePath | undefined;
  /** A message with the references in place of where their content lies. */
  named(message: string): string;
  /** A build whose origin annotations name repositories, as kustomize writes them (its types.Origin). */
  withOrigins(yaml: string): string;
}

/** @throws RenderError ArtifactFailed for another digest or a broken archive, BuildFailed where the place is taken */
export function mountRemotes(tree: Tree, remotes: readonly MountedRemote[], limits: RenderLimits): Mounts {
  if (remotes.length > 0 && tree.typeOf(mountRoot) !== "missing")
    throw new RenderError("BuildFailed", `${mountRoot} is where remote bases are put: rename it in the repository`);
  for (const remote of remotes) tree.mount(mountOf(remote), unpackArtifact(remote.archive, remote.digest, limits));
  const known = new Map(remotes.map((remote) => [mountOf(remote), remote]));
  return {
    find: (need) => {
      const remote = known.get(mountOf(need));
      if (!remote) return undefined;
      const below = remote.kind === "file" ? remoteFileName : remote.path;
      return below === "" ? mountOf(need) : `${mountOf(need)}/${below}`;
    },
    named: (text) =>
      text.replace(/(?:\.\.\/)*(\.driftless-remote\/[0-9a-f]{16})/g, (found, place: string) => {
        const remote = known.get(place);
        return remote ? redactUrls(remote.url) : found;
      }),
    withOrigins: (yaml) =>
      yaml.includes(mountRoot) ? yaml.replace(originLine, (...found) => originOf(known, found)) : yaml,
  };
}

const originLine = /^( +)(path|configuredIn): (?:\.\.\/)*(\.driftless-remote\/[0-9a-f]{16})(?:\/(.*))?$/gm;

function originOf(known: ReadonlyMap<string, RemoteContent>, found: readonly unknown[]): string {
  const [line = "", indent = "", field = "", place = "", below = ""] = found.map(String);
  const remote = known.get(place);
  if (!remote) return line;
  const repository = parseRepositoryUrl(remote.url);
  if (!repository) return `${indent}${field}: ${posix.normalize(remote.url)}`;
  // Kustomize names the directory of a clone that was not made yet.
  const directory = repository.path === "" ? "notCloned" : "";
  const path = remote.kind === "file" ? directory || repository.path : posix.join(directory, below);
  const origin = [`repo: ${repository.clone}`, ...(repository.ref === undefined ? [] : [`ref: ${repository.ref}`])];
  const named = `${field}: ${path}`;
  return (field === "path" ? [named, ...origin] : [...origin, named]).map((text) => indent + text).join("\n");
}
