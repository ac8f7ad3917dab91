/** `approve drift`: shows how a Kustomization differs from Git and has exactly that corrected. */
import type { ObjectRef } from "../../shared/api/kube-object.ts";
import { kustomizationApiVersion, kustomizationKind } from "../../shared/api/kustomization.ts";
import { approvalAnnotation } from "../../shared/drift/mode.ts";
import { findStanding, type FoundStanding } from "../../shared/drift/standing.ts";
import { eachCluster } from "../each-cluster.ts";
import { CommandError, type CliPorts, type NamedCluster } from "../ports.ts";
import { createSay } from "../say.ts";
import { requireObject } from "../wait.ts";
import type { ApproveOptions } from "./approve.ts";
import { drift } from "./drift.ts";
import { wake } from "./reconcile.ts";

interface Found {
  readonly named: NamedCluster;
  readonly standing: FoundStanding;
}

/**
 * On every cluster where it has drifted; what differs by the time of the run, and was not shown, stays as it is.
 * @throws CommandError when nothing differs anywhere, or the person says no
 */
export async function approveDrift(ports: CliPorts, options: ApproveOptions): Promise<void> {
  const { namespace, name } = options;
  const ref: ObjectRef = { apiVersion: kustomizationApiVersion, kind: kustomizationKind, namespace, name };
  const { answers, requireAll } = await eachCluster(ports, async (named): Promise<Found | undefined> => {
    const standing = findStanding(await requireObject(named.cluster, ref, ports.signal));
    return standing && { named, standing };
  });
  const found = answers.flatMap(({ value }) => value ?? []);
  for (const { named, standing } of found) createSay(ports, named).action(standing.message);
  if (ports.drifts && found.length > 0) await drift(ports, { namespace, name });
  const names = found.map(({ named }) => named.name).join(", ");
  if (found.length > 0 && options.yes !== true && !(await ports.confirm(`Have this corrected on ${names}`)))
    throw new CommandError("aborting");
  for (const { named, standing } of found) {
    const annotations = { [approvalAnnotation]: standing.plan };
    await named.cluster.mergePatch(ref, { metadata: { annotations } }, { fieldManager: "flux" });
    await wake(ports, named, ref, "drift approved");
    createSay(ports, named).success(`plan ${standing.plan} approved, the next run corrects it`);
  }
  requireAll();
  if (found.length === 0) throw new CommandError(`Kustomization/${namespace}/${name} has no drift that stands`);
}
