/**
 * Applies what the plan found to differ, stage by stage: dry-run of the whole stage, the inventory of what may come to
 * be, then the writes. Whatever happens, the status keeps every object that is or may be ours and no phantom.
 */
import {
  groupOf,
  type KubeObject,
  type ObjectRef,
  refOf,
  subjectOf,
  versionOf as versionIn,
} from "../api/kube-object.ts";
import type { Kustomization, ResourceRef } from "../api/kustomization.ts";
import { refOfId } from "../inventory/id.ts";
import { unionOf } from "../inventory/union.ts";
import { KubeError } from "../kubernetes/cluster.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { applyStage, type Checked } from "../ssa/apply.ts";
import { dryRunStage } from "../ssa/dry-run.ts";
import { compareRefs } from "../ssa/order.ts";
import { stageCount, stageOf } from "../ssa/stages.ts";
import type { AppliedObject, AppliedState } from "./applied-state.ts";
import { type ApplyRules, noRules } from "./apply-rules.ts";
import type { Desired } from "./desired.ts";
import { type AppliedLine, appliedEvent, textOf } from "./events.ts";
import { type CheckedEntry, governDrift } from "./drift-ledger.ts";
import { finished, underRules, unfinished } from "./leave-state.ts";
import { askedOf } from "./health-targets.ts";
import { liveDigest } from "./live-digest.ts";
import { noteOwners } from "./note-owners.ts";
import { isFluxGroup } from "./prune.ts";
import type { Candidate, Plan } from "./plan.ts";
import { readinessOf, type Run, saveProgress, targetOf } from "./run.ts";
import { isSettled, settle } from "./settle.ts";

export type AppliedAll =
  | { readonly kind: "applied"; readonly state: AppliedState; readonly inventory: readonly ResourceRef[] }
  | { readonly kind: "continued"; readonly progress: string };

/** What becomes of an object: looked at or written, or left as it is although it differs. */
interface Ends {
  readonly done: (entry: Desired, live: KubeObject, action: Checked["action"]) => void;
  readonly leave: (entry: Desired, live: KubeObject | undefined) => void;
}

/** Writes between two looks at the deadline. */
const chunkSize = 50;

export async function applyDesired(
  run: Run,
  plan: Plan,
  desired: readonly Desired[],
  before: AppliedState,
  rules: ApplyRules = noRules,
): Promise<AppliedAll> {
  const state = underRules(before, rules);
  const inventoryBefore = run.status.inventory?.entries ?? [];
  const objects = new Map<string, AppliedObject>(Object.entries(plan.unchanged));
  const lines: AppliedLine[] = [];
  const { customStageKinds } = rules.settings;
  const readiness = readinessOf(run);
  const isAsked = askedOf(run.kustomization);
  const seen = (entry: Desired, live: KubeObject) => {
    const { uid = "", resourceVersion: rv = "" } = live.metadata;
    if (isAsked(entry.ref) || isSettled(entry.ref)) readiness.saw(live);
    objects.set(entry.id, { v: versionOf(entry.ref), text: entry.text, uid, rv, live: liveDigest(live, rules) });
  };
  const ends: Ends = {
    done: (entry, live, action) => {
      seen(entry, live);
      run.drift?.settled.add(entry.id);
      const { generation } = live.metadata;
      if (action === "created" || action === "configured") lines.push({ ref: entry.ref, action, generation });
    },
    leave: (entry, live) => {
      const known = state.objects[entry.id];
      if (live) seen(entry, live);
      else if (known) objects.set(entry.id, known);
    },
  };
  try {
    for (let stage = 0; stage < stageCount; stage += 1) {
      const members = plan.candidates
        .filter(({ desired: { ref } }) => stageOf(ref, customStageKinds) === stage)
        .sort((a, b) => compareRefs(a.desired.ref, b.desired.ref));
      if (members.length === 0) continue;
      if (!(await applyOne(run, members, rules, ends, () => unionOf(inventoryBefore, objects)))) {
        await run.ports.states.save(run.key, unfinished(run, state, objects));
        await report(run, lines);
        return { kind: "continued", progress: `${objects.size} of ${desired.length} objects as wanted` };
      }
    }
  } catch (error) {
    // The next run of whoever has the lease now tells more than this one could; a defect goes on as it is.
    if (!(error instanceof ReconcileError) && !(error instanceof KubeError)) throw error;
    // Old and applied: nothing orphaned, and no phantom of what the server refused. Where it did not say whether it
    // wrote, what was planned stays ours until a run knows better.
    const planned = isUncertain(error) ? (run.status.inventory?.entries ?? []) : inventoryBefore;
    const entries = unionOf(planned, objects);
    if (entries.length > 0 || run.status.inventory)
      run.status = { ...run.status, inventory: { entries: [...entries] } };
    await run.ports.states.save(run.key, unfinished(run, state, objects));
    await note(run, lines);
    throw withChanges(error, inOrder(run, lines));
  }
  await report(run, lines);
  const inventory = inOrder(run, desired).map(({ id, ref }) => ({ id, v: versionOf(ref) }));
  return { kind: "applied", state: finished(run, state, objects), inventory };
}

/** A server that failed in the middle (5xx), or was not heard of any more, may have written all the same. */
function isUncertain(error: ReconcileError | KubeError): boolean {
  const cause = error instanceof ReconcileError ? error.cause : error;
  return cause instanceof KubeError && (cause.code === 0 || cause.code >= 500);
}

/** @returns false when the deadline came near before the stage was done */
async function applyOne(
  run: Run,
  members: readonly Candidate[],
  { force, ignored, settings }: ApplyRules,
  { done, leave }: Ends,
  inventory: () => readonly ResourceRef[],
): Promise<boolean> {
  const { ports } = run;
  const { applier } = targetOf(run);
  if (ports.isDeadlineNear()) return false;
  const readiness = readinessOf(run);
  const isAsked = askedOf(run.kustomization);
  const options = {
    force,
    ignored,
    settings,
    clock: ports.clock,
    fence: ports.fence,
    foreseen: (object: KubeObject) => {
      const ref = refOf(object);
      if (isAsked(ref) || isSettled(ref)) readiness.foresee(object);
    },
  };
  const checked = await dryRunStage(
    applier,
    members.map(({ desired, live }) => ({ desired: desired.object(), live })),
    options,
  );
  await noteOwners(run, checked);
  const all = checked.flatMap((check, index): CheckedEntry[] => {
    const entry = members[index]?.desired;
    return entry ? [{ entry, check }] : [];
  });
  const left = await governDrift(run, all);
  const writes: CheckedEntry[] = [];
  for (const { entry, check } of all) {
    if (left.has(entry.id)) leave(entry, check.live);
    else if (check.action === "created" || check.action === "configured") writes.push({ entry, check });
    else if (check.live) done(entry, check.live, check.action);
  }
  if (writes.length === 0) return true;
  await savePlanned(
    run,
    writes.map(({ entry }) => entry),
    inventory(),
  );
  readiness.watch();
  for (let from = 0; from < writes.length; from += chunkSize) {
    if (ports.isDeadlineNear()) return false;
    const chunk = writes.slice(from, from + chunkSize);
    ports.fence();
    await applyStage(
      applier,
      chunk.map(({ check }) => check),
      (index, live) => {
        const write = chunk[index];
        if (write) done(write.entry, live, write.check.action);
      },
      options,
    );
  }
  await settle(
    readiness,
    writes.map(({ entry: { ref } }) => ref),
  );
  return true;
}

/** One status patch says what is going on and what may come to be; an inventory that holds it already needs none. */
async function savePlanned(run: Run, planned: readonly Desired[], known: readonly ResourceRef[]): Promise<void> {
  const ids = new Set(known.map(({ id }) => id));
  const fresh = planned.filter(({ id }) => !ids.has(id)).map(({ id, ref }) => ({ id, v: versionOf(ref) }));
  if (fresh.length === 0) return;
  // In the order of the final inventory, which is then mostly there already and left out of the last patch.
  const all = [...known, ...fresh].map((entry) => ({ entry, ref: refOfId(entry) }));
  await saveProgress(
    run,
    inOrder(run, all).map(({ entry }) => entry),
  );
}

/** Flux tells of a part that was applied in the failure's own message, and in no event. */
function withChanges(error: ReconcileError | KubeError, lines: readonly AppliedLine[]): ReconcileError | KubeError {
  if (lines.length === 0 || !(error instanceof ReconcileError)) return error;
  return new ReconcileError(error.disposition, error.reason, `${error.message}${textOf(lines)}\n`, {
    cause: error.cause,
  });
}

async function report(run: Run, lines: readonly AppliedLine[]): Promise<void> {
  if (lines.length === 0) return;
  await run.ports.event(appliedEvent(run.kustomization, inOrder(run, lines), run.revision ?? ""));
  await note(run, lines);
}

/** Logs, counts, and wakes the Flux objects among them. */
async function note(run: Run, lines: readonly AppliedLine[]): Promise<void> {
  if (lines.length === 0) return;
  const { kustomization, ports, revision = "" } = run;
  run.changed = true;
  const ordered = inOrder(run, lines);
  for (const { ref, action } of ordered) ports.log("applied", { object: subjectOf(ref), action, revision });
  const { announcer } = targetOf(run);
  for (const line of ordered)
    if (isFluxGroup(groupOf(line.ref.apiVersion)) && !isSameSelf(line, kustomization))
      await announcer?.trigger(line.ref, "applied");
}

/** A root that is part of what it applies: its labels changed, and not what it is asked to do. */
function isSameSelf({ ref, generation }: AppliedLine, { metadata, kind }: Kustomization): boolean {
  const { name, namespace } = metadata;
  const isSelf = ref.kind === kind && ref.name === name && ref.namespace === namespace;
  return isSelf && generation === metadata.generation;
}

/** Flux tells of a stage after the other, in the order of each. */
function inOrder<T extends { readonly ref: ObjectRef }>({ ports }: Run, members: readonly T[]): readonly T[] {
  const custom = new Set(ports.settings.kustomize.customApplyStageKinds);
  return [...members].sort((a, b) => stageOf(a.ref, custom) - stageOf(b.ref, custom) || compareRefs(a.ref, b.ref));
}

const versionOf = (ref: ObjectRef): string => versionIn(ref.apiVersion);
