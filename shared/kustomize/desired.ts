/** The build as a list of objects to apply. Texts that were applied before are recognised and not parsed again. */
import { createHash } from "node:crypto";

import { groupOf, type KubeObject, type ObjectRef } from "../api/kube-object.ts";
import { formatId, refOfId } from "../inventory/id.ts";
import { type Owner, withOwner } from "../ssa/owner.ts";
import { normalize } from "../ssa/normalize.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { parseKubeYaml, splitKubeYaml } from "../runtime/kube-yaml.ts";
import type { AppliedState } from "./applied-state.ts";

export interface Desired {
  readonly id: string;
  readonly ref: ObjectRef;
  /** Digest of the text, as in AppliedObject. */
  readonly text: string;
  /** The normalised object with its owner labels; parsed on first use. */
  object(): KubeObject;
}

/** @throws ReconcileError BuildFailed where the text is not Kubernetes YAML */
export function parseDesired(yaml: string, owner: Owner, state: AppliedState): readonly Desired[] {
  const known = new Map(Object.entries(state.objects).map(([id, { text, v }]) => [text, { id, v }]));
  const found = new Map<string, Desired>();
  for (const document of splitKubeYaml(yaml)) {
    const text = digestOf(document.text);
    const before = known.get(text);
    const entries = before
      ? [lazily(before.id, before.v, text, () => parseDocument(document.text, owner)[0])]
      : eager(parseDocument(document.text, owner), text);
    for (const entry of entries) found.set(entry.id, entry);
  }
  return [...found.values()];
}

/** All documents but the first begin with the rest of the separator's line: no object changes by moving to the front. */
function digestOf(text: string): string {
  return createHash("sha256")
    .update(text.replace(/^\r?\n/, ""))
    .digest("hex")
    .slice(0, 32);
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
    object: () => {
      parsed ??= parse();
      if (!parsed) throw new TypeError(`no object in the text of ${id}`);
      return parsed;
    },
  };
}

function eagerly(object: KubeObject, text: string): Desired {
  const { apiVersion, kind, metadata } = object;
  const ref = {
    apiVersion,
    kind,
    name: metadata.name,
    ...(metadata.namespace ? { namespace: metadata.namespace } : {}),
  };
  return { id: formatId(ref), ref, text, object: () => object };
}

function parseDocument(text: string, owner: Owner): readonly KubeObject[] {
  try {
    return normalize(parseKubeYaml(text)).map((object) => withOwner(requireDecrypted(object), owner));
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
