/** Paths inside an unpacked artifact: always relative to its root, with `/`, never outside. */
import { posix } from "node:path";

import { redactUrls } from "../runtime/redact-urls.ts";
import { findMount } from "./mount-path.ts";
import { RenderError } from "./protocol.ts";

/** The root itself is the empty string. */
export type TreePath = string;

/** `spec.path` as Flux joins it: `..` stops at the root instead of leaving it. */
export function clampToRoot(path: string): TreePath {
  return posix.join("/", path).replace(/^\/+|\/+$/g, "");
}

export const joinTreePath = (directory: TreePath, name: string): TreePath =>
  directory === "" ? name : `${directory}/${name}`;

/** Where a reference comes from, for messages. */
export interface ReferenceSite {
  /** The kustomization file. */
  readonly file: TreePath;
  /** Its directory, which references are relative to. */
  readonly directory: TreePath;
  readonly field: string;
}

/**
 * The path in the tree that a reference means, as kustomize joins it.
 *
 * @throws RenderError BuildFailed for a URL, an absolute path and a path that leaves the artifact
 */
export function resolveReference(reference: string, site: ReferenceSite): TreePath {
  if (isRemote(reference)) throw remoteRefusal(reference, site);
  if (reference.includes("\0")) throw refusal(`${site.field} in ${site.file} holds a path with a NUL character`);
  const shown = JSON.stringify(reference.length > 200 ? `${reference.slice(0, 200)}…` : reference);
  if (reference.startsWith("/")) {
    throw refusal(
      `${site.field} in ${site.file} refers to the absolute path ${shown}: use a path relative to the file`,
    );
  }
  const resolved = posix.join(site.directory, reference);
  requireInRemote(resolved, site);
  if (resolved === ".." || resolved.startsWith("../")) {
    throw refusal(`${site.field} in ${site.file} refers to ${shown}, which is outside of the artifact`);
  }
  return resolved === "." ? "" : resolved.replace(/\/$/, "");
}

/** A fetched tree knows nothing of the artifact, nor of other fetched trees. */
function requireInRemote(resolved: string, { directory, file, field }: ReferenceSite): void {
  const mount = findMount(directory);
  if (mount === undefined || findMount(resolved) === mount) return;
  throw refusal(`security; ${field} in ${file} refers to ${resolved}, which is outside of the remote base`);
}

/** Kustomize reads no file of a fetched tree from above the kustomization that names it. */
export function requireBelowRemote(path: TreePath, { directory, file, field }: ReferenceSite): void {
  const isBelow = directory === "" || path.startsWith(`${directory}/`);
  if (isBelow || findMount(directory) === undefined) return;
  throw refusal(`security; ${field} in ${file}: file '${path}' is not in or below '${directory}'`);
}

/** What kustomize would fetch over the network wherever it stands, or could take for a repository's URL. */
export function isRemote(reference: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(reference) || /^https?:/i.test(reference);
}

/** Forms that kustomize hands to git where they name no local file: `git@host:org/repo`, `github.com/org/repo`. */
export function isRepository(reference: string): boolean {
  return (
    /^(?:git::|gh:|github\.com[/:])/i.test(reference) ||
    (/^[a-z][a-z0-9-]*@[^/]*[:/]/i.test(reference) && !reference.includes("\n"))
  );
}

/** For what is never fetched. */
export function remoteRefusal(reference: string, site: ReferenceSite): RenderError {
  return refusal(`${site.field} in ${site.file} must be local: ${redactUrls(reference)}`);
}

const refusal = (message: string): RenderError => new RenderError("BuildFailed", message);
