/**
 * Reconciles one Kustomization: makes the cluster match the revision that its source last stored. Every effect goes
 * through `ports`; the order of the steps is Flux's.
 */
import type { Kustomization } from "../api/kustomization.ts";
import type { Cluster } from "../kubernetes/cluster.ts";
import { addFinalizer } from "../kubernetes/finalizer.ts";
import { createStatusWriter } from "../kubernetes/status-writer.ts";
import type { Item } from "../lease/ports.ts";
import { applyDesired } from "./apply-desired.ts";
import { concludeFailure, concludeHealth, concludeUnchanged } from "./conclude.ts";
import { parseDesired } from "./desired.ts";
import { finalize } from "./finalize.ts";
import { kindsOf, observeLive } from "./observe-live.ts";
import { ownerName, ownerNamespace } from "../ssa/owner.ts";
import { overlayOf } from "./overlay.ts";
import { planObjects } from "./plan.ts";
import { type KustomizePorts, type Outcome, type Phase, parsePhase } from "./ports.ts";
import { pruneStale } from "./prune-stale.ts";
import { requireDependencies, requireSource, requireSupported } from "./require.ts";
import { type Run, step } from "./run.ts";
import { attempt, isNewRequest, observe, statusManager } from "./status.ts";
import { refOfId } from "../inventory/id.ts";

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
  const { namespace } = kustomization.metadata;
  const { serviceAccountName, suspend } = kustomization.spec;
  const own = ports.cluster.as(controllerUser);
  const applier =
    serviceAccountName === undefined
      ? own
      : ports.cluster.as(`system:serviceaccount:${namespace}:${serviceAccountName}`);
  if (kustomization.metadata.deletionTimestamp !== undefined) return finalize(kustomization, own, applier, ports);
  if (suspend === true) return { kind: "suspended" };
  const run = await startRun(kustomization, key, own, applier, ports);
  try {
    return await work(run, parsePhase(row));
  } catch (error) {
    return await concludeFailure(run, error);
  }
}

async function work(run: Run, phase: Phase | undefined): Promise<Outcome> {
  const { kustomization, ports, own, applier, key } = run;
  const { spec, metadata } = kustomization;
  const owner = { name: metadata.name, namespace: metadata.namespace };

  requireSupported(kustomization);
  const { artifact } = await requireSource(kustomization, own, ports.sources);
  run.revision = artifact.revision;
  await requireDependencies(kustomization, artifact.revision, own, ports.announcer);
  if (phase && waitsStill(run, phase)) return concludeHealth(run, phase);

  const state = await ports.states.load(key, ports.server);
  step(run, "Building manifests");
  const knownClosure = isSettled(run) ? state.closure : undefined;
  const build = await ports.renderer.build({
    artifact,
    path: spec.path ?? "",
    overlay: overlayOf(spec),
    knownClosure,
    began: () => (run.status = attempt(run.status, artifact.revision)),
  });
  if (build.kind === "unchanged") return concludeUnchanged(run);
  run.digest = build.digest;

  step(run, "Detecting drift");
  const desired = parseDesired(build.yaml, owner, state);
  const inventory = run.status.inventory?.entries ?? [];
  const kinds = kindsOf([
    ...inventory.map(refOfId),
    ...Object.entries(state.objects).map(([id, { v }]) => refOfId({ id, v })),
  ]);
  const selector = `${ownerName}=${owner.name},${ownerNamespace}=${owner.namespace}`;
  const live = await observeLive(applier, kinds, selector);
  const plan = planObjects(desired, state, live, inventory);

  const applied = await applyDesired(run, plan, desired, { ...state, closure: build.closure });
  if (applied.kind === "continued") return applied;
  const pruned = await pruneStale(run, plan.stale, applied.inventory, owner, applied.state);
  if (pruned) return pruned;
  return concludeHealth(run, undefined);
}

async function startRun(
  kustomization: Kustomization,
  key: string,
  own: Cluster,
  applier: Cluster,
  ports: KustomizePorts,
): Promise<Run> {
  const options = { fieldManager: statusManager, fence: ports.fence };
  const { metadata } = await addFinalizer(kustomization, own, options);
  const current: Kustomization = { ...kustomization, metadata: { ...kustomization.metadata, ...metadata } };
  const startedAt = ports.clock.now();
  const writer = createStatusWriter(own, current, options);
  const run: Run = {
    kustomization: current,
    ports,
    key,
    own,
    applier,
    writer,
    startedAt,
    status: observe(current),
    step: "",
    revision: undefined,
    digest: undefined,
    changed: false,
  };
  step(run, "Fetching manifests");
  return run;
}

/** A wait for health goes on as long as nothing newer has come. */
function waitsStill({ kustomization, revision }: Run, phase: Phase): boolean {
  return (
    phase.phaseRev === revision && phase.phaseGen === kustomization.metadata.generation && !isNewRequest(kustomization)
  );
}

/**
 * Only a new revision of the source brought us here, and the last run ended well: then an unchanged closure needs no
 * look at its objects, the sweep has them in view.
 */
function isSettled({ kustomization, revision }: Run): boolean {
  const { conditions = [], observedGeneration, lastAppliedRevision } = kustomization.status;
  const ready = conditions.some(({ type, status }) => type === "Ready" && status === "True");
  const sameSpec = observedGeneration === kustomization.metadata.generation;
  return ready && sameSpec && lastAppliedRevision !== revision && !isNewRequest(kustomization);
}
