/** Decides whether a prune may go on: within its budget, approved by a person, or held back until it is. */
import type { ObjectRef } from "../api/kube-object.ts";
import type { Kustomization, ResourceRef } from "../api/kustomization.ts";
import { readInventory, refOfId } from "../inventory/id.ts";
import type { Cluster } from "../kubernetes/cluster.ts";
import { findDeletable } from "../ssa/delete.ts";
import type { Owner } from "../ssa/owner.ts";
import { approvalAnnotation, findExcess, heldMessage, planDigest, readBudget } from "./deletion-budget.ts";
import type { NewCondition } from "../runtime/conditions.ts";

export type Hold = Pick<NewCondition, "reason" | "message">;

export type Judgement =
  /** Nobody need be asked about these. */
  | { readonly kind: "free"; readonly entries: readonly ResourceRef[] }
  /** A person has seen exactly these, or more of which they are what is left. */
  | {
      readonly kind: "approved";
      readonly entries: readonly ResourceRef[];
      /** Ids to remember until the prune is done. */
      readonly approved: readonly string[];
      /** The approval has just been found. */
      readonly isNew: boolean;
    }
  /** `leaving` are being deleted already; `entries` are what the plan in `hold` names. */
  | {
      readonly kind: "held";
      readonly entries: readonly ResourceRef[];
      readonly leaving: readonly ResourceRef[];
      readonly hold: Hold;
    };

export interface PruneRequest {
  readonly stale: readonly ResourceRef[];
  readonly owner: Owner;
  /** As the tenant who applied them. */
  readonly cluster: Cluster;
  /** Ids of a prune that was approved and has begun. */
  readonly approved: readonly string[];
}

/** No request without a budget, nor for what keeps within it as it stands. */
export async function judgePrune(
  kustomization: Kustomization,
  { stale, owner, cluster, approved }: PruneRequest,
): Promise<Judgement> {
  const { annotations, name, namespace, uid = "" } = kustomization.metadata;
  const budget = readBudget(annotations);
  const size = readInventory(kustomization.status).length;
  if (!budget || findExcess(budget, stale.map(refOfId), size).length === 0) return { kind: "free", entries: stale };
  // What is gone, has another owner or opted out is no deletion.
  const { deletable, terminating } = await findDeletable(cluster, stale, owner);
  const refs: readonly ObjectRef[] = deletable.map(refOfId);
  const reasons = findExcess(budget, refs, size);
  const entries = [...terminating, ...deletable];
  if (reasons.length === 0) return { kind: "free", entries: stale };
  const digest = planDigest(uid, deletable);
  if (annotations?.[approvalAnnotation] === digest)
    return { kind: "approved", entries, approved: deletable.map(({ id }) => id), isNew: true };
  const begun = new Set(approved);
  if (deletable.every(({ id }) => begun.has(id))) return { kind: "approved", entries, approved, isNew: false };
  const hold: Hold = {
    reason: budget.problems.length > 0 ? "InvalidDeletionBudget" : "DeletionBudgetExceeded",
    message: heldMessage(refs, reasons, { digest, name, namespace }),
  };
  return { kind: "held", entries: deletable, leaving: terminating, hold };
}
