/** Fields that are left to others (`spec.ignore`): no drift, and not taken back when the object is applied (fluxcd/pkg ssa). */
import { isDeepStrictEqual } from "node:util";

import type { KubeObject, ManagedFieldsEntry } from "../api/kube-object.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { isAppliedByOther } from "./field-ownership.ts";
import { lookUp, parsePointer, type Pointer, withValue, without } from "./json-pointer.ts";
import { type ObjectSelector, parseObjectSelector } from "./object-selector.ts";

export interface IgnoreRule {
  /** JSON pointers. */
  readonly paths: readonly string[];
  /** All objects when absent. */
  readonly target?: ObjectSelector | undefined;
}

/** The fields of an object that are left to others, in the order of the rules. */
export type IgnoredFields = (object: KubeObject) => readonly Pointer[];

export const ignoreNothing: IgnoredFields = () => [];

/** @throws ReconcileError ReconciliationFailed for a target that is no selector */
export function parseIgnoreRules(rules: readonly IgnoreRule[]): IgnoredFields {
  if (rules.length === 0) return ignoreNothing;
  const parsed = rules.map(({ paths, target = {} }) => ({
    matches: parseTarget(target),
    pointers: paths.flatMap(pointersOf),
  }));
  return (object) => parsed.flatMap(({ matches, pointers }) => (matches(object) ? pointers : []));
}

/** Nothing for what is no pointer to a field. Of the metadata, labels and annotations are all that is applied. */
function pointersOf(path: string): readonly Pointer[] {
  const pointer = parsePointer(path);
  if (path === "/metadata")
    return [
      ["metadata", "labels"],
      ["metadata", "annotations"],
    ];
  return pointer ? [pointer] : [];
}

function parseTarget(target: ObjectSelector): (object: KubeObject) => boolean {
  try {
    return parseObjectSelector(target);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    const message = `failed to create ignore rule selector: ${problem}`;
    throw new ReconcileError("retry", "ReconciliationFailed", message, { cause: error });
  }
}

/**
 * What is applied where the live object has another value in an ignored field than the dry-run would give it: without
 * the field when somebody else applies it, else with the live value. A field that Git does not set stays unset.
 * @param live with the owners that it has when it is applied
 */
export function withLiveValues(
  desired: KubeObject,
  {
    live,
    owners,
    dryRun,
    manager,
  }: {
    readonly live: KubeObject;
    readonly owners: readonly ManagedFieldsEntry[];
    readonly dryRun: KubeObject;
    readonly manager: string;
  },
  pointers: readonly Pointer[],
): KubeObject {
  const drifted = pointers.filter(
    (pointer) => !isDeepStrictEqual(lookUp(live, pointer)?.value, lookUp(dryRun, pointer)?.value),
  );
  const isForeign = (pointer: Pointer) => isAppliedByOther(live, owners, pointer, manager);
  const stripped = without(desired, drifted.filter(isForeign));
  return drifted
    .filter((pointer) => !isForeign(pointer))
    .reduce((adopted, pointer) => withValue(adopted, pointer, lookUp(live, pointer)?.value ?? null), stripped);
}
