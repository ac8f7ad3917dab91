/** Patches whose target matches nothing: kustomize is silent about them. */
import { groupOf, versionOf } from "../api/kube-object.ts";
import { parseAnchoredGoRegExp } from "../ssa/go-regexp.ts";
import { isMapping, type Mapping } from "./references.ts";
import type { Tree } from "./tree.ts";
import { resolveReference, type TreePath } from "./tree-path.ts";

/** A target as kustomize takes it; selectors by label and annotation are believed. */
export interface PatchTarget {
  readonly group?: unknown;
  readonly version?: unknown;
  readonly kind?: unknown;
  readonly name?: unknown;
}

export interface BuiltName {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
}

/**
 * Whether an object of the finished build may be one that the target meant: by then its name may have got a prefix or a
 * suffix, and its namespace may be another.
 */
export function mayMatch({ group, version, kind, name }: PatchTarget, built: BuiltName): boolean {
  return (
    fits(group, groupOf(built.apiVersion)) &&
    fits(version, versionOf(built.apiVersion)) &&
    fits(kind, built.kind) &&
    fits(typeof name === "string" && name !== "" ? `.*(?:${name}).*` : name, built.name)
  );
}

/** `where` names the patch, e.g. `spec.patches[0]`. */
export const changesNothing = (where: string, target: Readonly<Record<string, unknown>>): string => {
  const described = Object.entries(target).map(([field, value]) => `${field}: ${String(value)}`);
  return `${where} changes nothing: no object of the build matches its target (${described.join(", ")}): correct the target or remove the patch`;
};

/** Whether the patch takes its target out of the build, where nobody finds it any more. */
export const mayDelete = (patch: string): boolean => patch.includes("$patch");

export interface TargetedPatch {
  readonly file: TreePath;
  readonly index: number;
  readonly target: Mapping;
}

/** The patches of a kustomization that have a target and leave it there. */
export function targetedPatches(
  kustomization: Mapping,
  site: { readonly file: TreePath; readonly directory: TreePath },
  tree: Tree,
): readonly TargetedPatch[] {
  const list = Array.isArray(kustomization.patches) ? (kustomization.patches as readonly unknown[]) : [];
  return list.flatMap((entry, index) => {
    if (!isMapping(entry) || !isMapping(entry.target)) return [];
    const path =
      typeof entry.path === "string" ? resolveReference(entry.path, { ...site, field: "patches.path" }) : undefined;
    const text = path !== undefined && tree.typeOf(path) === "file" ? tree.read(path).toString("utf8") : entry.patch;
    return typeof text === "string" && !mayDelete(text) ? [{ file: site.file, index, target: entry.target }] : [];
  });
}

/** One line for each patch that no object of the build can have been meant by. */
export function findSilentPatches(patches: readonly TargetedPatch[], yaml: Buffer): readonly string[] {
  if (patches.length === 0) return [];
  const built = namesIn(yaml.toString("utf8"));
  return patches
    .filter(({ target }) => !built.some((name) => mayMatch(target, name)))
    .map(({ file, index, target }) => changesNothing(`patches[${index}] of ${file}`, target));
}

/** Kustomize prints each document in block style with its top-level fields at the margin. */
function namesIn(yaml: string): readonly BuiltName[] {
  return yaml.split(/^---$/m).flatMap((text) => {
    const [, apiVersion] = /^apiVersion: (\S+)$/m.exec(text) ?? [];
    const [, kind] = /^kind: (\S+)$/m.exec(text) ?? [];
    const [, name] = /^metadata:\n(?: {2}.*\n)*? {2}name: ["']?([^\s"']+)/m.exec(text) ?? [];
    return apiVersion && kind && name ? [{ apiVersion, kind, name }] : [];
  });
}

/** An expression that cannot be read here is kustomize's business. */
function fits(pattern: unknown, value: string): boolean {
  if (typeof pattern !== "string" || pattern === "") return true;
  try {
    return parseAnchoredGoRegExp(pattern).test(value);
  } catch {
    return true;
  }
}
