/**
 * The variables of a Kustomization: what its ConfigMaps and Secrets hold, in the order of the references, and over it
 * what it states itself. Reading the objects is left to others.
 */
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { textOfBytes } from "./byte-text.ts";

/** An entry of `spec.postBuild.substituteFrom` and what became of it. */
export interface VariableReference {
  readonly kind: "ConfigMap" | "Secret";
  readonly name: string;
  readonly optional: boolean;
  readonly content: ReferenceContent;
}

export type ReferenceContent =
  /** Values by name; of a Secret they are decoded, see `valuesOfSecret`. */
  | { readonly kind: "values"; readonly values: Readonly<Record<string, string>> }
  | { readonly kind: "absent" }
  /** The API server's words. */
  | { readonly kind: "unreadable"; readonly message: string };

export interface Variables {
  readonly values: ReadonlyMap<string, string>;
  /** What came from a Secret, even where a ConfigMap or an inline value won. Not empty strings. For `redact`. */
  readonly secretValues: readonly string[];
  /** Why a reference could not be followed. Flux fails only when it comes to the first object to substitute in. */
  readonly failure: string | undefined;
}

const namePattern = /^[_A-Za-z][_A-Za-z0-9]*$/;
const namePatternOfFlux = "^[_[:alpha:]][_[:alpha:][:digit:]]*$";
const resources = { ConfigMap: "configmaps", Secret: "secrets" } as const;

/** Of equal names the later reference wins, and the inline value over all. Line feeds in values are removed. */
export function mergeVariables(
  references: readonly VariableReference[],
  inline: Readonly<Record<string, string>> = {},
): Variables {
  const values = new Map<string, string>();
  const secrets = new Map<string, string>();
  let failure: string | undefined;
  for (const { kind, name, optional, content } of references) {
    if (content.kind === "absent" && optional) continue;
    if (content.kind !== "values") {
      const words = content.kind === "unreadable" ? content.message : `${resources[kind]} "${name}" not found`;
      failure = `substitute from '${kind}/${name}' error: ${words}`;
      break;
    }
    addValues(values, content.values);
    if (kind === "Secret") addValues(secrets, content.values);
  }
  addValues(values, inline);
  return { values, secretValues: [...secrets.values()].filter((value) => value !== ""), failure };
}

/** The values of a Secret's `data`; bytes that are not UTF-8 are kept as stray bytes of `textOfBytes`. */
export const valuesOfSecret = (data: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(data).map(([name, base64]) => [name, textOfBytes(Buffer.from(base64, "base64"))]));

/** @throws ReconcileError BuildFailed with Flux's words; a key such as `tls.crt` of a Secret is enough */
export function requireValidNames(values: ReadonlyMap<string, string>): void {
  // Flux names any of them; the first in order is the same each time.
  const [invalid] = [...values.keys()].filter((name) => !namePattern.test(name)).sort();
  if (invalid === undefined) return;
  throw new ReconcileError(
    "retry",
    "BuildFailed",
    `'${invalid}' var name is invalid, must match '${namePatternOfFlux}'`,
  );
}

function addValues(target: Map<string, string>, values: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(values)) target.set(name, value.replaceAll("\n", ""));
}
