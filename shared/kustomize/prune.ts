/**
 * Deletes objects in stages. Children are reconciled by messages, not inside us: Flux objects go first and are waited
 * for while their own run finalizes them, then workloads, then what those runs needed (RBAC, ServiceAccounts, Secrets),
 * then Namespaces and definitions. So a tenant that is removed in one commit leaves nothing behind.
 */
import { groupOf, type ObjectRef } from "../api/kube-object.ts";
import type { ResourceRef } from "../api/kustomization.ts";
import { formatId, refOfId } from "../inventory/id.ts";
import type { Cluster } from "../kubernetes/cluster.ts";
import { deleteObjects } from "../ssa/delete.ts";
import type { Owner } from "../ssa/owner.ts";
import type { AppliedLine } from "./events.ts";
import type { Announcer } from "./ports.ts";
import { findPending } from "./prune-pending.ts";

export interface Pruned {
  /** Objects that were deleted now, in the order of deletion. */
  readonly deleted: readonly ObjectRef[];
  /** What Flux tells of it, in the order of deletion; empty when nothing was deleted now. */
  readonly lines: readonly AppliedLine[];
  /** The deleted ones, and those that were deleted before but are held by their finalizers. */
  readonly leaving: readonly ObjectRef[];
  /** Still ours: refused, failed, or not looked at because an earlier stage is not gone yet. */
  readonly remaining: readonly ResourceRef[];
  /** Flux objects that wait for their own finalization. */
  readonly terminating: readonly ObjectRef[];
  /** Those of them whose own deletion waits for a person's approval. */
  readonly heldBack: readonly ObjectRef[];
  readonly errors: readonly string[];
}

const rights = new Set(["ServiceAccount", "Secret", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"]);

function tierOf({ apiVersion, kind }: ObjectRef): number {
  const group = groupOf(apiVersion);
  if (isFluxGroup(group)) return 0;
  if (kind === "CustomResourceDefinition" || (kind === "Namespace" && group === "")) return 3;
  return rights.has(kind) && (group === "" || group === "rbac.authorization.k8s.io") ? 2 : 1;
}

export const isFluxGroup = (group: string): boolean => group.endsWith(".toolkit.fluxcd.io");

export interface PrunePorts {
  readonly cluster: Cluster;
  /** Undefined where Flux objects are none of this engine's: they are deleted like any other, as Flux does. */
  readonly announcer: Pick<Announcer, "trigger"> | undefined;
  readonly fence: () => void;
}

export async function prune(
  stale: readonly ResourceRef[],
  owner: Owner,
  { cluster, announcer, fence }: PrunePorts,
): Promise<Pruned> {
  const deleted: ObjectRef[] = [];
  const leaving: ObjectRef[] = [];
  const told: AppliedLine[] = [];
  const lines = () => (deleted.length > 0 || told.every(({ action }) => action === "skipped") ? told : []);
  const errors: string[] = [];
  const kept = new Set<string>();
  const tiers = [0, 1, 2, 3].map((tier) => stale.filter((entry) => tierOf(refOfId(entry)) === tier));
  for (const [tier, entries] of tiers.entries()) {
    if (entries.length === 0) continue;
    fence();
    const going: ObjectRef[] = [];
    for (const result of await deleteObjects(cluster, entries.map(refOfId), { owner, fence })) {
      if (result.kind === "deleted") deleted.push(result.ref);
      if (result.kind === "deleted" || result.kind === "terminating") going.push(result.ref);
      if (result.kind !== "failed")
        told.push({ ref: result.ref, action: result.kind === "kept" ? "skipped" : "deleted" });
      if (result.kind !== "failed") continue;
      errors.push(result.message);
      kept.add(formatId(result.ref));
    }
    leaving.push(...going);
    const { terminating, heldBack } = tier === 0 && announcer ? await stillThere(going, cluster, announcer) : noneThere;
    if (terminating.length > 0 || (tier === 0 && errors.length > 0)) {
      const waiting = new Set(terminating.map(formatId));
      const looked = new Set(entries.map(({ id }) => id));
      const remaining = stale.filter(({ id }) => kept.has(id) || waiting.has(id) || !looked.has(id));
      return { deleted, lines: lines(), leaving, remaining, terminating, heldBack, errors };
    }
  }
  const remaining = stale.filter(({ id }) => kept.has(id));
  return { deleted, lines: lines(), leaving, remaining, ...noneThere, errors };
}

interface StillThere {
  readonly terminating: readonly ObjectRef[];
  readonly heldBack: readonly ObjectRef[];
}

const noneThere = { terminating: [], heldBack: [] } as const;

/** Flux objects that have a finalizer stay until their own run has removed what they own, or may remove it. */
async function stillThere(
  going: readonly ObjectRef[],
  cluster: Cluster,
  announcer: Pick<Announcer, "trigger">,
): Promise<StillThere> {
  const terminating: ObjectRef[] = [];
  const heldBack: ObjectRef[] = [];
  for (const ref of going) {
    const live = await cluster.get(ref);
    if (live?.metadata.deletionTimestamp === undefined) continue;
    terminating.push(ref);
    if (findPending(live)?.isCurrent) heldBack.push(ref);
    else await announcer.trigger(ref, "deleted");
  }
  return { terminating, heldBack };
}
