/** What a Flux Kustomization makes of a local directory, object by object, in the order of Flux's CLI. */
import { resolve } from "node:path";

import type { KubeObject } from "../../shared/api/kube-object.ts";
import { overlayOf } from "../../shared/render/protocol.ts";
import { type Cluster, KubeError } from "../../shared/kubernetes/cluster.ts";
import { parseKubeYaml } from "../../shared/runtime/kube-yaml.ts";
import { ReconcileError } from "../../shared/runtime/reconcile-error.ts";
import { withCommonMetadata } from "../../shared/ssa/common-metadata.ts";
import { withOwner } from "../../shared/ssa/owner.ts";
import { substituteObjects } from "../../shared/substitute/substitute-objects.ts";
import { CommandError } from "../ports.ts";
import { buildDirectory, type BuildTools } from "./build-directory.ts";
import { maskSops } from "./mask-sops.ts";
import {
  isFluxKustomization,
  type LocalKustomization,
  readKustomizationFile,
  refOfKustomization,
  toLocalKustomization,
} from "./read-kustomization.ts";
import { readVariables } from "./read-variables.ts";

/** What is the same for a Kustomization and for those that it builds. */
export interface BuildSettings {
  /** Undefined in dry-run mode: nothing is read from a cluster. */
  readonly cluster: Cluster | undefined;
  readonly ignorePaths: readonly string[];
  readonly strictSubstitute: boolean;
  /** Directories of sources by `Kind/namespace/name`. */
  readonly localSources: ReadonlyMap<string, string>;
  readonly workingDirectory: string;
  readonly tools: BuildTools;
  readonly signal?: AbortSignal | undefined;
}

export interface BuildTarget {
  readonly name: string;
  readonly namespace: string;
  /** Absolute path. */
  readonly directory: string;
  /** Goes before the one of the cluster. */
  readonly file?: string | undefined;
  /** Taken when the cluster has none. */
  readonly fallback?: LocalKustomization | undefined;
  /** The cluster may have none, the file is enough. */
  readonly mayBeAbsent?: boolean | undefined;
}

export interface Built {
  readonly kustomization: LocalKustomization;
  readonly objects: readonly KubeObject[];
}

/** @throws CommandError, RenderError and ReconcileError for what the user must repair */
export async function buildKustomization(target: BuildTarget, settings: BuildSettings): Promise<Built> {
  const kustomization = await resolveKustomization(target, settings);
  const { spec } = kustomization;
  const yaml = await buildDirectory(
    { ...settings, directory: target.directory, overlay: overlayOf(spec) },
    settings.tools,
  );
  const substituted = await substitute(yaml, kustomization, settings);
  const objects = parseKubeYaml(substituted)
    .map((object) => maskSops(withOwner(object, kustomization)))
    .map((object) => withCommonMetadata(object, spec.commonMetadata ?? {}));
  return { kustomization, objects };
}

/** With the objects of all Kustomizations among them, each behind those of its parent. */
export async function buildRecursively(target: BuildTarget, settings: BuildSettings): Promise<readonly KubeObject[]> {
  const { kustomization, objects } = await buildKustomization(target, settings);
  const added: KubeObject[] = [];
  for (const child of childrenOf(kustomization, objects)) {
    const below = targetOfChild(child, settings);
    added.push(...(await buildRecursively({ ...below, fallback: child }, settings)));
  }
  return [...objects, ...added];
}

/** The Kustomizations among the objects; one that contains itself is not one of them. */
export function childrenOf(parent: LocalKustomization, objects: readonly KubeObject[]): readonly LocalKustomization[] {
  return objects
    .filter(isFluxKustomization)
    .map(toLocalKustomization)
    .filter(({ name, namespace }) => name !== parent.name || namespace !== parent.namespace);
}

/** @throws CommandError when `--local-sources` does not have its source */
export function targetOfChild({ name, namespace, spec }: LocalKustomization, settings: BuildSettings): BuildTarget {
  const { kind, name: source, namespace: sourceNamespace = namespace } = spec.sourceRef;
  const key = `${kind}/${sourceNamespace || namespace}/${source}`;
  const root = settings.localSources.get(key);
  if (root === undefined) throw new CommandError(`cannot get local path for ${key} of kustomization ${name}`);
  return { name, namespace, directory: resolve(settings.workingDirectory, root, `./${spec.path ?? ""}`) };
}

async function resolveKustomization(
  target: BuildTarget,
  { cluster, signal }: BuildSettings,
): Promise<LocalKustomization> {
  const { name, namespace, file, fallback, mayBeAbsent = false } = target;
  const live = cluster && (await readLive(cluster, target, signal));
  if (cluster && !live && !mayBeAbsent && !fallback)
    throw new CommandError(
      `failed to get kustomization object: kustomizations.kustomize.toolkit.fluxcd.io "${name}" not found`,
    );
  if (file === undefined) {
    const found = live ?? fallback;
    if (!found) throw new CommandError("dry-run mode requires a kustomization file");
    return found;
  }
  const local = readKustomizationFile(file, name, namespace);
  return live?.status.inventory ? { ...local, status: live.status } : local;
}

async function readLive(cluster: Cluster, { name, namespace }: BuildTarget, signal: AbortSignal | undefined) {
  try {
    const object = await cluster.get(refOfKustomization(name, namespace), signal);
    return object && toLocalKustomization(object);
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    throw new CommandError(`failed to get kustomization object: ${error.message}`);
  }
}

async function substitute(
  yaml: string,
  kustomization: LocalKustomization,
  { cluster, strictSubstitute, signal }: BuildSettings,
): Promise<string> {
  const { postBuild } = kustomization.spec;
  if (postBuild === undefined) return yaml;
  const variables = await readVariables(kustomization, cluster, signal);
  try {
    return substituteObjects(yaml, variables, { strict: strictSubstitute, strategy: postBuild.substituteStrategy });
  } catch (error) {
    if (!(error instanceof ReconcileError)) throw error;
    // The engine names the object as its condition does, Flux's CLI by its name alone.
    throw new CommandError(error.message.replace(/^post build failed for '[^']*\//, "var substitution failed for '"));
  }
}
