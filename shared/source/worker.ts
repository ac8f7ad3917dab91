/** Works on one message about a source: reconciles it, tells its dependants of a new revision, says what its row keeps. */
import { gitRepositoryKind } from "../api/git-repository.ts";
import { type Cluster, isUnavailable, KubeError } from "../kubernetes/cluster.ts";
import { recordEvent } from "../kubernetes/record-event.ts";
import { refuseObject } from "../kubernetes/refuse-object.ts";
import { formatKey, type ObjectKey } from "../lease/message.ts";
import type { Table } from "../lease/ports.ts";
import type { Held, WorkResult } from "../lease/with-lease.ts";
import type { BlobStore } from "../runtime/blob-store.ts";
import type { Clock } from "../runtime/clock.ts";
import { readClusterRecord } from "../runtime/cluster-record.ts";
import type { EngineEvent } from "../runtime/event.ts";
import type { Log } from "../runtime/log.ts";
import type { SourcePorts } from "./ports.ts";
import { reconcileGitRepository } from "./reconcile.ts";
import { markAnnounced } from "./rows.ts";

export interface SourceWorkerPorts {
  readonly table: Table;
  readonly blobs: BlobStore;
  readonly bucket: string;
  readonly hmacKey: () => Promise<Uint8Array>;
  readonly openGit: SourcePorts["openGit"];
  readonly openCluster: (cluster: string) => Promise<Cluster>;
  readonly clock: Clock;
  readonly log: Log;
  readonly trigger: (key: string, why: string, pushedAt?: number) => Promise<void>;
  readonly unreachable: (cluster: string) => void;
}

const frozenSeconds = 60;
const unreachableSeconds = 30;
const component = "source-controller";

export async function workOnSource(self: ObjectKey, held: Held, ports: SourceWorkerPorts): Promise<WorkResult> {
  const record = await readClusterRecord(ports.table, self.cluster);
  if (!record || record.frozen.length > 0) return { kind: "done", againInSeconds: frozenSeconds };
  try {
    const cluster = await ports.openCluster(self.cluster);
    if (self.kind !== gitRepositoryKind)
      return await refuseObject(self, cluster, { clock: ports.clock, fence: held.fenceWrite, fieldManager: component });
    return await work(self, held, ports, cluster);
  } catch (error) {
    // A refusal that could not even be written into the object's status is no defect of ours: the object comes again.
    if (!(error instanceof KubeError)) throw error;
    if (isUnavailable(error)) ports.unreachable(self.cluster);
    ports.log(isUnavailable(error) ? "unreachable" : "refused", { key: formatKey(self), message: error.message });
    return { kind: "done", againInSeconds: unreachableSeconds };
  }
}

async function work(self: ObjectKey, held: Held, ports: SourceWorkerPorts, cluster: Cluster): Promise<WorkResult> {
  const { table, blobs, bucket, clock, log, openGit } = ports;
  const key = formatKey(self);
  const hmacKey = await ports.hmacKey();
  const { signal, fenceWrite: fence } = held;
  const outcome = await reconcileGitRepository(key, {
    cluster,
    table,
    blobs,
    bucket,
    clock,
    openGit,
    hmacKey,
    fence,
    signal,
  });
  const pushedAt = numberOf(held.lease.row.pushedAt);
  log("source", { key, outcome: outcome.kind, revision: outcome.revision, pushedAt });
  if (outcome.announceNeeded && outcome.revision !== undefined) {
    await announce(key, pushedAt, ports);
    await markAnnounced(table, key, outcome.revision);
  }
  // After the dependants: they do not wait for what people read.
  for (const event of outcome.events) await tell(cluster, event, ports);
  if (outcome.kind === "deleted") return { kind: "done", remove: ["vpk", "vsk", "seenUid", "seenGen", "seenRev"] };
  const { seen, nextAtSeconds } = outcome;
  const set = { seenUid: seen?.uid ?? "", seenGen: seen?.generation ?? 0, vpk: `CL#${self.cluster}`, vsk: key };
  const wait = nextAtSeconds === undefined ? {} : { againInSeconds: Math.max(1, nextAtSeconds - clock.now() / 1000) };
  return { kind: "done", seenRev: outcome.revision, set, ...wait };
}

/** The index may lag: whoever is not in it yet is found by the sweep, which compares revisions. */
async function announce(
  key: string,
  pushedAt: number | undefined,
  { table, trigger }: SourceWorkerPorts,
): Promise<void> {
  for (const { rsk } of await table.query({ index: "ref", pk: `SR#${key}` }))
    if (typeof rsk === "string") await trigger(rsk, "source", pushedAt);
}

async function tell(cluster: Cluster, event: EngineEvent, { clock, log }: SourceWorkerPorts): Promise<void> {
  log("event", {
    reason: event.reason,
    object: `${event.involved.kind}/${event.involved.namespace ?? ""}/${event.involved.name}`,
    message: event.message,
  });
  try {
    await recordEvent(cluster, event, { component, clock });
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    log("event not recorded", { message: error.message });
  }
}

const numberOf = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);
