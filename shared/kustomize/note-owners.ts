/** Two Kustomizations that own one object fight for it at every run: whoever takes it over says so. */
import { subject } from "../api/kube-object.ts";
import type { Checked } from "../ssa/apply.ts";
import { failureEvent } from "./events.ts";
import { ownerName, ownerNamespace } from "../ssa/owner.ts";
import type { Run } from "./run.ts";

export async function noteOwners(run: Run, checked: readonly Checked[]): Promise<void> {
  const { name, namespace } = run.kustomization.metadata;
  for (const { desired, live } of checked) {
    const { [ownerName]: otherName, [ownerNamespace]: otherNamespace } = live?.metadata.labels ?? {};
    if (otherName === undefined || otherNamespace === undefined) continue;
    if (otherName === name && otherNamespace === namespace) continue;
    const message =
      `${subject(desired)} is owned by Kustomization/${otherNamespace}/${otherName} and wanted by ` +
      `Kustomization/${namespace}/${name}: remove it from one of the two`;
    await run.ports.event(failureEvent(run.kustomization, "OwnershipConflict", message, run.revision));
  }
}
