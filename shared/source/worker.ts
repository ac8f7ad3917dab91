/** Works on one message about a source: reconciles it, tells its dependants of a new revision, says what its row keeps. */
import { gitRepositoryKind } from "../api/git-repository.ts";
import type { Cluster } from "../kubernetes/cluster.ts";
import { tellEvent } from "../kubernetes/record-event.ts";
import { refuseObject } from "../kubernetes/refuse-object.ts";
import { type ClusterPorts, workInCluster } from "../kubernetes/work-in-cluster.ts";
import { formatKey, type ObjectKey } from "../lease/message.ts";
import type { Held, WorkResult } from "../lease/with-lease.ts";
import type { BlobStore } from "../runtime/blob-store.ts";
import type { Clock } from "../runtime/clock.ts";
import { each } from "../runtime/each.ts";
import type { SourcePorts } from "./ports.ts";
import { reconcileGitRepository } from "./reconcile.ts";
import { markAnnounced } from "./rows.ts";

export interface SourceWorkerPorts extends ClusterPorts {
  readonly blobs: BlobStore;
  readonly bucket: string;
  readonly hmacKey: () => Promise<Uint8Array>;
  readonly openGit: SourcePorts["openGit"];
  readonly clock: Clock;
  readonly trigger: (key: string, why: string, note?: { readonly pushedAt: number }) => Promise<void>;
}

export const component = "source-controller";
/** Dependants that are told at a time. */
const inFlight = 16;

export function workOnSource(self: ObjectKey, held: Held, ports: SourceWorkerPorts): Promise<WorkResult> {
  const options = { clock: ports.clock, fence: held.fenceWrite, fieldManager: component };
  return workInCluster(self, ports, (cluster) =>
    self.kind === gitRepositoryKind ? work(self, held, ports, cluster) : refuseObject(self, cluster, options),
  );
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
  for (const event of outcome.events) await tellEvent(cluster, event, { component, clock, log });
  if (outcome.kind === "deleted") return { kind: "done", remove: ["vpk", "vsk", "seenUid", "seenGen", "seenRev"] };
  const { seen, nextAtSeconds } = outcome;
  const wait = nextAtSeconds === undefined ? {} : { againInSeconds: Math.max(1, nextAtSeconds - clock.now() / 1000) };
  return { kind: "done", seenRev: outcome.revision, set: noteSeen(self, seen), ...wait };
}

/** What the sweep compares, and how it finds the row. */
export const noteSeen = (self: ObjectKey, seen: { readonly uid?: string; readonly generation?: number } = {}) => ({
  seenUid: seen.uid ?? "",
  seenGen: seen.generation ?? 0,
  vpk: `CL#${self.cluster}`,
  vsk: formatKey(self),
});

/** The index may lag: whoever is not in it yet is found by the sweep, which compares revisions. */
async function announce(
  key: string,
  pushedAt: number | undefined,
  { table, trigger }: SourceWorkerPorts,
): Promise<void> {
  const dependants = await table.query({ index: "ref", pk: `SR#${key}` });
  const note = pushedAt === undefined ? undefined : { pushedAt };
  await each(dependants, inFlight, async ({ rsk }) => {
    if (typeof rsk === "string") await trigger(rsk, "source", note);
  });
}

const numberOf = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);
