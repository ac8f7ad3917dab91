/** Two Kustomizations that own one object fight for it at every run: whoever takes it over says so. */
import { isDeepStrictEqual } from "node:util";

import { subject } from "../api/kube-object.ts";
import type { Kustomization } from "../api/kustomization.ts";
import { statusOf } from "../kubernetes/status-writer.ts";
import type { Checked } from "../ssa/apply.ts";
import { ownerName, ownerNamespace } from "../ssa/owner.ts";
import { failureEvent } from "./events.ts";
import type { Run } from "./run.ts";
import { sourceRefOf } from "./source-ref.ts";

/** One event for each other owner. */
export async function noteOwners(run: Run, checked: readonly Checked[]): Promise<void> {
  const { name, namespace } = run.kustomization.metadata;
  const owned = new Map<string, string[]>();
  for (const { desired, live } of checked) {
    const { [ownerName]: otherName, [ownerNamespace]: otherNamespace } = live?.metadata.labels ?? {};
    if (otherName === undefined || otherNamespace === undefined) continue;
    if (otherName === name && otherNamespace === namespace) continue;
    const other = `${otherNamespace}/${otherName}`;
    owned.set(other, [...(owned.get(other) ?? []), subject(desired)]);
  }
  for (const [other, subjects] of owned) {
    if (!(await stillWants(run, other))) continue;
    const [verb, them] = subjects.length > 1 ? ["are", "them"] : ["is", "it"];
    const message =
      `${subjects.join(", ")} ${verb} owned by Kustomization/${other} and wanted by ` +
      `Kustomization/${namespace}/${name}: remove ${them} from one of the two`;
    await run.ports.event(failureEvent(run.kustomization, "OwnershipConflict", message, run.revision));
  }
}

/** One that is gone, or has not come to the commit yet that may have moved the objects, is no rival. */
async function stillWants({ kustomization, own, revision }: Run, other: string): Promise<boolean> {
  const [namespace = "", name = ""] = other.split("/");
  const { apiVersion, kind } = kustomization;
  const found = (await own.get({ apiVersion, kind, namespace, name })) as Kustomization | undefined;
  if (!found) return false;
  const sharesSource = isDeepStrictEqual(sourceRefOf(found), sourceRefOf(kustomization));
  return !sharesSource || statusOf(found).lastAppliedRevision === revision;
}
