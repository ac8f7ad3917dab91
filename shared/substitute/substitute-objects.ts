/** Flux's post-build substitution: in the text of each built object on its own, unless the object opts out. */
import type { KubeObject } from "../api/kube-object.ts";
import { parseKubeYaml, splitKubeYaml } from "../runtime/kube-yaml.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { substituteText } from "./envsubst.ts";
import { mayHoldLongIntegers, normalizeSubstituted } from "./normalize-substituted.ts";
import { requireValidNames, type Variables } from "./variables.ts";

export interface SubstituteObjectsOptions {
  /** A variable that is not set and has no default is an error; see `isStrictByDefault`. */
  readonly strict: boolean;
  /** `WithVariables`: nothing is done, not even with defaults, when there is no variable at all. */
  readonly strategy?: "WithVariables" | "Always" | undefined;
}

/** Since 2.9. */
export const isStrictByDefault = (compatibility: "2.8" | "2.9" | "2.10"): boolean => compatibility !== "2.8";

/** As label or annotation. The definition of Kustomization carries it since 2.9.2; by name it is not exempt. */
const toggle = "kustomize.toolkit.fluxcd.io/substitute";
const separator = "---";

/**
 * The documents with their variables replaced. What is not replaced stays as it is, byte by byte; what is replaced
 * without quotes may be read as a number or a boolean afterwards.
 *
 * @param yaml documents as kustomize prints them, separated by lines of `---`
 * @throws ReconcileError BuildFailed with the message of Flux's condition, naming object and cause
 */
export function substituteObjects(yaml: string, variables: Variables, options: SubstituteObjectsOptions): string {
  const { values, failure } = variables;
  if (failure === undefined && values.size === 0 && options.strategy !== "Always") return yaml;
  const texts = splitKubeYaml(yaml).map(({ text }) => text);
  const requireUniqueIdentity = createIdentityCheck(texts);
  for (const [index, text] of texts.entries()) {
    if (optsOut(text)) continue;
    const substituted = substituteDocument(text, variables, options);
    if (substituted === undefined) continue;
    texts[index] = substituted;
    requireUniqueIdentity(text, substituted);
  }
  return texts.join(separator);
}

function optsOut(text: string): boolean {
  if (!text.includes(toggle)) return false;
  const { labels, annotations } = parseKubeYaml(text)[0]?.metadata ?? {};
  return labels?.[toggle] === "disabled" || annotations?.[toggle] === "disabled";
}

/** Undefined when there is nothing to replace. */
function substituteDocument(
  text: string,
  { values, failure }: Variables,
  { strict }: SubstituteObjectsOptions,
): string | undefined {
  // The line of the separator is no part of what Go reads: lines are counted from the next.
  const body = text.replace(/^\n/, "");
  const replace = (): string | undefined => {
    requireValidNames(values);
    const substituted = explain("variable substitution failed", () => substituteText(body, values, { strict }));
    return substituted === body && !mayHoldLongIntegers(body) ? undefined : normalizeSubstituted(substituted);
  };
  const document = explain(
    () => `post build failed for '${subjectOf(body)}'`,
    () => {
      if (failure !== undefined) throw new ReconcileError("retry", "BuildFailed", failure);
      return explain("envsubst error", replace);
    },
  );
  return document === undefined ? undefined : text.slice(0, text.length - body.length) + document;
}

/** Puts what was done before the words of a failure. */
function explain<T>(what: string | (() => string), work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof ReconcileError)) throw error;
    const prefix = typeof what === "string" ? what : what();
    throw new ReconcileError(error.disposition, error.reason, `${prefix}: ${error.message}`, { cause: error });
  }
}

/**
 * Kustomize puts each substituted object in the place of the one with its id, as the ids stand by then.
 *
 * @returns a function to be called after each change in `texts`
 * @throws ReconcileError from that function, when there are two
 */
function createIdentityCheck(texts: readonly string[]) {
  let counts: Map<string, number> | undefined;
  return (before: string, after: string): void => {
    const envelopes = [before, after].map(envelopeText);
    if (envelopes[0] === envelopes[1]) return;
    const [old = "", identity = ""] = envelopes.map(identityOf);
    if (counts === undefined) counts = countBy(texts.map(envelopeText).map(identityOf));
    else counts.set(old, (counts.get(old) ?? 0) - 1).set(identity, (counts.get(identity) ?? 0) + 1);
    const count = counts.get(identity) ?? 0;
    if (count > 1) throw new ReconcileError("retry", "BuildFailed", `in Replace: id matched ${count} resources`);
  };
}

function countBy(identities: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const identity of identities) counts.set(identity, (counts.get(identity) ?? 0) + 1);
  return counts;
}

/** The lines that can hold apiVersion, kind, namespace and name: cheaper to read than the whole. */
const envelopeText = (text: string): string =>
  (text.match(/^["']?(?:apiVersion|kind|metadata)["']?:.*(?:\n[ \t].*|\n(?=\n))*/gm) ?? []).join("\n");

/** Of an object without a namespace, as of one in the default one. */
function identityOf(text: string): string {
  const { apiVersion, kind, metadata } = envelopeOf(text);
  return [apiVersion, kind, metadata.namespace || "default", metadata.name].join(" ");
}

/** Kustomize's name for it, such as `Deployment.v1.apps/frontend` or `ConfigMap.v1.[noGrp]/settings`. */
function subjectOf(text: string): string {
  const { apiVersion, kind, metadata } = envelopeOf(text);
  const slash = apiVersion.indexOf("/");
  const group = slash < 0 ? "" : apiVersion.slice(0, slash);
  return `${kind || "[noKind]"}.${apiVersion.slice(slash + 1) || "[noVer]"}.${group || "[noGrp]"}/${metadata.name}`;
}

/** A substitution may leave anything of it. */
function envelopeOf(text: string) {
  const object: Partial<KubeObject> = parseKubeYaml(text)[0] ?? {};
  const { apiVersion = "", kind = "", metadata } = object;
  const { name = "", namespace = "" } = metadata ?? {};
  return { apiVersion, kind, metadata: { name, namespace } };
}
