/**
 * Reconciles one Kustomization: makes the cluster match the revision that its source last stored. Every effect goes
 * through `ports`; the order of the steps is Flux's.
 */
import type { Kustomization, ResourceRef } from "../api/kustomization.ts";
import { applySettingsOf } from "../config/flux-settings.ts";
import type { Cluster } from "../kubernetes/cluster.ts";
import { compileHealthExpressions } from "../health/expressions.ts";
import { vanishesWhenDone } from "../health/job.ts";
import { addFinalizer, type FinalizerOptions } from "../kubernetes/finalizer.ts";
import { createStatusWriter } from "../kubernetes/status-writer.ts";
import type { Item } from "../lease/ports.ts";
import { applyDesired } from "./apply-desired.ts";
import { closeLedger } from "./close-ledger.ts";
import { notDrifting, openLedger } from "./drift-ledger.ts";
import type { AppliedState } from "./applied-state.ts";
import { rulesOf } from "./apply-rules.ts";
import { concludeFailure, concludeHealth, concludeLook, concludeUnchanged } from "./conclude.ts";
import { type Desired, parseDesired } from "./desired.ts";
import { inScope } from "./in-scope.ts";
import { canceledEvent } from "./events.ts";
import { finalize } from "./finalize.ts";
import { areInputsUnchanged, canJustLook, isOnlyDue } from "./look-at-inputs.ts";
import { buildManifests } from "./manifests.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { isRoot } from "./root.ts";
import { sourceRefOf } from "./source-ref.ts";
import { askedOf } from "./health-targets.ts";
import { kindsOf, type ListedObjects, observeLive } from "./observe-live.ts";
import { selectorOf } from "../ssa/owner.ts";
import { knownLive } from "./known-live.ts";
import { type Plan, planObjects } from "./plan.ts";
import { type KustomizePorts, type Outcome, type Phase, parsePhase } from "./ports.ts";
import { recheckedAs } from "./recheck.ts";
import { pruneStale } from "./prune-stale.ts";
import { readAsMeant } from "./read-as-meant.ts";
import { requireDependencies, requireSource, requireSupported } from "./require.ts";
import { createReadiness } from "./readiness.ts";
import { incarnationOf, readinessOf, type Run, step } from "./run.ts";
import { findings, tellOfBuild } from "./tell-of-build.ts";
import { unmatchedPatches } from "./unmatched-patches.ts";
import { attempt, isNewRequest, observe, statusManager, suspended } from "./status.ts";
import { openTarget, type Target } from "./target.ts";
import { formatId, refOfId } from "../inventory/id.ts";
import type { Owned } from "./watch-scopes.ts";

export const controllerUser = "system:serviceaccount:flux-system:kustomize-controller";

/**
 * @param row the object's row as the lease's acquisition left it
 * @throws KubeError when the API server cannot be reached, LeaseLostError, and defects of ours
 */
export async function reconcile(
  kustomization: Kustomization,
  key: string,
  row: Item,
  ports: KustomizePorts,
): Promise<Outcome> {
  const own = ports.cluster.as(controllerUser);
  if (kustomization.metadata.deletionTimestamp !== undefined) return finalize({ kustomization, key, own, ports });
  if (kustomization.spec.suspend === true) return await rest(kustomization, own, ports);
  const run = await startRun(kustomization, key, own, ports);
  try {
    return await work(run, row);
  } catch (error) {
    return await concludeFailure(run, error);
  } finally {
    run.readiness?.close();
  }
}

async function work(run: Run, row: Item): Promise<Outcome> {
  const { kustomization, ports, own, key } = run;
  const { spec, metadata } = kustomization;
  const owner = { name: metadata.name, namespace: metadata.namespace };

  requireSupported(kustomization);
  run.byExpression = await compileHealthExpressions(spec.healthCheckExprs ?? []);
  const artifact = await requireSource(kustomization, own, ports);
  run.revision = artifact.revision;
  step(run, "Fetching manifests");
  await requireDependencies(kustomization, artifact.revision, own, ports);
  const { server, applier } = await follow(run);
  const left = await ports.states.load(key, server);
  const state = recheckedAs(row, left, run.startedAt);
  recall(run, state);
  const phase = parsePhase(row);
  if (phase && waitsStill(run, phase)) return concludeHealth(run, phase);
  if (phase) await tellSuperseded(run, phase);

  const rules = rulesOf(spec, applySettingsOf(ports.settings));
  const applied = (state.rules ?? "") === rules.digest ? state.closure : undefined;
  if (isOnlyDue(row) && isAtRest(run) && (await areInputsUnchanged(run, artifact, applied))) return concludeLook(run);
  const knownClosure = isSettled(run) ? applied : undefined;
  const build = await buildManifests(run, artifact, knownClosure);
  if (build.kind === "unchanged") return concludeUnchanged(run);
  run.digest = build.digest;
  await openLedger(run, state, { git: `${build.digest} ${rules.digest}`, rules, row });

  step(run, "Detecting drift");
  const written = parseDesired(build.documents, { owner, commonMetadata: spec.commonMetadata }, state);
  const { desired: meant, said } = await readAsMeant(written, applier);
  const { desired, inventory } = await inScope(meant, run.status.inventory?.entries ?? [], applier);
  await tellOfBuild(run, [
    ...(build.warnings ?? []),
    ...findings("ReadAsMeant", said),
    ...findings("PatchWithoutTarget", unmatchedPatches(spec.patches, desired)),
  ]);
  if (isRoot(kustomization)) await requireSettings(desired, ports);
  run.vanishing = vanishingOf(desired);
  const kinds = kindsOf([
    ...inventory.map(refOfId),
    ...Object.entries(state.objects).map(([id, { v }]) => refOfId({ id, v })),
  ]);
  const known = isSettled(run) && isInView(run) ? knownLive(desired, inventory, state, rules) : undefined;
  const live = known ?? (await observeLive(applier, kinds, selectorOf(metadata)));
  const plan = planObjects(desired, state, live, inventory, rules);
  tellListed(run, live, plan);

  const outcome = await applyDesired(
    run,
    plan,
    desired,
    { ...state, closure: build.closure, vanishing: [...run.vanishing], moving: run.moving },
    rules,
  );
  await closeLedger(run, outcome.kind);
  if (outcome.kind === "continued") return outcome;
  const pruning = { stale: plan.stale, wanted: outcome.inventory, owner, state: outcome.state };
  const pruned = await pruneStale(run, pruning);
  if (pruned) return pruned;
  return concludeHealth(run, undefined);
}

async function startRun(kustomization: Kustomization, key: string, own: Cluster, ports: KustomizePorts): Promise<Run> {
  const options = { fieldManager: statusManager, fence: ports.fence };
  const current = await withFinalizer(kustomization, own, options);
  const startedAt = ports.clock.now();
  const writer = createStatusWriter(own, current, options);
  return {
    kustomization: current,
    ports,
    key,
    own,
    target: undefined,
    readiness: undefined,
    writer,
    startedAt,
    status: observe(current),
    step: "",
    revision: undefined,
    digest: undefined,
    changed: false,
    vanishing: new Set(),
    held: new Set(),
    superseded: [],
    moving: false,
    drifting: notDrifting,
    drift: undefined,
    byExpression: () => undefined,
    secretValues: [],
  };
}

/** A `kubeConfig` that leads nowhere is told as Flux tells it: of an attempt at the revision, before the build. */
async function follow(run: Run): Promise<Target> {
  const { kustomization, ports, own, revision = "" } = run;
  if (kustomization.spec.kubeConfig) {
    run.status = attempt(run.status, revision);
    step(run, "Building manifests");
  }
  run.target = await openTarget(kustomization, own, ports);
  run.readiness = createReadiness(run.target.applier, {
    clock: ports.clock,
    owned: ownedBy(run),
    judge: (object) => run.byExpression(object),
  });
  return run.target;
}

/** What the inventory holds bears our label, or will. */
function ownedBy(run: Run): Owned {
  let seen: readonly ResourceRef[] | undefined;
  let ids: ReadonlySet<string> = new Set();
  return {
    selector: selectorOf(run.kustomization.metadata),
    has: (ref) => {
      const entries = run.status.inventory?.entries ?? [];
      if (entries !== seen) ids = new Set(entries.map(({ id }) => id));
      seen = entries;
      return ids.has(formatId(ref));
    },
  };
}

/** What an earlier run left open. */
function recall(run: Run, state: AppliedState): void {
  const { vanishing, held, superseded = [], moving = false, drifting = notDrifting } = state;
  run.drifting = drifting;
  run.moving = moving;
  run.vanishing = new Set(vanishing);
  run.held = new Set(held);
  run.superseded = (run.status.inventory?.entries ?? []).filter(({ id }) => superseded.includes(id));
}

async function withFinalizer(
  kustomization: Kustomization,
  own: Cluster,
  options: FinalizerOptions,
): Promise<Kustomization> {
  const { metadata } = await addFinalizer(kustomization, own, options);
  return { ...kustomization, metadata: { ...kustomization.metadata, ...metadata } };
}

/** Only what it says of itself: the finalizer, the request that was heard, the generation that is ready. */
async function rest(kustomization: Kustomization, own: Cluster, { fence }: KustomizePorts): Promise<Outcome> {
  const options = { fieldManager: statusManager, fence };
  const current = await withFinalizer(kustomization, own, options);
  await createStatusWriter(own, current, options).save(suspended(current));
  return { kind: "suspended" };
}

/** Flux's own manifests are few, and only its Deployments and its Namespace tell. */
async function requireSettings(desired: readonly Desired[], ports: KustomizePorts): Promise<void> {
  const telling = desired.filter(({ ref: { kind } }) => kind === "Deployment" || kind === "Namespace");
  const { refused } = await ports.storeSettings(telling.map((entry) => entry.object()));
  if (refused.length > 0) throw new ReconcileError("stall", "FeatureNotSupported", refused.join("; "));
}

/** Jobs that go by themselves when they are done. */
function vanishingOf(desired: readonly Desired[]): ReadonlySet<string> {
  const jobs = desired.filter(({ ref }) => ref.kind === "Job");
  return new Set(jobs.filter((entry) => vanishesWhenDone(entry.object())).map(({ id }) => id));
}

/** What was listed whole needs no look of its own. */
function tellListed(run: Run, live: ListedObjects, { unchanged }: Plan): void {
  const readiness = readinessOf(run);
  const isAsked = askedOf(run.kustomization);
  for (const [kind, resourceVersion] of live.versions) readiness.listed(kind, resourceVersion);
  for (const id of Object.keys(unchanged)) {
    const { ref, object } = live.byId.get(id) ?? {};
    if (ref && object && isAsked(ref)) readiness.saw(object);
  }
}

/** A wait for health goes on as long as nothing newer has come. */
function waitsStill(run: Run, phase: Phase): boolean {
  const { kustomization, revision } = run;
  const isSame = phase.phaseOf === incarnationOf(run) && phase.phaseGen === kustomization.metadata.generation;
  return isSame && phase.phaseRev === revision && !isNewRequest(kustomization);
}

/** A newer revision always ends a wait; Flux tells of it with the gate that makes it do so. */
async function tellSuperseded({ kustomization, ports, revision = "" }: Run, { phaseRev }: Phase): Promise<void> {
  if (phaseRev === revision || !ports.settings.kustomize.gates.CancelHealthCheckOnNewRevision) return;
  await ports.event(canceledEvent(kustomization, sourceRefOf(kustomization), phaseRev));
}

/**
 * Only a new revision of the source brought us here, and the last run ended well: then an unchanged closure needs no
 * look at its objects, the sweep has them in view.
 */
function isSettled(run: Run): boolean {
  return endedWell(run) && run.kustomization.status.lastAppliedRevision !== run.revision;
}

/** Nothing of it is open, and what a run takes that cannot just look is none of it. */
function isAtRest(run: Run): boolean {
  return endedWell(run) && run.kustomization.status.lastAppliedRevision === run.revision && canJustLook(run);
}

/** What the sweep has in view: the cluster itself, and nothing that goes by itself or waits for its prune. */
function isInView({ kustomization, vanishing, held, superseded }: Run): boolean {
  return kustomization.spec.kubeConfig === undefined && vanishing.size + held.size + superseded.length === 0;
}

function endedWell({ kustomization }: Run): boolean {
  const { conditions = [], observedGeneration } = kustomization.status;
  const ready = conditions.some(({ type, status }) => type === "Ready" && status === "True");
  const sameSpec = observedGeneration === kustomization.metadata.generation;
  return ready && sameSpec && !isNewRequest(kustomization);
}
