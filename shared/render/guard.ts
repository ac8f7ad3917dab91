/**
 * Reads everything that kustomize is about to read, before it does, and refuses what kustomize would follow out of
 * the artifact: none of its own flags contains a build. Kustomizations and plugin configurations are written back as
 * JSON, so that both parsers see the same.
 */
import { posix } from "node:path";

import { redactUrls } from "../runtime/redact-urls.ts";
import type { Mounts } from "./mounts.ts";
import { type TargetedPatch, targetedPatches } from "./patch-target.ts";
import { type RemoteNeed, RenderError } from "./protocol.ts";
import { readYamlDocuments, requireBoundedYaml, writeJsonYaml } from "./read-yaml.ts";
import {
  canonicalize,
  canonicalizePlugin,
  findHelmField,
  isMapping,
  type Mapping,
  pluginReferencesOf,
  type Reference,
  type ReferenceKind,
  referenceName,
  referencesOf,
  withReferences,
} from "./references.ts";
import { KUSTOMIZATION_FILES, type Tree } from "./tree.ts";
import {
  isRemote,
  isRepository,
  joinTreePath,
  remoteRefusal,
  requireBelowRemote,
  resolveReference,
  type ReferenceSite,
  type TreePath,
} from "./tree-path.ts";

/** Directories still to look at. Plugin directories may hold nothing but lists of files. */
interface Visit {
  readonly directory: TreePath;
  readonly site: ReferenceSite;
  readonly ofPlugins: boolean;
}

interface Walk {
  readonly tree: Tree;
  readonly mounts: Pick<Mounts, "find">;
  readonly open: Visit[];
  readonly seen: Set<string>;
  readonly patches: TargetedPatch[];
  /** Remote references whose content is not there yet, by kind and text. */
  readonly needs: Map<string, RemoteNeed>;
}

/** What to write in place of references, by `referenceName`. */
type Rewritten = Map<string, string>;

export interface Guarded {
  /** What is still to be fetched; when that is nothing, the tree's closure holds every file of the build. */
  readonly needs: readonly RemoteNeed[];
  /** The patches with a target, in the order of the walk. */
  readonly patches: readonly TargetedPatch[];
}

/**
 * Walks from the kustomization of `directory`.
 *
 * @throws RenderError BuildFailed naming the file and the reference
 */
export function guardBuild(tree: Tree, directory: TreePath, mounts: Pick<Mounts, "find">): Guarded {
  const site: ReferenceSite = { file: directory, directory, field: "path" };
  const open = [{ directory, site, ofPlugins: false }];
  const walk: Walk = { tree, mounts, open, seen: new Set(), patches: [], needs: new Map() };
  for (let visit = walk.open.pop(); visit !== undefined; visit = walk.open.pop()) {
    const key = `${visit.ofPlugins ? "plugins" : "build"} ${visit.directory}`;
    if (walk.seen.has(key)) continue;
    walk.seen.add(key);
    visitDirectory(walk, visit);
  }
  return { needs: [...walk.needs.values()], patches: walk.patches };
}

function visitDirectory(walk: Walk, { directory, site, ofPlugins }: Visit): void {
  walk.tree.visit(directory);
  const file = walk.tree.findKustomization(directory);
  // Kustomize has the better words for a directory without one.
  if (file === undefined) return;
  // More than one is an error, and kustomize has the words for it.
  for (const name of KUSTOMIZATION_FILES) readIfFile(walk.tree, joinTreePath(directory, name));
  const kustomization = readKustomization(walk.tree, file);
  walk.tree.write(file, writeJsonYaml(kustomization));
  if (!isMapping(kustomization)) return;

  const helm = findHelmField(kustomization);
  if (helm) throw refusal(`${file} uses ${helm}: charts are deployed by a HelmRelease, kustomize's Helm plugin is off`);
  if (ofPlugins) requirePlainList(kustomization, file, site);

  const rewritten: Rewritten = new Map();
  for (const reference of referencesOf(kustomization)) {
    const here = { file, directory, field: reference.field };
    if (ofPlugins) visitPlugins(walk, reference.text, { ...here, directory: site.directory }, directory);
    else follow(walk, reference, here, rewritten);
  }
  walk.patches.push(...targetedPatches(kustomization, { file, directory }, walk.tree));
  if (rewritten.size > 0) walk.tree.write(file, writeJsonYaml(withReferences(kustomization, rewritten)));
}

/** The first document of a kustomization file with proper field names. @throws RenderError BuildFailed */
export function readKustomization(tree: Tree, file: TreePath): unknown {
  const bytes = tree.read(file);
  return explained(file, () => {
    const [first] = readYamlDocuments(bytes.toString("utf8"));
    return isMapping(first) ? canonicalize(first) : first;
  });
}

function follow(walk: Walk, reference: Reference, site: ReferenceSite, rewritten: Rewritten | undefined): void {
  const { kind, text, field } = reference;
  const need = kind === "text" || kind === "plugin" ? undefined : findNeed(walk.tree, reference, site);
  if (need) {
    const path = rewritten ? findRemote(walk, need) : refuseRemote(text, site);
    if (path === undefined) return;
    rewritten?.set(referenceName(field, text), posix.relative(site.directory, path));
    followTo(walk, kind, path, site);
    return;
  }
  switch (kind) {
    case "text":
      explained(`${site.field} in ${site.file}`, () => requireBoundedYaml(text));
      return;
    case "plugin": {
      const inline = visitPlugins(walk, text, site, site.directory);
      if (inline !== undefined) rewritten?.set(referenceName(field, text), inline);
      return;
    }
    case "patch-or-file":
      // Resolved even when it is a patch: kustomize falls back to the path, and its YAML parser may differ from ours.
      if (walk.tree.typeOf(resolveReference(text, site)) === "missing" && isInlineYaml(text))
        explained(`${site.field} in ${site.file}`, () => requireBoundedYaml(text));
      else followTo(walk, kind, requireFound(walk.tree, text, site), site);
      return;
    default:
      followTo(walk, kind, requireFound(walk.tree, text, site), site);
  }
}

function followTo(walk: Walk, kind: ReferenceKind, path: TreePath, site: ReferenceSite): void {
  const isBase = kind === "resource" || kind === "directory";
  if (isBase && walk.tree.typeOf(path) === "directory") walk.open.push({ directory: path, site, ofPlugins: false });
  else if (kind === "bytes") readIfFile(walk.tree, path);
  else readYaml(walk.tree, path);
}

/** Undefined for a reference into the tree. A file goes before a repository's URL without a scheme, as in kustomize. */
function findNeed(tree: Tree, { kind, text: url }: Reference, site: ReferenceSite): RemoteNeed | undefined {
  if (kind === "resource" || kind === "directory") {
    const isUrl = isRemote(url) || (isRepository(url) && tree.typeOf(resolveReference(url, site)) !== "file");
    return isUrl ? { url, as: kind } : undefined;
  }
  return isRemote(url) && !(kind === "patch-or-file" && isInlineYaml(url)) ? { url, as: "file" } : undefined;
}

/** Where the content lies; noted as a need where it is not there. */
function findRemote(walk: Walk, need: RemoteNeed): TreePath | undefined {
  const path = walk.mounts.find(need);
  if (path === undefined) walk.needs.set(`${need.as} ${need.url}`, need);
  else if (walk.tree.typeOf(path) === "missing")
    throw refusal(`${redactUrls(need.url)} has no directory ${path.split("/").slice(2).join("/")}`);
  return path;
}

function refuseRemote(text: string, site: ReferenceSite): never {
  throw remoteRefusal(text, site);
}

/**
 * Plugin configurations, inline or in a file or directory. Their own references are relative to the kustomization
 * that lists them (`site`), not to `base`, where the file is looked for. Returns what to put in place of inline text.
 */
function visitPlugins(walk: Walk, text: string, site: ReferenceSite, base: TreePath): string | undefined {
  const path = resolveReference(text, { ...site, directory: base });
  const type = walk.tree.typeOf(path);
  if (type === "directory") {
    walk.open.push({ directory: path, site, ofPlugins: true });
    return undefined;
  }
  if (type === "file") {
    const content = walk.tree.read(path).toString("utf8");
    walk.tree.write(path, guardPluginText(walk, content, site, path));
    return undefined;
  }
  if (isInlineYaml(text)) return guardPluginText(walk, text, site, site.file);
  requireFound(walk.tree, text, { ...site, directory: base });
  return undefined;
}

function guardPluginText(walk: Walk, text: string, site: ReferenceSite, file: TreePath): string {
  const documents = explained(file, () => readYamlDocuments(text).flatMap(expandList).map(canonicalOrSame));
  for (const configuration of documents.filter(isMapping)) {
    if (/helm/i.test(String(configuration.kind)))
      throw refusal(`${file} uses ${String(configuration.kind)}: kustomize's Helm plugin is off`);
    for (const reference of pluginReferencesOf(configuration)) {
      follow(walk, reference, { ...site, file, field: reference.field }, undefined);
    }
  }
  return documents.map((document) => writeJsonYaml(document)).join("---\n");
}

const canonicalOrSame = (document: unknown): unknown => (isMapping(document) ? canonicalizePlugin(document) : document);

/** Kustomize replaces every object of a kind that ends in List by its items. */
function expandList(document: unknown): readonly unknown[] {
  if (!isMapping(document) || !String(document.kind).endsWith("List")) return [document];
  const items = document.items;
  return Array.isArray(items) ? items.flatMap(expandList) : [document];
}

/** A build of plugin configurations could change the very references that were looked at here. */
function requirePlainList(kustomization: Mapping, file: TreePath, site: ReferenceSite): void {
  const plain = ["apiVersion", "kind", "metadata", "resources"];
  const other = Object.keys(kustomization).find((field) => !plain.includes(field));
  if (other)
    throw refusal(`${file} is listed in ${site.field} of ${site.file} and may only have resources, not ${other}`);
}

function requireFound(tree: Tree, reference: string, site: ReferenceSite): TreePath {
  const path = resolveReference(reference, site);
  const type = tree.typeOf(path);
  if (type !== "file" && isRepository(reference)) throw remoteRefusal(reference, site);
  if (type === "file") requireBelowRemote(path, site);
  if (type !== "missing") return path;
  throw refusal(
    `${site.field} in ${site.file} refers to ${JSON.stringify(reference.slice(0, 200))}: ${path} is missing from the ` +
      "artifact, was ignored, or is a symbolic link, which an artifact never holds",
  );
}

function readYaml(tree: Tree, path: TreePath): void {
  if (tree.typeOf(path) !== "file") {
    tree.visit(path);
    return;
  }
  const bytes = tree.read(path);
  explained(path, () => requireBoundedYaml(bytes.toString("utf8")));
}

function readIfFile(tree: Tree, path: TreePath): void {
  if (tree.typeOf(path) === "file") tree.read(path);
  else if (tree.typeOf(path) === "directory") tree.visit(path);
}

/** Whether kustomize could take the text for YAML mappings instead of a path. */
function isInlineYaml(text: string): boolean {
  try {
    return readYamlDocuments(text).some(isMapping);
  } catch {
    return false;
  }
}

function explained<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof RenderError || !(error instanceof Error)) throw error;
    throw refusal(`${what} cannot be built: ${error.message}`);
  }
}

const refusal = (message: string): RenderError => new RenderError("BuildFailed", message);
