/**
 * Completes the root kustomization as Flux does: takes the one in the path or makes one from all manifests below it,
 * then merges the fields of the Kustomization's spec into it.
 */
import { RenderError, type KustomizationOverlay, type OverlayImage } from "./protocol.ts";
import { writeJsonYaml } from "./read-yaml.ts";
import { knownFieldsOf, kustomizationFields, isMapping, type Mapping } from "./references.ts";
import { readKustomization } from "./guard.ts";
import { withTextFields } from "./string-fields.ts";
import type { Tree } from "./tree.ts";
import { isRemote, isRepository, joinTreePath, resolveReference, type TreePath } from "./tree-path.ts";

export interface CompletedRoot {
  /** Files that were listed because they lie in the path; empty when the repository has its own kustomization. */
  readonly generatedFrom: readonly string[];
  /** The file that was completed. */
  readonly file: TreePath;
  /** How many patches it had of its own; those of the spec come behind them. */
  readonly ownPatches: number;
  /** Its fields that Flux does not know, and drops. */
  readonly unknownFields: readonly string[];
}

/** Writes the completed kustomization into the directory. @throws RenderError BuildFailed */
export function completeRoot(tree: Tree, directory: TreePath, overlay: KustomizationOverlay): CompletedRoot {
  const file = tree.findKustomization(directory);
  const scanned = file === undefined ? scanManifests(tree, directory, ".") : [];
  const given = file === undefined ? {} : requireMapping(tree, file);
  const base = file === undefined ? generated(scanned) : existing(given);
  const target = file ?? joinTreePath(directory, "kustomization.yaml");
  tree.write(target, writeJsonYaml(withFirstInFirstOut(merge(base, overlay, tree, directory))));
  // A directory among them is built, not decoded.
  const generatedFrom = scanned.filter((path) => tree.typeOf(joinTreePath(directory, path.slice(2))) === "file");
  const unknownFields = Object.keys(given).filter((field) => !kustomizationFields.includes(field));
  return { generatedFrom, file: target, ownPatches: listOf(base.patches).length, unknownFields };
}

function requireMapping(tree: Tree, file: TreePath): Mapping {
  const kustomization = readKustomization(tree, file) ?? {};
  if (!isMapping(kustomization)) throw new RenderError("BuildFailed", `${file} is not a kustomization: want a mapping`);
  return kustomization;
}

function existing(kustomization: Mapping): Mapping {
  const known = withTextFields(knownFieldsOf(kustomization));
  // Flux sets it against the error about an empty kustomization, and so whenever there are no resources.
  return listOf(known.resources).length === 0 ? { ...known, buildMetadata: ["originAnnotations"] } : known;
}

function generated(resources: readonly string[]): Mapping {
  return {
    apiVersion: "kustomize.config.k8s.io/v1beta1",
    kind: "Kustomization",
    // A kustomization must not be empty; a namespace on nothing builds to nothing.
    ...(resources.length > 0 ? { resources } : { namespace: "_placeholder" }),
  };
}

/** All manifests below, depth first in Go's order; a directory with its own kustomization is one resource. */
function scanManifests(tree: Tree, directory: TreePath, shown: string): readonly string[] {
  return tree.list(directory).flatMap((name) => {
    const path = joinTreePath(directory, name);
    const here = `${shown}/${name}`;
    if (tree.typeOf(path) === "directory") {
      return tree.findKustomization(path) === undefined ? scanManifests(tree, path, here) : [here];
    }
    return /\.ya?ml$/.test(name) && tree.typeOf(path) === "file" ? [here] : [];
  });
}

function merge(base: Mapping, overlay: KustomizationOverlay, tree: Tree, directory: TreePath): Mapping {
  const { targetNamespace, namePrefix, nameSuffix, patches = [], images = [], buildMetadata } = overlay;
  const components = componentsOf(overlay, tree, directory);
  return {
    ...base,
    ...(targetNamespace === undefined ? {} : { namespace: targetNamespace }),
    ...(namePrefix === undefined ? {} : { namePrefix }),
    ...(nameSuffix === undefined ? {} : { nameSuffix }),
    ...(patches.length > 0 ? { patches: [...listOf(base.patches), ...patches.map(patchOf)] } : {}),
    ...(components.length > 0 ? { components: [...listOf(base.components), ...components] } : {}),
    ...(images.length > 0 ? { images: mergeImages(listOf(base.images), images) } : {}),
    // A list that is set replaces the other, even an empty one.
    ...(buildMetadata === undefined ? {} : { buildMetadata }),
  };
}

/** A patch of the spec is text and target only: no path. */
function patchOf(patch: unknown): Mapping {
  if (!isMapping(patch)) throw new RenderError("BuildFailed", "unable to get patches: want a mapping");
  return { patch: patch.patch, ...(patch.target === undefined ? {} : { target: patch.target }) };
}

function componentsOf(overlay: KustomizationOverlay, tree: Tree, directory: TreePath): readonly string[] {
  const { components = [], ignoreMissingComponents = false } = overlay;
  return components.filter((component) => {
    if (isRemote(component) || isRepository(component) || component.startsWith("/")) {
      throw new RenderError("BuildFailed", `component path '${component}' must be local and relative`);
    }
    const site = { file: joinTreePath(directory, "kustomization.yaml"), directory, field: "components" };
    return !ignoreMissingComponents || tree.typeOf(resolveReference(component, site)) !== "missing";
  });
}

/** Field by field into the entry of the same name; tag and digest select the version together, so they go together. */
function mergeImages(present: readonly unknown[], images: readonly OverlayImage[]): readonly unknown[] {
  return images.reduce<readonly unknown[]>((merged, { name, newName, newTag, digest }) => {
    const chosen = {
      ...(newName ? { newName } : {}),
      ...(newTag || digest ? { newTag: newTag ?? "", digest: digest ?? "" } : {}),
    };
    const index = merged.findIndex((entry) => isMapping(entry) && entry.name === name);
    if (index === -1) return [...merged, { name, ...chosen }];
    return merged.map((entry, at) => (at === index ? { ...(entry as Mapping), ...chosen } : entry));
  }, present);
}

/** Flux applies no order where the repository asks for none; kubectl would sort by kind. */
function withFirstInFirstOut(kustomization: Mapping): Mapping {
  return kustomization.sortOptions ? kustomization : { ...kustomization, sortOptions: { order: "fifo" } };
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as readonly unknown[]) : []);
