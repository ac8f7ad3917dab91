/** Followers that remember nothing: each look is a LIST. */
import type { Cluster } from "../../shared/kubernetes/cluster.ts";
import { createFollower, type Follower } from "../../shared/kubernetes/follow.ts";

export const listing = (cluster: Cluster): Follower =>
  createFollower(cluster, {}, { now: 0, silenceMillis: undefined, newest: undefined });
