/**
 * Opens the clusters that a Kustomization's `kubeConfig` leads to. They belong to somebody else: each answer is bounded in
 * time and length, and no failure of theirs is taken for one of the hub.
 */
import { createHash } from "node:crypto";

import type { FleetCluster } from "../config/fleet.ts";
import { findSpoke } from "../config/find-spoke.ts";
import type { Cluster } from "./cluster.ts";
import { createCluster } from "./create-cluster.ts";
import { lookupWithin, type Reach } from "../network/reach.ts";
import { KubeconfigError, parseSelfContained } from "./self-contained-kubeconfig.ts";

export interface Spoke {
  readonly cluster: Cluster;
  /** Tells one way in from another: address and credentials. */
  readonly identity: string;
  /** Its name in the fleet; undefined where it was reached with a kubeconfig. */
  readonly member: string | undefined;
}

export interface Spokes {
  /** @throws KubeconfigError what is wrong with the text, without a value of it */
  ofKubeconfig(text: string): Spoke;
  /** A cluster of the fleet that lets this hub in. @throws KubeconfigError */
  ofArn(arn: string): Promise<Spoke>;
}

export interface SpokePorts {
  /** Where API servers may be that a kubeconfig names. */
  readonly reach: Reach;
  readonly clusters: readonly FleetCluster[];
  /** @throws KubeError Unreachable */
  readonly openMember: (name: string) => Promise<Cluster>;
}

/** Flux's. */
const timeoutMillis = 30_000;
const maxResponseBytes = 64 * 1024 * 1024;
/** Connections are kept for so many kubeconfigs; those that nobody uses end by themselves. */
const mostKept = 64;

/** @returns the spokes of a hub, by its name in the fleet */
export function createSpokes({ clusters, openMember, reach }: SpokePorts): (hub: string) => Spokes {
  const kept = new Map<string, Spoke>();
  const ofKubeconfig = (text: string): Spoke => {
    const identity = createHash("sha256").update(text).digest("hex");
    const known = kept.get(identity);
    if (known) return known;
    const connection = parseSelfContained(text, reach);
    const lookup = lookupWithin(reach);
    const cluster = createCluster({ ...connection, lookup, timeoutMillis, maxResponseBytes });
    const spoke = { cluster, identity, member: undefined };
    const [oldest] = kept.size >= mostKept ? kept.keys() : [];
    if (oldest !== undefined) kept.delete(oldest);
    kept.set(identity, spoke);
    return spoke;
  };
  return (hub) => ({
    ofKubeconfig,
    async ofArn(arn) {
      const found = findSpoke(clusters, hub, arn);
      if (!found.ok) throw new KubeconfigError(found.problem);
      return { cluster: await openMember(found.name), identity: arn, member: found.name };
    },
  });
}
