/** What `flux bootstrap` puts into a cluster before the root reconciles: definitions, the built flux-system, its flags. */
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { fluxDefinitionFolders, REAL_BIN } from "../../real/up.ts";
import type { FluxFlags } from "../side.ts";
import { parseDocuments } from "./documents.ts";

const run = promisify(execFile);

export interface FluxParts {
  /** What `flux install` would write. */
  readonly components: string;
  /** All of Flux's definitions: those that were released with the controllers, else those of the components. */
  readonly definitions: readonly KubeObject[];
}

/** @param components a whole gotk-components.yaml of Flux 2.9 */
export async function readFluxParts(components: string): Promise<FluxParts> {
  const folders = (await fluxDefinitionFolders()) ?? [];
  const files = folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  const released = files.flatMap((file) => readObjects(readFileSync(file, "utf8")));
  const text = readFileSync(components, "utf8");
  const known = new Set(released.map(({ metadata }) => metadata.name));
  const others = readObjects(text).filter(
    ({ kind, metadata }) => kind === "CustomResourceDefinition" && !known.has(metadata.name),
  );
  return { components: text, definitions: [...released, ...others.map(withAnyValue)] };
}

/** No controller of theirs is here, and a fleet may be of a later version: their lists of values are longer then. */
function withAnyValue<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withAnyValue) as T;
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).filter(([name, below]) => name !== "enum" || !Array.isArray(below));
  return Object.fromEntries(fields.map(([name, below]) => [name, withAnyValue(below as unknown)])) as T;
}

export const readObjects = (text: string): readonly KubeObject[] =>
  parseDocuments(text).map((document) => document.toJS() as KubeObject);

/** The flux-system that the root brings, as its own build makes it; nothing where it brings none. */
export async function buildFluxSystem(folder: string, path: string): Promise<readonly KubeObject[]> {
  const places = [path, `${path}/flux-system`].filter((place) => existsSync(join(folder, place, "kustomization.yaml")));
  const [place] = places;
  if (place === undefined || !existsSync(join(folder, path, "flux-system", "gotk-sync.yaml"))) return [];
  const { stdout } = await run(join(REAL_BIN, "kubectl"), ["kustomize", join(folder, place)], {
    maxBuffer: 64 * 1024 * 1024,
  });
  return readObjects(stdout).filter(isOfFlux);
}

const isOfFlux = ({ kind, metadata }: KubeObject): boolean =>
  metadata.labels?.["app.kubernetes.io/part-of"] === "flux" ||
  (metadata.name === "flux-system" && ["GitRepository", "Kustomization"].includes(kind));

/** Flags of its own place in a cluster, and of how fast it goes. */
const ownFlags =
  /^--(events-addr|watch-all-namespaces|log-|enable-leader-election|storage-|concurrent|requeue-dependency|metrics-|health-)/;

interface PodTemplate {
  readonly spec: { readonly containers: readonly { readonly args?: readonly string[] }[] };
}

export function flagsOf(objects: readonly KubeObject[]): Required<FluxFlags> {
  const argsOf = (name: string): readonly string[] => {
    const found = objects.find(({ kind, metadata }) => kind === "Deployment" && metadata.name === name);
    const spec = found?.spec as { readonly template: PodTemplate } | undefined;
    return (spec?.template.spec.containers[0]?.args ?? []).filter((arg) => !ownFlags.test(arg));
  };
  return { kustomizeArgs: argsOf("kustomize-controller"), sourceArgs: argsOf("source-controller") };
}
