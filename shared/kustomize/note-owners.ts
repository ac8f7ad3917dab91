/** Two Kustomizations that own one object fight for it at every run: whoever takes it over says so. */
import { isDeepStrictEqual } from "node:util";

import { type ObjectRef, refOf, subjectOf } from "../api/kube-object.ts";
import type { Kustomization } from "../api/kustomization.ts";
import { formatId, readInventory } from "../inventory/id.ts";
import { statusOf } from "../kubernetes/status-writer.ts";
import type { Checked } from "../ssa/apply.ts";
import { ownerName, ownerNamespace } from "../ssa/owner.ts";
import { failureEvent } from "./events.ts";
import type { Run } from "./run.ts";
import { sourceRefOf } from "./source-ref.ts";

/** One event for each other owner. */
export async function noteOwners(run: Run, checked: readonly Checked[]): Promise<void> {
  const { name, namespace } = run.kustomization.metadata;
  const owned = new Map<string, ObjectRef[]>();
  for (const { desired, live } of checked) {
    const { [ownerName]: otherName, [ownerNamespace]: otherNamespace } = live?.metadata.labels ?? {};
    if (otherName === undefined || otherNamespace === undefined) continue;
    if (otherName === name && otherNamespace === namespace) continue;
    const other = `${otherNamespace}/${otherName}`;
    owned.set(other, [...(owned.get(other) ?? []), refOf(desired)]);
  }
  for (const [other, refs] of owned) {
    if (!(await stillWants(run, other, refs))) continue;
    const subjects = refs.map(subjectOf);
    const [verb, them] = subjects.length > 1 ? ["are", "them"] : ["is", "it"];
    const message =
      `${subjects.join(", ")} ${verb} owned by Kustomization/${other} and wanted by ` +
      `Kustomization/${namespace}/${name}: remove ${them} from one of the two`;
    await run.ports.event(failureEvent(run.kustomization, "OwnershipConflict", message, run.revision));
  }
}

/**
 * One that is gone, that applies to another cluster, or has not come to the commit yet that may have moved the objects, is
 * no rival. In another cluster the label may mean a Kustomization there: only the inventory tells that it is this one.
 */
async function stillWants(
  { kustomization, own, revision }: Run,
  other: string,
  refs: readonly ObjectRef[],
): Promise<boolean> {
  const [namespace = "", name = ""] = other.split("/");
  const { apiVersion, kind } = kustomization;
  const found = (await own.get({ apiVersion, kind, namespace, name })) as Kustomization | undefined;
  if (!found || !isDeepStrictEqual(found.spec.kubeConfig, kustomization.spec.kubeConfig)) return false;
  if (kustomization.spec.kubeConfig && !hasAny(found, refs)) return false;
  const sharesSource = isDeepStrictEqual(sourceRefOf(found), sourceRefOf(kustomization));
  return !sharesSource || statusOf(found).lastAppliedRevision === revision;
}

function hasAny(kustomization: Kustomization, refs: readonly ObjectRef[]): boolean {
  const ids = new Set(readInventory(kustomization.status).map(({ id }) => id));
  return refs.some((ref) => ids.has(formatId(ref)));
}
