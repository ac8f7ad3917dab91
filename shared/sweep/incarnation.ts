/**
 * Names the API server for everything that is remembered of it. One that was made anew under an old name has another uid;
 * one whose etcd was restored from a snapshot has the same, and another past: what was seen of it may never have been.
 */
import { isNewer } from "../kubernetes/follow.ts";
import type { Proof } from "../kubernetes/server-of.ts";
import type { ClusterRecord } from "../runtime/cluster-record.ts";

/** The uid of `kube-system`; after a restore with the version at which it was met. */
export function incarnationOf(
  { uid, version }: Proof,
  record: Pick<ClusterRecord, "server" | "newest"> | undefined,
): string {
  if (record?.server !== uid && !record?.server.startsWith(`${uid}@`)) return uid;
  const isBehind = version !== undefined && record.newest !== undefined && isNewer(record.newest, version);
  return isBehind ? `${uid}@${version}` : record.server;
}
