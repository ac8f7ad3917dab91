/** Ends a Kustomization that is being deleted: its objects go as its policy says, then its finalizer. */
import type { ObjectRef } from "../api/kube-object.ts";
import type { Kustomization, KustomizationStatus, ResourceRef } from "../api/kustomization.ts";
import { readInventory, refOfId } from "../inventory/id.ts";
import { type Cluster, KubeError } from "../kubernetes/cluster.ts";
import { hasFinalizer, removeFinalizer } from "../kubernetes/finalizer.ts";
import { createStatusWriter } from "../kubernetes/status-writer.ts";
import { emptyState } from "./applied-state.ts";
import { hasBudget } from "./deletion-budget.ts";
import { failureEvent, finalizedEvent, heldEvent, terminationEvent, unprunedEvent } from "./events.ts";
import { type Hold, judgePrune } from "./hold-prune.ts";
import type { KustomizePorts, Outcome } from "./ports.ts";
import { prune } from "./prune.ts";
import { holdOf, isNewHold, withPending } from "./prune-pending.ts";
import { timeoutMillis } from "./run.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { serviceAccountOf } from "./service-account.ts";
import { momentOf, observe, statusManager } from "./status.ts";
import { openTarget } from "./target.ts";

const pollSeconds = 2;
const failedSeconds = 10;
const unreachedSeconds = 60;
/** An approval is found by the sweep or told by the command line; this is for what neither sees. */
const heldSeconds = 600;

export interface Finalization {
  readonly kustomization: Kustomization;
  readonly key: string;
  readonly own: Cluster;
  readonly ports: KustomizePorts;
}

export async function finalize(finalization: Finalization): Promise<Outcome> {
  const { kustomization, own, ports } = finalization;
  if (!hasFinalizer(kustomization)) return { kind: "gone" };
  const entries = readInventory(kustomization.status);
  if (entries.length > 0 && deletesObjects(kustomization) && (await hasServiceAccount(kustomization, own, ports))) {
    const waiting = await reach(kustomization, ports, () => removeObjects(finalization, entries));
    if (waiting) return waiting;
  }
  await removeFinalizer(kustomization, own, { fieldManager: statusManager, fence: ports.fence });
  await ports.announcer.gone(kustomization);
  return { kind: "gone" };
}

/** @returns undefined when all are gone, or need not be waited for */
async function removeObjects(
  finalization: Finalization,
  entries: readonly ResourceRef[],
): Promise<Outcome | undefined> {
  const { kustomization, key, own, ports } = finalization;
  const { server, applier, announcer } = await openTarget(kustomization, own, ports);
  const owner = { name: kustomization.metadata.name, namespace: kustomization.metadata.namespace };
  const state = hasBudget(kustomization) ? await ports.states.load(key, server) : emptyState(server);
  const { approved = [] } = state;
  const judged = await judgePrune(kustomization, { stale: entries, owner, cluster: applier, approved });
  if (judged.kind === "held") return holdBack(finalization, judged.hold, [...judged.leaving, ...judged.entries]);
  if (judged.kind === "approved" && judged.isNew) await ports.states.save(key, { ...state, approved: judged.approved });
  const pruned = await prune(judged.entries, owner, { cluster: applier, announcer, fence: ports.fence });
  if (pruned.lines.length > 0) await ports.event(finalizedEvent(kustomization, pruned.lines));
  if (pruned.errors.length > 0) await ports.event(failureEvent(kustomization, "PruneFailed", pruned.errors.join("\n")));
  const hold = holdOf(pruned);
  if (hold) return holdBack(finalization, hold, pruned.remaining);
  if (pruned.remaining.length === 0 && !(await terminates(kustomization, pruned.leaving, applier, ports)))
    return undefined;
  if (pruned.remaining.length > 0) await saveLeft(finalization, kustomization.status, pruned.remaining);
  return pruned.errors.length > 0
    ? { kind: "retrying", afterSeconds: failedSeconds }
    : { kind: "waiting", afterSeconds: pollSeconds };
}

/** Nothing more is deleted until a person approves; the finalizer keeps what is left from being forgotten. */
async function holdBack(finalization: Finalization, hold: Hold, remaining: readonly ResourceRef[]): Promise<Outcome> {
  const { kustomization, ports } = finalization;
  const { status } = kustomization;
  if (isNewHold(status, hold)) await ports.event(heldEvent(kustomization, hold, status.lastAppliedRevision));
  const moment = momentOf(kustomization, ports.clock.now());
  await saveLeft(finalization, withPending(observe(kustomization), hold, moment), remaining);
  return { kind: "waiting", afterSeconds: heldSeconds };
}

/** No request when all is said already. */
async function saveLeft(
  { kustomization, own, ports: { fence } }: Finalization,
  status: KustomizationStatus,
  remaining: readonly ResourceRef[],
): Promise<void> {
  const writer = createStatusWriter(own, kustomization, { fieldManager: statusManager, fence });
  await writer.save({ ...status, inventory: { entries: [...remaining] } });
}

/** What was applied elsewhere is not given up because the way there is lost: as with Flux, the Kustomization stays. */
async function reach(
  kustomization: Kustomization,
  ports: KustomizePorts,
  work: () => Promise<Outcome | undefined>,
): Promise<Outcome | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ReconcileError)) throw error;
    const message = `its objects cannot be deleted: ${error.message}; set spec.suspend to leave them where they are`;
    await ports.event(failureEvent(kustomization, "PruneFailed", message));
    return { kind: "retrying", afterSeconds: unreachedSeconds };
  }
}

function deletesObjects({ spec }: Kustomization): boolean {
  if (spec.suspend === true) return false;
  const policy = spec.deletionPolicy ?? "MirrorPrune";
  return policy === "MirrorPrune" ? spec.prune : policy !== "Orphan";
}

/** Without its ServiceAccount nothing can be deleted as the tenant: Flux lets the Kustomization go, and says so. */
async function hasServiceAccount(kustomization: Kustomization, own: Cluster, ports: KustomizePorts): Promise<boolean> {
  const name = serviceAccountOf(kustomization, ports.settings);
  if (name === undefined) return true;
  const { namespace } = kustomization.metadata;
  if (await own.get({ apiVersion: "v1", kind: "ServiceAccount", namespace, name })) return true;
  await ports.event(unprunedEvent(kustomization, readInventory(kustomization.status).map(refOfId)));
  return false;
}

/** `WaitForTermination`: until all that was deleted is gone, at most for the timeout. */
async function terminates(
  kustomization: Kustomization,
  leaving: readonly ObjectRef[],
  applier: Cluster,
  { clock, event }: KustomizePorts,
): Promise<boolean> {
  const { spec, metadata } = kustomization;
  if (spec.deletionPolicy !== "WaitForTermination") return false;
  const isOver = clock.now() > Date.parse(metadata.deletionTimestamp ?? "") + timeoutMillis(kustomization);
  for (const ref of leaving) {
    try {
      if (!(await applier.get(ref))) continue;
      if (isOver) await event(terminationEvent(kustomization));
      return !isOver;
    } catch (error) {
      if (!(error instanceof KubeError) || error.reason !== "NoMatch") throw error;
    }
  }
  return false;
}
