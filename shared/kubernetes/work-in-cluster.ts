/** What every worker does around its work in a cluster: may it write, does the API server answer, when to come again. */
import { type Cluster, isUnavailable, KubeError } from "./cluster.ts";
import { formatKey, type ObjectKey } from "../lease/message.ts";
import type { Table } from "../lease/ports.ts";
import type { WorkResult } from "../lease/with-lease.ts";
import { type ClusterRecord, readClusterRecord } from "../runtime/cluster-record.ts";
import type { Log } from "../runtime/log.ts";

export interface ClusterPorts {
  readonly table: Table;
  readonly log: Log;
  /** @throws KubeError Unreachable when the way to the API server is barred */
  readonly openCluster: (cluster: string) => Promise<Cluster>;
  readonly unreachable: (cluster: string) => void;
}

const frozenSeconds = 60;
const unreachableSeconds = 30;

/**
 * Fails closed: nothing is written before the cluster's first sweep, nor while another engine is there. A refusal that
 * could not even be written into the object's status is no defect of ours: the object comes again.
 */
export async function workInCluster(
  self: ObjectKey,
  { table, log, openCluster, unreachable }: ClusterPorts,
  work: (cluster: Cluster, record: ClusterRecord) => Promise<WorkResult>,
): Promise<WorkResult> {
  const record = await readClusterRecord(table, self.cluster);
  if (!record || record.frozen.length > 0) return { kind: "done", againInSeconds: frozenSeconds };
  try {
    return await work(await openCluster(self.cluster), record);
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    if (isUnavailable(error)) unreachable(self.cluster);
    log(isUnavailable(error) ? "unreachable" : "refused", { key: formatKey(self), message: error.message });
    return { kind: "done", againInSeconds: unreachableSeconds };
  }
}
