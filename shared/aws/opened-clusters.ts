/** Keeps connections to clusters for as long as they lead somewhere. */
import type { ClusterRolePurpose } from "../config/cluster-roles.ts";
import type { Cluster } from "../kubernetes/cluster.ts";
import type { Clock } from "../runtime/clock.ts";

/** @param lost to be called when the API server gave no answer */
export type Connect = (name: string, purpose: ClusterRolePurpose, lost: () => void) => Promise<Cluster>;

/** Endpoint and certificate of a cluster hardly ever change, unless it is deleted and made anew. */
const keptMillis = 24 * 3600_000;
/** What EKS said so lately still holds: a cluster that is down does not cost a question per request. */
const freshMillis = 60_000;

export function keepOpened(connect: Connect, clock: Pick<Clock, "now">) {
  const opened = new Map<string, { readonly cluster: Promise<Cluster>; readonly since: number }>();
  return (name: string, purpose: ClusterRolePurpose): Promise<Cluster> => {
    const key = `${name} ${purpose}`;
    const known = opened.get(key);
    const since = clock.now();
    if (known && since - known.since < keptMillis) return known.cluster;
    const forget = () => {
      if (opened.get(key)?.cluster === cluster) opened.delete(key);
    };
    const cluster = connect(name, purpose, () => {
      if (clock.now() - since >= freshMillis) forget();
    });
    opened.set(key, { cluster, since });
    cluster.catch(forget);
    return cluster;
  };
}
