/**
 * What one run finds out about drift: opened when the build is there, asked by each stage what is to be left as it is, and
 * closed when the apply has ended, well or not. Until there is drift it costs nothing.
 */
import { type Decision, decide } from "../drift/decide.ts";
import { describeDrift } from "../drift/describe.ts";
import { withCorrections } from "../drift/flapping.ts";
import { approvalAnnotation, type Governance, readGovernance } from "../drift/mode.ts";
import { type DriftedObject, type DriftRecord, emptyRecord, type StandingObject } from "../drift/record.ts";
import type { StandingReason } from "../drift/standing.ts";
import type { Item } from "../lease/ports.ts";
import { findGoDuration } from "../runtime/go-duration.ts";
import type { Checked } from "../ssa/apply.ts";
import { ownerName, ownerNamespace } from "../ssa/owner.ts";
import { versionOf } from "../api/kube-object.ts";
import type { AppliedState } from "./applied-state.ts";
import type { ApplyRules } from "./apply-rules.ts";
import type { Desired } from "./desired.ts";
import type { KustomizePorts } from "./ports.ts";
import { type Run, targetOf } from "./run.ts";
import { type AllStanding, keptOf, type Stood, stoodBefore, stoodOf } from "./stood-before.ts";
import { isNewRequest } from "./status.ts";

/** Kept in the applied state from run to run. */
export interface Drifting {
  /** By inventory id; `unseen`: deleted, or without the owner's labels, so that no list shows it. */
  readonly objects: Readonly<Record<string, "seen" | "unseen">>;
  /** Epoch milliseconds at which somebody must look again. */
  readonly again?: number;
  /** All that stands, where the record does not name all of it. */
  readonly standing?: AllStanding;
}

export const notDrifting: Drifting = { objects: {} };

export interface Found {
  readonly object: DriftedObject;
  readonly decision: Decision;
  readonly isUnseen: boolean;
}

export interface DriftLedger {
  readonly governance: Governance;
  /** What was built, and the rules under which it is applied: what Git says. */
  readonly git: string;
  /** Git says something else than what was applied last. */
  readonly isGitNews: boolean;
  readonly state: AppliedState;
  readonly rules: ApplyRules;
  /** As it was before this run; undefined until it is needed. */
  before: DriftRecord | undefined;
  readonly found: Map<string, Found>;
  /** Inventory ids that were looked at and are as Git has them, by now. */
  readonly settled: Set<string>;
}

/** @param row a run that died may have found drift, and have told nobody */
export async function openLedger(
  run: Run,
  state: AppliedState,
  { git, rules, row }: { readonly git: string; readonly rules: ApplyRules; readonly row: Item },
): Promise<void> {
  const { kustomization, ports, key, drifting } = run;
  const { annotations } = kustomization.metadata;
  const hasDied = typeof row.attempts === "number" && row.attempts > 1;
  const ledger: DriftLedger = {
    governance: readGovernance(annotations, ports.driftMode, ports.clock.now()),
    git,
    isGitNews: state.git !== git,
    state,
    rules,
    before: undefined,
    found: new Map(),
    settled: new Set(),
  };
  run.drift = ledger;
  if (ledger.isGitNews && (state.git !== undefined || state.closure !== "")) await forgetGit(key, state, ports);
  if (hasDied || Object.keys(drifting.objects).length > 0) ledger.before = await loadRecord(run, key);
}

/**
 * Git's news half applied by a worker that dies, and then taken back, must look neither like drift that is to be left nor
 * like what needs no look: the status still says that the last run ended well. To be done before the first write.
 */
async function forgetGit(key: string, { git: _, ...state }: AppliedState, { states }: KustomizePorts): Promise<void> {
  await states.save(key, { ...state, closure: "" });
}

async function loadRecord(run: Run, key: string): Promise<DriftRecord> {
  const { server } = targetOf(run);
  const record = await run.ports.drifts.load(key);
  return record?.server === server ? record : emptyRecord(server);
}

export interface CheckedEntry {
  readonly entry: Desired;
  readonly check: Checked;
}

/**
 * What is to be corrected is counted before anything is written, and stands as not corrected until it is.
 * @returns ids of objects that are not to be written now
 */
export async function governDrift(run: Run, members: readonly CheckedEntry[]): Promise<ReadonlySet<string>> {
  const { drift: ledger, ports, key } = run;
  const drifted = ledger ? members.filter((member) => isDrift(run, ledger, member)) : [];
  if (!ledger || drifted.length === 0) return new Set();
  const before = (ledger.before ??= await loadRecord(run, key));
  const digestKey = await ports.digestKey();
  const now = ports.clock.now();
  const stood = stoodIn(ledger);
  const situation = {
    governance: ledger.governance,
    isGitNews: ledger.isGitNews,
    isRequested: isNewRequest(run.kustomization),
    approved: approvedOf(run, before, stood),
    corrections: before.corrections,
    now,
    intervalMillis: findGoDuration(run.kustomization.spec.interval) ?? 0,
  };
  for (const { entry, check } of drifted) {
    const { ignored, settings } = ledger.rules;
    const object = describeDrift({ id: entry.id, v: versionOf(entry.ref.apiVersion) }, check, {
      key: digestKey,
      secretValues: run.secretValues,
      ignored: check.dryRun ? ignored(check.dryRun) : [],
      overrideManagers: settings.overrideManagers,
      since: stood.get(entry.id)?.since ?? now,
    });
    const named = await withActor(run, entry, object);
    ledger.found.set(entry.id, { object: named, decision: decide(object, situation), isUnseen: isUnseen(run, check) });
  }
  const found = [...ledger.found.values()];
  const corrected = found.filter(({ decision }) => decision.correct).map(({ object }) => object);
  if (corrected.length > 0) await ports.drifts.save(key, underCorrection(before, corrected, now));
  return new Set(found.filter(({ decision }) => !decision.correct).map(({ object }) => object.id));
}

/** The audit log is that of the Kustomization's own cluster. */
async function withActor(run: Run, { ref }: Desired, object: DriftedObject): Promise<DriftedObject> {
  const { ports } = run;
  if (targetOf(run).server !== ports.server) return object;
  const times = object.fields.flatMap(({ time }) => time ?? []);
  const actor = await ports.findCulprit({ ref, isDeleted: object.kind === "deleted", times });
  return actor ? { ...object, actor } : object;
}

/** Ours at the same text before, and not as it should be. A Job that its TTL deleted has only come to its end. */
function isDrift(run: Run, { state, rules, isGitNews }: DriftLedger, { entry, check }: CheckedEntry): boolean {
  if (check.action !== "created" && check.action !== "configured") return false;
  if (run.vanishing.has(entry.id) && !check.live) return false;
  const known = state.objects[entry.id];
  if (!known) return false;
  return !isGitNews || (known.text === entry.text && (state.rules ?? "") === rules.digest);
}

function isUnseen({ kustomization: { metadata } }: Run, { live }: Checked): boolean {
  const { labels = {} } = live?.metadata ?? {};
  return labels[ownerName] !== metadata.name || labels[ownerNamespace] !== metadata.namespace;
}

/** What the person has seen who approved; whatever differs since then does so by another digest. */
function approvedOf(
  { kustomization }: Run,
  { plan }: DriftRecord,
  stood: ReadonlyMap<string, Stood>,
): ReadonlySet<string> {
  const approved = kustomization.metadata.annotations?.[approvalAnnotation];
  return new Set(plan !== "" && approved === plan ? [...stood.values()].map(({ digest }) => digest) : []);
}

function underCorrection(before: DriftRecord, objects: readonly DriftedObject[], now: number): DriftRecord {
  const ids = new Set(objects.map(({ id }) => id));
  const pending: readonly StandingObject[] = objects.map((object) => ({ ...object, reason: "DriftCorrectionFailed" }));
  return {
    ...before,
    standing: [...before.standing.filter(({ id }) => !ids.has(id)), ...pending],
    corrections: withCorrections(before.corrections, objects, now),
  };
}

/** By inventory id, as it was before this run. */
export const stoodIn = ({ before, state }: DriftLedger): ReadonlyMap<string, Stood> =>
  stoodBefore(before, state.drifting?.standing);

export const reasonOf = ({ decision }: Found): StandingReason =>
  decision.correct ? "DriftCorrectionFailed" : decision.reason;

/** What the applied state keeps: what was left, and what was not looked at again. */
export function driftingOf({ drift: ledger, drifting }: Run, isWhole: boolean): Drifting {
  if (!ledger) return drifting;
  const objects = isWhole ? {} : { ...drifting.objects };
  const standing = new Map(isWhole ? [] : stoodIn(ledger));
  for (const id of ledger.settled) {
    delete objects[id];
    standing.delete(id);
  }
  const left = [...ledger.found.values()].filter(({ object }) => !ledger.settled.has(object.id));
  for (const found of left) {
    const { object, isUnseen: unseen } = found;
    objects[object.id] = unseen ? "unseen" : "seen";
    standing.set(object.id, stoodOf({ ...object, reason: reasonOf(found) }));
  }
  const times = left.flatMap(({ decision }) => (decision.correct ? [] : (decision.again ?? [])));
  return { objects, ...(times.length > 0 ? { again: Math.min(...times) } : {}), ...keptOf(standing) };
}
