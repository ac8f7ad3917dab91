/**
 * What a GitRepository says of itself when no run of it comes to an end: workers that die leave it Stalled until
 * something new comes or its rest is over; runs that the deadline cuts off again and again are a failure to fetch.
 */
import {
  type GitRepository,
  gitRepositoryApiVersion,
  gitRepositoryKind,
  parseGitRepository,
} from "../api/git-repository.ts";
import { isUnavailable, KubeError } from "../kubernetes/cluster.ts";
import { tellEvent } from "../kubernetes/record-event.ts";
import { createStatusWriter } from "../kubernetes/status-writer.ts";
import { formatKey, type ObjectKey } from "../lease/message.ts";
import type { Done, Held } from "../lease/with-lease.ts";
import { rfc3339 } from "../runtime/clock.ts";
import { readClusterRecord } from "../runtime/cluster-record.ts";
import { eventAbout } from "../runtime/event.ts";
import { findGoDuration } from "../runtime/go-duration.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { concludeFailure, concludeStalled } from "./status.ts";
import { component, noteSeen, type SourceWorkerPorts } from "./worker.ts";

const remedy = (self: ObjectKey) =>
  `leave files out with spec.ignore, or look at the source function's log for ${formatKey(self)}`;
const shortestWaitSeconds = 60;

/** For `LeasedWork.onDeaths`. @throws KubeError when the API server cannot be asked: the run is to be repeated */
export async function recordDeaths(
  self: ObjectKey,
  held: Held,
  deaths: number,
  ports: SourceWorkerPorts,
): Promise<Pick<Done, "set">> {
  const message = `worker died ${deaths} times: out of memory or time; ${remedy(self)}`;
  const repository = await tell(self, held, ports, new ReconcileError("stall", "WorkerDied", message));
  return repository ? { set: noteSeen(self, repository.metadata) } : {};
}

/** For `LeasedWork.onStuck`. @throws KubeError when the API server cannot be asked: the run is to be repeated */
export async function recordStuck(self: ObjectKey, held: Held, ports: SourceWorkerPorts): Promise<Done> {
  const message = `three runs in a row reached the deadline and came no further; ${remedy(self)}`;
  const repository = await tell(self, held, ports, new ReconcileError("retry", "Failed", message));
  const interval = (findGoDuration(repository?.spec.interval) ?? 0) / 1000;
  const set = repository ? { set: noteSeen(self, repository.metadata) } : {};
  return { kind: "done", againInSeconds: Math.max(shortestWaitSeconds, interval), ...set };
}

/** Undefined when there is nothing to say it of, or nobody may write now. */
async function tell(
  { cluster: clusterName, kind, namespace, name }: ObjectKey,
  held: Held,
  ports: SourceWorkerPorts,
  error: ReconcileError,
): Promise<GitRepository | undefined> {
  const { table, clock, log } = ports;
  if (kind !== gitRepositoryKind) return undefined;
  const record = await readClusterRecord(table, clusterName);
  if (!record || record.frozen.length > 0) return undefined;
  const cluster = await ports.openCluster(clusterName);
  const object = await cluster.get({ apiVersion: gitRepositoryApiVersion, kind, namespace, name });
  const parsed = object && parseGitRepository(object);
  if (!parsed?.ok) return undefined;
  const conclude = error.disposition === "stall" ? concludeStalled : concludeFailure;
  const writer = createStatusWriter(cluster, parsed.value, { fieldManager: component, fence: held.fenceWrite });
  try {
    await writer.save({ ...conclude(parsed.value, error, rfc3339(clock.now())) });
  } catch (refusal) {
    if (!(refusal instanceof KubeError) || isUnavailable(refusal)) throw refusal;
    log("refused", { key: held.lease.key, message: refusal.message });
  }
  const { reason, message } = error;
  await tellEvent(cluster, eventAbout(parsed.value, { type: "Warning", reason, action: "Reconcile", message }), {
    component,
    clock,
    log,
  });
  return parsed.value;
}
