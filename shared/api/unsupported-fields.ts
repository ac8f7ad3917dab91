/** Says which fields of a Kustomization ask for something that this engine does not do yet. */
import type { KustomizationSpec } from "./kustomization.ts";

/** A rule gives the name of the field when it is set to something that would change the outcome. */
type Rule = readonly [name: string, asked: (spec: KustomizationSpec) => boolean];

const rules: readonly Rule[] = [
  ["commonMetadata", ({ commonMetadata }) => !isEmpty(commonMetadata?.labels) || !isEmpty(commonMetadata?.annotations)],
  ["decryption", ({ decryption }) => decryption !== undefined],
  ["dependsOn[].readyExpr", ({ dependsOn = [] }) => dependsOn.some(({ readyExpr }) => readyExpr)],
  ["force", ({ force }) => force],
  ["healthCheckExprs", ({ healthCheckExprs }) => !isEmpty(healthCheckExprs)],
  ["ignore", ({ ignore }) => !isEmpty(ignore)],
  ["kubeConfig", ({ kubeConfig }) => kubeConfig !== undefined],
  ["postBuild", ({ postBuild }) => postBuild !== undefined && substitutes(postBuild)],
  ["sourceRef.kind", ({ sourceRef }) => sourceRef.kind !== "GitRepository"],
];

/**
 * Names of the spec's fields that ask for what is not built, in alphabetical order; empty when all is supported. A
 * Kustomization that has any is refused as a whole: a part of it applied would not be what Flux applies.
 */
export function unsupportedFields({ spec }: { readonly spec: KustomizationSpec }): readonly string[] {
  return rules.filter(([, asked]) => asked(spec)).map(([name]) => name);
}

/** Flux substitutes when a variable or a reference is given, or when the strategy says so even without one. */
const substitutes = (postBuild: NonNullable<KustomizationSpec["postBuild"]>): boolean =>
  !isEmpty(postBuild.substitute) || !isEmpty(postBuild.substituteFrom) || postBuild.substituteStrategy === "Always";

const isEmpty = (value: object | undefined): boolean => value === undefined || Object.keys(value).length === 0;
