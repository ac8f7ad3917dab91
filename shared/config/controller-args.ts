/** The words of a controller's command line, as the pod would see them. */
import type { KubeObject } from "../api/kube-object.ts";
import { isRecord } from "../api/schema.ts";
import { fieldAt } from "../health/fields.ts";

/** A word that still holds a reference after expansion is known only inside the pod. */
export const holdsReference = (word: string): boolean => /\$\([^()]*\)/u.test(word);

/**
 * Command and arguments of the container `manager`, or of the only one, with `$(VARIABLE)` replaced where the
 * variable is written in the manifest; undefined when no container can be told to be the controller's.
 */
export function controllerWords(deployment: KubeObject): readonly string[] | undefined {
  const found = fieldAt(deployment, "spec", "template", "spec", "containers");
  const containers = Array.isArray(found) ? found.filter(isRecord) : [];
  const container = containers.find(({ name }) => name === "manager") ?? (containers.length === 1 && containers[0]);
  if (!container) return undefined;
  const variables = variablesOf(container.env, deployment.metadata.namespace ?? "");
  const words = [...commandFlags(strings(container.command)), ...strings(container.args)];
  return words.map((word) => expand(word, variables));
}

/** Flags behind the executable, which itself may stand behind an init: `tini -- kustomize-controller --flag`. */
function commandFlags(command: readonly string[]): readonly string[] {
  const first = command.findIndex((word) => word.startsWith("--") && word !== "--");
  return first < 0 ? [] : command.slice(first);
}

/** Those with a value in the manifest, and the pod's namespace. */
function variablesOf(env: unknown, namespace: string): ReadonlyMap<string, string> {
  const entries: (readonly [string, string])[] = [];
  for (const entry of Array.isArray(env) ? env.filter(isRecord) : []) {
    const { name, value } = entry;
    const isNamespace = fieldAt(entry, "valueFrom", "fieldRef", "fieldPath") === "metadata.namespace";
    const known = isNamespace ? namespace : value;
    if (typeof name === "string" && typeof known === "string") entries.push([name, known]);
  }
  return new Map(entries);
}

/** Kubernetes' expansion: `$$` is a dollar, and a reference to what is not known stays. */
const expand = (word: string, variables: ReadonlyMap<string, string>): string =>
  word.replace(/\$\$|\$\(([^()]*)\)/gu, (whole, name: string | undefined) =>
    name === undefined ? "$" : (variables.get(name) ?? whole),
  );

const strings = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((word) => typeof word === "string") : [];
