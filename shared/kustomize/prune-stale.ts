/** The prune of a run: removes what Git no longer has, and keeps in the inventory what is not gone yet. */
import { subjectOf } from "../api/kube-object.ts";
import type { ResourceRef } from "../api/kustomization.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import type { Owner } from "../ssa/owner.ts";
import type { AppliedState } from "./applied-state.ts";
import { approvalAnnotation } from "./deletion-budget.ts";
import { appliedEvent, heldEvent } from "./events.ts";
import { type Hold, type Judgement, judgePrune } from "./hold-prune.ts";
import type { Outcome } from "./ports.ts";
import { prune, type Pruned } from "./prune.ts";
import { holdOf, isNewHold, withPending } from "./prune-pending.ts";
import { type Run, saveProgress, targetOf } from "./run.ts";
import { momentOf, statusManager } from "./status.ts";
import { findSuperseded } from "./superseded.ts";

/** Children that finalize themselves are looked at again after this long, should their message be lost. */
const terminatingSeconds = 5;

export interface Pruning {
  /** In the inventory, but wanted no more. */
  readonly stale: readonly ResourceRef[];
  /** The inventory when all is done. */
  readonly wanted: readonly ResourceRef[];
  readonly owner: Owner;
  readonly state: AppliedState;
}

/**
 * What is held back stands at the end of the inventory: there `driftless approve` finds what the condition counts.
 * @returns undefined when nothing is left to do about it now, else the wait for children that are finalizing
 * @throws ReconcileError PruneFailed with the objects that could not be deleted, which stay in the inventory
 */
export async function pruneStale(run: Run, { stale, wanted, owner, state }: Pruning): Promise<Outcome | undefined> {
  const { kustomization, ports, key } = run;
  const { applier } = targetOf(run);
  const leaving = kustomization.spec.prune ? stale : [];
  const superseded = findSuperseded(kustomization, leaving, wanted);
  const removed = leaving.filter((entry) => !superseded.includes(entry));
  const { approved = [], held: _, superseded: __, ...rest } = state;
  const judged = await judgePrune(kustomization, { stale: removed, owner, cluster: applier, approved });
  const begun = judged.kind === "approved" ? { ...rest, approved: judged.approved } : rest;
  if (judged.kind === "approved" && judged.isNew) await takeApproval(run, { ...begun, closure: "" });
  const result = await pruneJudged(run, judged, owner);

  run.status = { ...run.status, inventory: { entries: [...wanted, ...superseded, ...result.remaining] } };
  run.superseded = superseded;
  await noteHold(run, judged.kind === "held" ? judged.hold : holdOf(result), result.remaining);
  const isDone = result.remaining.length === 0;
  await ports.states.save(key, {
    ...(isDone ? rest : begun),
    // An unfinished prune must be looked at again even if the closure stays as it is; and so must one whose worker dies
    // before the status is written, or the inventory would keep what is gone.
    closure: stale.length === 0 ? state.closure : "",
    ...(run.held.size > 0 ? { held: [...run.held] } : {}),
    ...(superseded.length > 0 ? { superseded: superseded.map(({ id }) => id) } : {}),
  });
  return concludePrune(run, result);
}

const nothing: Pruned = {
  deleted: [],
  lines: [],
  leaving: [],
  remaining: [],
  terminating: [],
  heldBack: [],
  errors: [],
};

async function pruneJudged(run: Run, judged: Judgement, owner: Owner): Promise<Pruned> {
  if (judged.kind === "held") return { ...nothing, remaining: [...judged.leaving, ...judged.entries] };
  if (judged.entries.length === 0) return nothing;
  const { applier, announcer } = targetOf(run);
  return prune(judged.entries, owner, { cluster: applier, announcer, fence: run.ports.fence });
}

/** Remembered before the first deletion, and used up: the same objects removed again another time are another plan. */
async function takeApproval({ kustomization, own, key, ports }: Run, state: AppliedState): Promise<void> {
  const { apiVersion, kind, metadata } = kustomization;
  const { namespace, name } = metadata;
  await ports.states.save(key, state);
  ports.fence();
  await own.mergePatch(
    { apiVersion, kind, namespace, name },
    { metadata: { annotations: { [approvalAnnotation]: null } } },
    { fieldManager: statusManager },
  );
}

async function noteHold(run: Run, hold: Hold | undefined, remaining: readonly ResourceRef[]): Promise<void> {
  const { kustomization, ports, revision } = run;
  if (hold && isNewHold(run.status, hold)) await ports.event(heldEvent(kustomization, hold, revision));
  run.status = withPending(run.status, hold, momentOf(kustomization, ports.clock.now()));
  run.held = new Set(hold ? remaining.map(({ id }) => id) : []);
}

async function concludePrune(run: Run, result: Pruned): Promise<Outcome | undefined> {
  const { kustomization, ports, revision = "" } = run;
  const { deleted, lines, errors, terminating } = result;
  if (deleted.length > 0) run.changed = true;
  if (lines.length > 0) await ports.event(appliedEvent(kustomization, lines, revision, "Prune"));
  if (errors.length > 0) throw new ReconcileError("retry", "PruneFailed", errors.join("\n"));
  if (terminating.length === 0 || run.held.size > 0) return undefined;
  run.step = `Waiting for ${terminating.map(subjectOf).join(", ")} to be finalized`;
  await saveProgress(run, run.status.inventory?.entries ?? []);
  return { kind: "waiting", revision, afterSeconds: terminatingSeconds };
}
