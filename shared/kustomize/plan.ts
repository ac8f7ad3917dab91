/** Compares what is wanted with what the last run left and what is live: which objects need a look, which are stale. */
import type { ResourceRef } from "../api/kustomization.ts";
import type { KubeObject } from "../api/kube-object.ts";
import type { AppliedObject, AppliedState } from "./applied-state.ts";
import { type ApplyRules, noRules } from "./apply-rules.ts";
import type { Desired } from "./desired.ts";
import { liveDigest } from "./live-digest.ts";
import type { Live, LiveObjects } from "./observe-live.ts";

export interface Candidate {
  readonly desired: Desired;
  /** `unknown`: one GET tells; undefined: believed absent. */
  readonly live: KubeObject | "unknown" | undefined;
}

export interface Plan {
  readonly candidates: readonly Candidate[];
  /** Objects that are as the last run left them, with the version that was seen now. */
  readonly unchanged: Readonly<Record<string, AppliedObject>>;
  /** In the inventory, but wanted no more. */
  readonly stale: readonly ResourceRef[];
}

export function planObjects(
  desired: readonly Desired[],
  state: AppliedState,
  live: LiveObjects,
  inventory: readonly ResourceRef[],
  rules: ApplyRules = noRules,
): Plan {
  const isProof = (state.rules ?? "") === rules.digest;
  const candidates: Candidate[] = [];
  const unchanged: Record<string, AppliedObject> = {};
  for (const entry of desired) {
    const seen = live.byId.get(entry.id);
    const known = state.objects[entry.id];
    const isOpen = state.drifting?.objects[entry.id] !== undefined;
    const kept = isProof && !isOpen && seen && known ? keep(entry, known, seen, rules) : undefined;
    if (kept) unchanged[entry.id] = kept;
    else candidates.push({ desired: entry, live: look(known, seen) });
  }
  const wanted = new Set(desired.map(({ id }) => id));
  return { candidates, unchanged, stale: inventory.filter(({ id }) => !wanted.has(id)) };
}

/**
 * Same text under the same rules on the same incarnation at the same version is proof; a moved version with the same
 * content is too. Ignored fields are no content: where the object was listed whole, their changes cost no look.
 */
function keep(desired: Desired, known: AppliedObject, seen: Live, rules: ApplyRules): AppliedObject | undefined {
  if (known.text !== desired.text || known.uid !== seen.uid) return undefined;
  if (known.rv === seen.rv) return known;
  if (seen.object && known.live !== "" && liveDigest(seen.object, rules) === known.live)
    return { ...known, rv: seen.rv };
  return undefined;
}

function look(known: AppliedObject | undefined, seen: Live | undefined): KubeObject | "unknown" | undefined {
  if (seen) return seen.object ?? "unknown";
  // Ours once, but not under our label any more: deleted, or taken over by somebody. Never applied: new, as far as we
  // know, and the dry-run tells when it is not.
  return known === undefined ? undefined : "unknown";
}
