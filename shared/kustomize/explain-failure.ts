/**
 * What is added to Flux's words about a failed run: the cause that a person would look for next, or what to do. Read
 * only when a run has failed, and never a reason for it to fail otherwise.
 */
import { groupOf } from "../api/kube-object.ts";
import { KubeError } from "../kubernetes/cluster.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { nearest } from "../runtime/nearest.ts";
import { kustomizationFields } from "../render/references.ts";
import { explainUndeclared } from "./explain-field.ts";
import { isFluxGroup } from "./prune.ts";
import type { Run } from "./run.ts";

type Rule = readonly [words: RegExp, advice: (found: RegExpExecArray) => string | undefined];

const rules: readonly Rule[] = [
  [
    /no matches for kind "(\w+)" in version "([^"]+)"/,
    ([, kind = "", version = ""]) => missingDefinition(kind, version),
  ],
  [
    /is\simmutable|immutable\sfield/,
    () =>
      "set spec.force: true, or the annotation kustomize.toolkit.fluxcd.io/force: enabled on the object, to have it deleted and created again; or restore the field",
  ],
  [
    /namespaces "([^"]+)" not found/,
    ([, name = ""]) =>
      `add the Namespace ${name} to this Kustomization, or name the Kustomization that brings it in dependsOn`,
  ],
  [
    /variable not set \(strict mode\): "([^"]+)"/,
    ([, name = ""]) =>
      `set ${name} in spec.postBuild.substitute or in an object of substituteFrom, give it a default as \${${name}:=default}, or annotate the object with kustomize.toolkit.fluxcd.io/substitute: disabled`,
  ],
  [
    /^Reconciliation failed terminally due to configuration error: (?:terminal error: failed to evaluate dependency (\S+):)?/,
    ([, dependency]) =>
      dependency === undefined
        ? "correct spec.healthCheckExprs"
        : `correct readyExpr of the dependency ${dependency} in spec.dependsOn`,
  ],
  [
    /^unable to read KubeConfig secret '([^']+)\/([^']+)' error: secrets "[^"]*" not found/,
    ([, namespace = "", name = ""]) =>
      `make the Secret ${name} in ${namespace}, with a kubeconfig under the key value, or correct spec.kubeConfig.secretRef`,
  ],
  [
    /^(?:KubeConfig secret|failed to get configmap|provider '' not implemented)/,
    () => "correct what spec.kubeConfig refers to",
  ],
  [/'([^']*)' var name is invalid/, () => "rename the variable: letters, digits and underscores, no digit first"],
  [/invalid Kustomization: json: unknown field "(\w+)"/, ([, name = ""]) => nearField(name)],
];

/** Undefined when the message says all there is to say. */
export async function explainFailure(
  message: string,
  { own, target }: Pick<Run, "own" | "target">,
): Promise<string | undefined> {
  for (const [words, advice] of rules) {
    const found = words.exec(message);
    const text = found && advice(found);
    if (text) return text;
  }
  return unlessRefused(() => explainUndeclared(message, target?.applier ?? own));
}

/** Whoever may not look, or cannot now, is told nothing more. */
export async function unlessRefused<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    // The latter of a spoke that cannot be asked.
    if (error instanceof KubeError || error instanceof ReconcileError) return undefined;
    throw error;
  }
}

function missingDefinition(kind: string, apiVersion: string): string {
  const group = groupOf(apiVersion);
  const where = isFluxGroup(group) ? " (Flux's are in flux-system/gotk-components.yaml)" : "";
  return `the cluster has no definition of ${kind} in ${group || "the core group"} at this version: add its CustomResourceDefinition${where} to this Kustomization, or name the Kustomization that brings it in dependsOn`;
}

function nearField(name: string): string | undefined {
  const meant = nearest(name, kustomizationFields);
  return meant === undefined ? undefined : `did you mean ${meant}?`;
}
