/**
 * What an owner has in the cluster as its last run left it. After a run that ended well the sweep has the objects in
 * view, so a new revision that changes a few of many looks at these and asks nothing of the others.
 */
import type { ResourceRef } from "../api/kustomization.ts";
import type { AppliedState } from "./applied-state.ts";
import type { ApplyRules } from "./apply-rules.ts";
import type { Desired } from "./desired.ts";
import type { ListedObjects, Live } from "./observe-live.ts";

/** With more, one LIST per kind costs less. */
const mostChanged = 8;

/** Undefined where the last run does not tell enough, and where something is to be pruned. */
export function knownLive(
  desired: readonly Desired[],
  inventory: readonly ResourceRef[],
  { closure, rules = "", objects }: AppliedState,
  { digest }: ApplyRules,
): ListedObjects | undefined {
  if (closure === "" || rules !== digest) return undefined;
  const byId = new Map<string, Live>();
  for (const { id, ref, text } of desired) {
    const known = objects[id];
    if (known?.text === text) byId.set(id, { ref, uid: known.uid, rv: known.rv, labels: {}, object: undefined });
  }
  if (desired.length - byId.size > mostChanged) return undefined;
  const wanted = new Set(desired.map(({ id }) => id));
  if (inventory.some(({ id }) => !wanted.has(id))) return undefined;
  return { byId, versions: new Map(), covers: () => false };
}
