/** Says which fields of a Kustomization ask for something that this engine does not do yet. */
import type { KustomizationSpec } from "./kustomization.ts";

/** A rule gives the name of the field when it is set to something that would change the outcome. */
type Rule = readonly [name: string, asked: (spec: KustomizationSpec) => boolean];

const rules: readonly Rule[] = [
  ["decryption", ({ decryption }) => decryption !== undefined],
  ["sourceRef.kind", ({ sourceRef }) => sourceRef.kind !== "GitRepository"],
];

/**
 * Names of the spec's fields that ask for what is not built, in alphabetical order; empty when all is supported. A
 * Kustomization that has any is refused as a whole: a part of it applied would not be what Flux applies.
 */
export function unsupportedFields({ spec }: { readonly spec: KustomizationSpec }): readonly string[] {
  return rules.filter(([, asked]) => asked(spec)).map(([name]) => name);
}
