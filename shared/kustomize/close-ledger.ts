/** Closes what a run found out about drift: the record, the condition, one event, one line in the log for each object. */
import { withCorrections } from "../drift/flapping.ts";
import { approvalAnnotation, markOf } from "../drift/mode.ts";
import { boundRecord, type DriftRecord, type PastObject, type StandingObject } from "../drift/record.ts";
import { findCondition } from "../runtime/conditions.ts";
import {
  endOfStanding,
  eventText,
  planOf,
  standingOf,
  subjectOfDrift,
  type Told,
  whatHappened,
} from "../drift/tell.ts";
import { withStanding } from "../drift/standing.ts";
import { driftEvent } from "./events.ts";
import { type DriftLedger, driftingOf, type Found, reasonOf, stoodIn } from "./drift-ledger.ts";
import type { Run } from "./run.ts";
import type { Stood } from "./stood-before.ts";
import { momentOf, statusManager } from "./status.ts";

/**
 * `applied`: every object was looked at, so that what was not found to differ does not differ; `continued`: another run
 * goes on at once with what this one has not come to.
 */
export type ApplyEnd = "applied" | "continued" | "failed";

export async function closeLedger(run: Run, end: ApplyEnd): Promise<void> {
  const { drift: ledger, ports, key } = run;
  if (!ledger) return;
  const isWhole = end === "applied";
  run.drifting = driftingOf(run, isWhole);
  run.drift = undefined;
  const { before } = ledger;
  if (before) {
    const outcome = conclude(ledger, before, isWhole, ports.clock.now());
    const after = outcome.record;
    await tell(run, ledger, outcome, end);
    if (JSON.stringify(after) !== JSON.stringify(before)) await ports.drifts.save(key, after);
    await useUpApproval(run, before, outcome.corrected.length > 0);
    noteStanding(run, ledger, after);
  } else if (isWhole && findCondition(run.status.conditions ?? [], "Drifted"))
    run.status = withStanding(run.status, undefined, momentOf(run.kustomization, ports.clock.now()));
}

interface Concluded {
  readonly record: DriftRecord;
  readonly corrected: readonly PastObject[];
  readonly standing: readonly StandingObject[];
}

function conclude(ledger: DriftLedger, before: DriftRecord, isWhole: boolean, now: number): Concluded {
  const found = [...ledger.found.values()];
  const isSettled = (id: string) => ledger.settled.has(id);
  const corrected = found.filter(({ object, decision }) => decision.correct && isSettled(object.id));
  const standing = found.filter(({ object }) => !isSettled(object.id)).map(standingObject);
  const unseen = before.standing.filter(({ id }) => !ledger.found.has(id));
  const gone = unseen.filter(({ id }) => isWhole || isSettled(id));
  const past: readonly PastObject[] = [
    ...corrected.map(({ object }) => ({ ...object, end: "corrected" as const, at: now })),
    ...gone.map(({ reason, ...object }) => ({ ...object, end: endOf(reason, isSettled(object.id)), at: now })),
  ];
  const kept = isWhole ? [] : unseen.filter(({ id }) => !isSettled(id));
  const all = [...standing, ...kept].sort((a, b) => (a.id < b.id ? -1 : 1));
  const beyond = isWhole ? [] : unlisted(ledger, before);
  const { more: _, ...rest } = before;
  const record = boundRecord({
    ...rest,
    plan: planOf([...all, ...beyond]),
    ...(beyond.length > 0 ? { more: beyond.length } : {}),
    standing: all,
    past: [...past, ...before.past],
    corrections: withCorrections(
      before.corrections,
      corrected.map(({ object }) => object),
      now,
    ),
  });
  return { record, corrected: past.filter(({ end }) => end === "corrected"), standing };
}

/** What stood beyond what the record lists, and was not looked at. */
function unlisted(ledger: DriftLedger, { standing }: DriftRecord): readonly Stood[] {
  const listed = new Set(standing.map(({ id }) => id));
  const isOpen = (id: string) => !listed.has(id) && !ledger.found.has(id) && !ledger.settled.has(id);
  return [...stoodIn(ledger)].filter(([id]) => isOpen(id)).map(([, stood]) => stood);
}

/** A correction that was under way when its worker died, and is done. */
function endOf(reason: StandingObject["reason"], isThere: boolean): PastObject["end"] {
  if (!isThere) return "forgotten";
  return reason === "DriftCorrectionFailed" ? "corrected" : "reverted";
}

const standingObject = (found: Found): StandingObject => ({ ...found.object, reason: reasonOf(found) });

/** What stands as it stood is no news. */
async function tell(
  run: Run,
  ledger: DriftLedger,
  { corrected, standing }: Concluded,
  runEnd: ApplyEnd,
): Promise<void> {
  const { kustomization, ports, revision = "" } = run;
  const known = new Map([...stoodIn(ledger).values()].map(({ digest, reason }) => [digest, reason]));
  const { again } = run.drifting;
  const news = standing.filter(({ digest, reason }) => known.get(digest) !== reason);
  // What has not had its turn yet was not refused, and is told of when it is corrected.
  const left = news.filter(({ reason }) => runEnd !== "continued" || reason !== "DriftCorrectionFailed");
  const told: readonly Told[] = [
    ...corrected.map((object) => ({ object, end: "corrected" })),
    ...left.map((object) => ({ object, end: endOfStanding(object, again) })),
  ];
  const isSilent = ledger.governance.snooze !== undefined;
  const fresh = [...corrected, ...news].filter(({ digest }) => !known.has(digest));
  if (fresh.length > 0 && !isSilent) ports.drifted(fresh.length);
  if (told.length === 0) return;
  for (const { object, end } of told)
    ports.log("drift", { object: subjectOfDrift(object), what: whatHappened(object), end, revision });
  const flapping = left.filter(({ reason }) => reason === "DriftFlapping");
  const problems = ledger.governance.problems.length > 0 ? `\n${ledger.governance.problems.join("; ")}` : "";
  const reason = flapping.length > 0 ? "DriftFlapping" : "DriftDetected";
  await ports.event(driftEvent(kustomization, reason, `${eventText(told)}${problems}`, revision));
}

function noteStanding(run: Run, ledger: DriftLedger, record: DriftRecord): void {
  const options = { mark: markOf(ledger.governance), again: run.drifting.again };
  const standing = standingOf(run.kustomization, record, options);
  run.status = withStanding(run.status, standing, momentOf(run.kustomization, run.ports.clock.now()));
}

/** An approval is used up by the correction it was for: the same drift, come again, is another one. */
async function useUpApproval(run: Run, { plan }: DriftRecord, isUsed: boolean): Promise<void> {
  const { kustomization, own, ports } = run;
  const { apiVersion, kind, metadata } = kustomization;
  if (!isUsed || plan === "" || metadata.annotations?.[approvalAnnotation] !== plan) return;
  ports.fence();
  await own.mergePatch(
    { apiVersion, kind, namespace: metadata.namespace, name: metadata.name },
    { metadata: { annotations: { [approvalAnnotation]: null } } },
    { fieldManager: statusManager },
  );
}
