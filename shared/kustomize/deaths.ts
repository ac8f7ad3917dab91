/** Five workers died on an object: its condition says so, and it rests until something new comes or an hour is over. */
import { kustomizationApiVersion, parseKustomization } from "../api/kustomization.ts";
import { tellEvent } from "../kubernetes/record-event.ts";
import { createStatusWriter } from "../kubernetes/status-writer.ts";
import { formatKey, type ObjectKey } from "../lease/message.ts";
import type { Item } from "../lease/ports.ts";
import type { Held } from "../lease/with-lease.ts";
import { failureEvent } from "./events.ts";
import { controllerUser } from "./reconcile.ts";
import { controller, fail, momentOf, statusManager } from "./status.ts";
import type { WorkerPorts } from "./worker.ts";

export async function recordDeaths(
  { cluster: clusterName, namespace, name, kind, group }: ObjectKey,
  held: Held,
  deaths: number,
  ports: WorkerPorts,
): Promise<{ readonly set?: Item; readonly seenRev?: string | undefined }> {
  const cluster = (await ports.openCluster(clusterName)).as(controllerUser);
  const object = await cluster.get({ apiVersion: kustomizationApiVersion, kind: "Kustomization", namespace, name });
  const parsed = object && parseKustomization(object);
  if (!object || !parsed?.ok) return {};
  const message = `worker died ${deaths} times: out of memory or time; make the Kustomization smaller or look at the function's log for ${formatKey({ cluster: clusterName, group, kind, namespace, name })}`;
  const writer = createStatusWriter(cluster, parsed.value, { fieldManager: statusManager, fence: held.fenceWrite });
  const failure = { reason: "WorkerDied" as const, message, stalled: true };
  await writer.save(fail(parsed.value.status, failure, undefined, momentOf(parsed.value, ports.clock.now())));
  await tellEvent(cluster, failureEvent(parsed.value, "WorkerDied", message), {
    component: controller,
    clock: ports.clock,
    log: ports.log,
  });
  // What was seen is noted, or the sweep would take the revision for news and break the rest.
  const { uid = "", generation = 0 } = object.metadata;
  const { sourceRef } = parsed.value.spec;
  const source = { apiVersion: "source.toolkit.fluxcd.io/v1", kind: sourceRef.kind, name: sourceRef.name };
  const artifact = await ports
    .sources(clusterName)
    .artifactOf({ ...source, namespace: sourceRef.namespace ?? namespace });
  return { seenRev: artifact?.revision, set: { seenUid: uid, seenGen: generation } };
}
