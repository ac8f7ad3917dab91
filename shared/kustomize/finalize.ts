/** Ends a Kustomization that is being deleted: its objects go as its policy says, then its finalizer. */
import type { ObjectRef } from "../api/kube-object.ts";
import type { Kustomization, ResourceRef } from "../api/kustomization.ts";
import { readInventory, refOfId } from "../inventory/id.ts";
import { type Cluster, KubeError } from "../kubernetes/cluster.ts";
import { hasFinalizer, removeFinalizer } from "../kubernetes/finalizer.ts";
import { createStatusWriter } from "../kubernetes/status-writer.ts";
import { failureEvent, finalizedEvent, terminationEvent, unprunedEvent } from "./events.ts";
import type { KustomizePorts, Outcome } from "./ports.ts";
import { prune } from "./prune.ts";
import { timeoutMillis } from "./run.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { serviceAccountOf } from "./service-account.ts";
import { statusManager } from "./status.ts";
import { openTarget } from "./target.ts";

const pollSeconds = 2;
const unreachedSeconds = 60;

export async function finalize(kustomization: Kustomization, own: Cluster, ports: KustomizePorts): Promise<Outcome> {
  if (!hasFinalizer(kustomization)) return { kind: "gone" };
  const entries = readInventory(kustomization.status);
  if (entries.length > 0 && deletesObjects(kustomization) && (await hasServiceAccount(kustomization, own, ports))) {
    const unfinished = await reach(kustomization, ports, () => deleteAll(kustomization, entries, own, ports));
    if (unfinished) return unfinished;
  }
  await removeFinalizer(kustomization, own, { fieldManager: statusManager, fence: ports.fence });
  await ports.announcer.gone(kustomization);
  return { kind: "gone" };
}

/** @returns undefined when nothing is left to wait for */
async function deleteAll(
  kustomization: Kustomization,
  entries: readonly ResourceRef[],
  own: Cluster,
  ports: KustomizePorts,
): Promise<Outcome | undefined> {
  const owner = { name: kustomization.metadata.name, namespace: kustomization.metadata.namespace };
  const { applier, announcer } = await openTarget(kustomization, own, ports);
  const pruned = await prune(entries, owner, { cluster: applier, announcer, fence: ports.fence });
  if (pruned.lines.length > 0) await ports.event(finalizedEvent(kustomization, pruned.lines));
  if (pruned.errors.length > 0) await ports.event(failureEvent(kustomization, "PruneFailed", pruned.errors.join("\n")));
  const waiting = pruned.remaining.length > 0 || (await terminates(kustomization, pruned.leaving, applier, ports));
  if (!waiting) return undefined;
  if (pruned.remaining.length > 0 && pruned.remaining.length < entries.length)
    await shrink(kustomization, own, pruned.remaining, ports);
  return pruned.errors.length > 0
    ? { kind: "retrying", afterSeconds: 10 }
    : { kind: "waiting", afterSeconds: pollSeconds };
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

async function shrink(
  kustomization: Kustomization,
  own: Cluster,
  remaining: readonly { id: string; v: string }[],
  { fence }: KustomizePorts,
): Promise<void> {
  const writer = createStatusWriter(own, kustomization, { fieldManager: statusManager, fence });
  await writer.save({ ...kustomization.status, inventory: { entries: [...remaining] } });
}
