/** Patches of the spec whose target matches nothing. */
import type { KustomizationSpec } from "../api/kustomization.ts";
import { changesNothing, mayDelete, mayMatch } from "../render/patch-target.ts";
import type { Desired } from "./desired.ts";

/** One line for each patch whose target names no object of the build, as far as that can be told. */
export function unmatchedPatches(
  patches: KustomizationSpec["patches"] = [],
  desired: readonly Pick<Desired, "ref">[],
): readonly string[] {
  return patches.flatMap(({ patch, target }, index) => {
    if (!target || mayDelete(patch) || desired.some(({ ref }) => mayMatch(target, ref))) return [];
    return [changesNothing(`spec.patches[${index}]`, target)];
  });
}
