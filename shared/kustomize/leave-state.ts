/** The applied state that an apply leaves behind, whole or cut off. Pure. */
import type { AppliedObject, AppliedState } from "./applied-state.ts";
import type { ApplyRules } from "./apply-rules.ts";
import { type Drifting, driftingOf } from "./drift-ledger.ts";
import type { Run } from "./run.ts";

/** What was proven under other rules proves nothing under these. */
export function underRules({ rules = "", ...state }: AppliedState, { digest }: ApplyRules): AppliedState {
  const objects = rules === digest ? state.objects : {};
  return digest === "" ? { ...state, objects } : { ...state, objects, rules: digest };
}

export function finished(run: Run, state: AppliedState, objects: ReadonlyMap<string, AppliedObject>): AppliedState {
  const { git: _, ...rest } = state;
  const git = run.drift?.git;
  return {
    ...withDrifting(rest, driftingOf(run, true)),
    ...(git === undefined ? {} : { git }),
    objects: Object.fromEntries(objects),
  };
}

/**
 * What was not come to is known as it was known before: an object that is as it was left then needs no work now, and one
 * that differs has drifted. While Git's news are half applied, nothing that differs is called drift.
 */
export function unfinished(run: Run, state: AppliedState, objects: ReadonlyMap<string, AppliedObject>): AppliedState {
  const { git, ...rest } = state;
  const known = run.drift?.isGitNews === false && git !== undefined ? { git } : {};
  return {
    ...withDrifting(rest, driftingOf(run, false)),
    ...known,
    closure: "",
    objects: { ...state.objects, ...Object.fromEntries(objects) },
  };
}

function withDrifting({ drifting: _, ...state }: AppliedState, drifting: Drifting): AppliedState {
  return Object.keys(drifting.objects).length > 0 ? { ...state, drifting } : state;
}
