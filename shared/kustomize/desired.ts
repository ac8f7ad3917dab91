/** The build as a list of objects to apply. Texts that were applied before are recognised and not parsed again. */
import { groupOf, type KubeObject, type ObjectRef, refOf } from "../api/kube-object.ts";
import { mayBeMisread } from "../api/misprints.ts";
import { withControllersAtZero } from "../config/scale-down.ts";
import { formatId, refOfId } from "../inventory/id.ts";
import { type CommonMetadata, withCommonMetadata } from "../ssa/common-metadata.ts";
import { type Owner, withOwner } from "../ssa/owner.ts";
import { normalize } from "../ssa/normalize.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { parseKubeYaml } from "../runtime/kube-yaml.ts";
import type { AppliedState } from "./applied-state.ts";
import type { Manifest } from "./manifests.ts";
import { requireApiVersion } from "./require-api-version.ts";

export interface Desired {
  readonly id: string;
  readonly ref: ObjectRef;
  /** Digest of the text, as in AppliedObject. */
  readonly text: string;
  /** The text was read already: the object costs nothing, and is as the text has it. */
  readonly isParsed: boolean;
  /** The normalised object with its owner labels; parsed on first use. */
  object(): KubeObject;
}

export interface DesiredOptions {
  readonly owner: Owner;
  readonly commonMetadata?: CommonMetadata | undefined;
}

/** @throws ReconcileError BuildFailed where the text is not Kubernetes YAML */
export function parseDesired(
  documents: readonly Manifest[],
  options: DesiredOptions,
  state: AppliedState,
): readonly Desired[] {
  const known = new Map(Object.entries(state.objects).map(([id, { text, v }]) => [text, { id, v }]));
  const found = new Map<string, Desired>();
  for (const { text, digest } of documents) {
    const before = mayBeMisread(text) ? undefined : known.get(digest);
    const entries = before
      ? [lazily(before.id, before.v, digest, () => parseDocument(text, options)[0])]
      : eager(parseDocument(text, options), digest);
    for (const entry of entries) found.set(entry.id, entry);
  }
  return [...found.values()];
}

/** The members of a List share one text, which then recognises none of them. */
function eager(objects: readonly KubeObject[], text: string): readonly Desired[] {
  return objects.map((object, index) => eagerly(object, objects.length === 1 ? text : `${text}#${index}`));
}

function lazily(id: string, v: string, text: string, parse: () => KubeObject | undefined): Desired {
  const ref = refOfId({ id, v });
  let parsed: KubeObject | undefined;
  return {
    id,
    ref,
    text,
    isParsed: false,
    object: () => {
      parsed ??= parse();
      if (!parsed) throw new TypeError(`no object in the text of ${id}`);
      return parsed;
    },
  };
}

/** @param text digest of the text that the object was read from */
export function eagerly(object: KubeObject, text: string): Desired {
  const ref = refOf(object);
  return { id: formatId(ref), ref, text, isParsed: true, object: () => object };
}

/** Common metadata goes over the owner's labels, as in Flux. */
function parseDocument(text: string, { owner, commonMetadata = {} }: DesiredOptions): readonly KubeObject[] {
  try {
    const objects = normalize(parseKubeYaml(text).map(requireApiVersion));
    return objects.map((object) =>
      withControllersAtZero(withCommonMetadata(withOwner(requireDecrypted(object), owner), commonMetadata)),
    );
  } catch (error) {
    if (error instanceof ReconcileError) throw error;
    throw new ReconcileError("retry", "BuildFailed", error instanceof Error ? error.message : String(error));
  }
}

/** A Secret that still carries SOPS metadata must never reach the cluster as ciphertext. */
function requireDecrypted(object: KubeObject): KubeObject {
  if (object.kind === "Secret" && groupOf(object.apiVersion) === "" && object.sops !== undefined)
    throw new ReconcileError(
      "retry",
      "BuildFailed",
      `Secret/${object.metadata.namespace ?? ""}/${object.metadata.name} is SOPS encrypted, configuring decryption is required for this secret to be reconciled`,
    );
  return object;
}
