/** Patches of the spec whose target matches nothing: kustomize is silent about them. */
import { groupOf, type ObjectRef, versionOf } from "../api/kube-object.ts";
import type { KustomizationSpec } from "../api/kustomization.ts";
import { parseAnchoredGoRegExp } from "../ssa/go-regexp.ts";
import type { Desired } from "./desired.ts";

type Target = NonNullable<NonNullable<KustomizationSpec["patches"]>[number]["target"]>;

/**
 * One line for each patch whose target names no built object. What is looked at has been built already, so there is
 * some doubt, and the patch has its benefit: names may have got a prefix or suffix, namespaces may be others, the patch
 * may have deleted its target. Selectors by label and annotation alone are believed.
 */
export function unmatchedPatches(
  patches: KustomizationSpec["patches"] = [],
  desired: readonly Pick<Desired, "ref">[],
): readonly string[] {
  return patches.flatMap(({ patch, target }, index) => {
    if (!target || patch.includes("$patch") || desired.some(({ ref }) => mayMatch(target, ref))) return [];
    return [
      `spec.patches[${index}] changes nothing: no object of the build matches its target (${described(target)}): correct the target or remove the patch`,
    ];
  });
}

function mayMatch({ group, version, kind, name }: Target, ref: ObjectRef): boolean {
  return (
    fits(group, groupOf(ref.apiVersion)) &&
    fits(version, versionOf(ref.apiVersion)) &&
    fits(kind, ref.kind) &&
    fits(name && `.*(?:${name}).*`, ref.name)
  );
}

/** An expression that cannot be read here is kustomize's business. */
function fits(pattern: string | undefined, value: string): boolean {
  if (!pattern) return true;
  try {
    return parseAnchoredGoRegExp(pattern).test(value);
  } catch {
    return true;
  }
}

const described = (target: Target): string =>
  Object.entries(target)
    .map(([field, value]) => `${field}: ${value}`)
    .join(", ");
