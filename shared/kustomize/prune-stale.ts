/** The prune of a run: removes what Git no longer has, and keeps in the inventory what is not gone yet. */
import { subjectOf } from "../api/kube-object.ts";
import type { ResourceRef } from "../api/kustomization.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import type { Owner } from "../ssa/owner.ts";
import type { AppliedState } from "./applied-state.ts";
import { appliedEvent } from "./events.ts";
import type { Outcome } from "./ports.ts";
import { prune } from "./prune.ts";
import { type Run, saveProgress, targetOf } from "./run.ts";

/** Children that finalize themselves are looked at again after this long, should their message be lost. */
const terminatingSeconds = 5;

/**
 * @returns undefined when nothing is left to prune, else the wait for children that are finalizing
 * @throws ReconcileError PruneFailed with the objects that could not be deleted, which stay in the inventory
 */
export async function pruneStale(
  run: Run,
  stale: readonly ResourceRef[],
  wanted: readonly ResourceRef[],
  owner: Owner,
  state: AppliedState,
): Promise<Outcome | undefined> {
  const { kustomization, ports, key, revision = "" } = run;
  const { applier, announcer } = targetOf(run);
  const isPruned = kustomization.spec.prune && stale.length > 0;
  const result = isPruned
    ? await prune(stale, owner, { cluster: applier, announcer, fence: ports.fence })
    : { deleted: [], lines: [], leaving: [], remaining: [], terminating: [], errors: [] };
  run.status = { ...run.status, inventory: { entries: [...wanted, ...result.remaining] } };
  const done = result.remaining.length === 0;
  // An unfinished prune must be looked at again even if the closure stays as it is.
  await ports.states.save(key, done ? state : { ...state, closure: "" });
  if (result.deleted.length > 0) run.changed = true;
  if (result.lines.length > 0) await ports.event(appliedEvent(kustomization, result.lines, revision, "Prune"));
  if (result.errors.length > 0) throw new ReconcileError("retry", "PruneFailed", result.errors.join("\n"));
  if (result.terminating.length === 0) return undefined;
  run.step = `Waiting for ${result.terminating.map(subjectOf).join(", ")} to be finalized`;
  await saveProgress(run, run.status.inventory?.entries ?? []);
  return { kind: "waiting", revision, afterSeconds: terminatingSeconds };
}
