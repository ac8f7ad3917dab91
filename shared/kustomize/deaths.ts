/**
 * What a Kustomization says of itself when no run of it comes to an end: workers that die leave it Stalled until
 * something new comes or its rest is over; runs that the deadline cuts off again and again are a failure to reconcile.
 */
import {
  kustomizationApiVersion,
  type Kustomization,
  kustomizationKind,
  parseKustomization,
} from "../api/kustomization.ts";
import { tellEvent } from "../kubernetes/record-event.ts";
import { createStatusWriter } from "../kubernetes/status-writer.ts";
import { formatKey, type ObjectKey } from "../lease/message.ts";
import type { Done, Held } from "../lease/with-lease.ts";
import { readClusterRecord } from "../runtime/cluster-record.ts";
import { failureEvent } from "./events.ts";
import { controllerUser } from "./reconcile.ts";
import { retrySeconds } from "./run.ts";
import { sourceRefOf } from "./source-ref.ts";
import { controller, type Failure, fail, momentOf, observe, statusManager } from "./status.ts";
import type { WorkerPorts } from "./worker.ts";

const remedy = (self: ObjectKey) =>
  `make the Kustomization smaller or look at the reconcile function's log for ${formatKey(self)}`;
const frozenSeconds = 60;

/** For `LeasedWork.onDeaths`. @throws KubeError when the API server cannot be asked: the run is to be repeated */
export async function recordDeaths(
  self: ObjectKey,
  held: Held,
  deaths: number,
  ports: WorkerPorts,
): Promise<Pick<Done, "set" | "seenRev">> {
  const message = `worker died ${deaths} times: out of memory or time; ${remedy(self)}`;
  const told = await tell(self, held, ports, { reason: "WorkerDied", message, stalled: true });
  return told ? await seenOf(told, self, ports) : {};
}

/** For `LeasedWork.onStuck`. @throws KubeError when the API server cannot be asked: the run is to be repeated */
export async function recordStuck(self: ObjectKey, held: Held, ports: WorkerPorts): Promise<Done> {
  const message = `three runs in a row reached the deadline and came no further; ${remedy(self)}`;
  const told = await tell(self, held, ports, { reason: "ReconciliationFailed", message, stalled: false });
  if (!told) return { kind: "done", againInSeconds: frozenSeconds };
  return { kind: "done", againInSeconds: retrySeconds(told), ...(await seenOf(told, self, ports)) };
}

/** What was seen is noted, or the sweep would take the revision for news and break the rest. */
async function seenOf(
  kustomization: Kustomization,
  { cluster }: ObjectKey,
  ports: WorkerPorts,
): Promise<Pick<Done, "set" | "seenRev">> {
  const { uid = "", generation = 0 } = kustomization.metadata;
  const artifact = await ports.sources(cluster).artifactOf(sourceRefOf(kustomization));
  return { seenRev: artifact?.revision, set: { seenUid: uid, seenGen: generation } };
}

/** Undefined when there is nothing to say it of, or nobody may write now. */
async function tell(
  { cluster: clusterName, kind, namespace, name }: ObjectKey,
  held: Held,
  { table, openCluster, clock, log }: WorkerPorts,
  failure: Failure,
): Promise<Kustomization | undefined> {
  if (kind !== kustomizationKind) return undefined;
  const record = await readClusterRecord(table, clusterName);
  if (!record || record.frozen.length > 0) return undefined;
  const cluster = (await openCluster(clusterName)).as(controllerUser);
  const object = await cluster.get({ apiVersion: kustomizationApiVersion, kind, namespace, name });
  const parsed = object && parseKustomization(object);
  if (!parsed?.ok) return undefined;
  const kustomization = parsed.value;
  const writer = createStatusWriter(cluster, kustomization, { fieldManager: statusManager, fence: held.fenceWrite });
  await writer.save(fail(observe(kustomization), failure, undefined, momentOf(kustomization, clock.now())));
  const event = failureEvent(kustomization, failure.reason, failure.message);
  await tellEvent(cluster, event, { component: controller, clock, log });
  return kustomization;
}
