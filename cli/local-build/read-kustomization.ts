/** The Flux Kustomization that a local build follows: from a file, from the cluster, or from the build of its parent. */
import { readFileSync, statSync } from "node:fs";

import { groupOf, type KubeObject, type ObjectRef } from "../../shared/api/kube-object.ts";
import { describeFindings } from "../../shared/api/fields.ts";
import { kustomizationApiVersion, kustomizationKind, parseKustomization } from "../../shared/api/kustomization.ts";
import type { Kustomization } from "../../shared/api/kustomization.ts";
import { isRecord } from "../../shared/api/schema.ts";
import { parseKubeYaml, splitKubeYaml } from "../../shared/runtime/kube-yaml.ts";
import { CommandError } from "../ports.ts";

/** `namespace` is empty where the manifest has none: Flux fills nothing in. */
export interface LocalKustomization extends Pick<Kustomization, "spec" | "status"> {
  readonly name: string;
  readonly namespace: string;
}

export const refOfKustomization = (name: string, namespace: string): ObjectRef => ({
  apiVersion: kustomizationApiVersion,
  kind: kustomizationKind,
  name,
  namespace,
});

export const isFluxKustomization = ({ apiVersion, kind }: KubeObject): boolean =>
  kind === kustomizationKind && groupOf(apiVersion) === groupOf(kustomizationApiVersion);

/** @throws CommandError when the file cannot be read, or has no Kustomization of the name */
export function readKustomizationFile(file: string, name: string, namespace: string): LocalKustomization {
  const found = documentsOf(file).find(
    (object) =>
      isFluxKustomization(object) &&
      object.metadata.name === name &&
      (object.metadata.namespace === undefined || object.metadata.namespace === namespace),
  );
  if (!found)
    throw new CommandError(
      `failed to get kustomization object: failed find kustomization with name '${name}' and namespace '${namespace}' in file '${file}'`,
    );
  return toLocalKustomization(found);
}

/**
 * @param shown the path as it was given
 * @throws CommandError with Flux's words
 */
export function requireKustomizationFile(file: string, shown: string): void {
  if (!statSync(file, { throwIfNoEntry: false })?.isFile())
    throw new CommandError(`invalid kustomization file "${shown}"`);
}

function documentsOf(file: string): readonly KubeObject[] {
  try {
    return splitKubeYaml(readFileSync(file, "utf8"))
      .flatMap(({ text }) => parseKubeYaml(text))
      .filter(hasMetadata);
  } catch (error) {
    throw new CommandError(
      `failed to get kustomization object: failed to unmarshall kustomization file ${file}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

const hasMetadata = (object: unknown): object is KubeObject =>
  isRecord(object) &&
  typeof object.kind === "string" &&
  typeof object.apiVersion === "string" &&
  isRecord(object.metadata);

/**
 * Fields that only the engine needs may be missing, as in the patch of an overlay.
 * @throws CommandError naming every field that is wrong
 */
export function toLocalKustomization(object: KubeObject): LocalKustomization {
  const { name, namespace = "" } = object.metadata;
  const spec = isRecord(object.spec) ? object.spec : {};
  const parsed = parseKustomization({
    ...object,
    apiVersion: kustomizationApiVersion,
    metadata: { ...object.metadata, namespace: namespace || "default" },
    spec: {
      interval: "10m",
      prune: false,
      ...spec,
      sourceRef: { kind: "GitRepository", name: "", ...sourceRef(spec) },
    },
  });
  if (!parsed.ok)
    throw new CommandError(`Kustomization/${namespace}/${name} cannot be built: ${describeFindings(parsed.findings)}`);
  return { name, namespace, spec: parsed.value.spec, status: parsed.value.status };
}

const sourceRef = (spec: Readonly<Record<string, unknown>>) => (isRecord(spec.sourceRef) ? spec.sourceRef : {});
