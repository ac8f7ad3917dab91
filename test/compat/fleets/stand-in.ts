/**
 * Stands in for what no cluster here has: nodes on which pods run, storage, and the controllers of custom objects. All
 * that is waited for becomes ready, on both sides alike.
 */
import { setTimeout as pause } from "node:timers/promises";

import { groupOf, type KubeObject, refOf } from "../../../shared/api/kube-object.ts";
import { conditionsOf } from "../../../shared/health/fields.ts";
import type { Cluster } from "../../../shared/kubernetes/cluster.ts";
import { KubeError } from "../../../shared/kubernetes/cluster.ts";

const everyMillis = 1_000;
const fieldManager = "compat-stand-in";
const now = "2026-01-01T00:00:00Z";

export interface StandIn {
  stop(): Promise<void>;
}

interface Kind {
  readonly apiVersion: string;
  readonly kind: string;
}

/** @param kinds of custom objects that get a Ready condition */
export function startStandIn(cluster: Cluster, kinds: readonly Kind[]): StandIn {
  const over = new AbortController();
  const round = () =>
    Promise.all([runPods(cluster), bindClaims(cluster), ...kinds.map((kind) => conclude(cluster, kind))]);
  const work = async () => {
    while (!over.signal.aborted) {
      await round();
      await pause(everyMillis, undefined, { signal: over.signal }).catch(() => undefined);
    }
  };
  const done = work();
  return {
    stop: async () => {
      over.abort();
      await done;
      // What was made after the last round is ready on both sides too.
      await round();
    },
  };
}

async function runPods(cluster: Cluster): Promise<void> {
  for (const pod of await itemsOf(cluster, { apiVersion: "v1", kind: "Pod" })) {
    if (conditionsOf(pod).some(({ type, status }) => type === "Ready" && status === "True")) continue;
    const conditions = ["PodScheduled", "Initialized", "ContainersReady", "Ready"].map((type) => ({
      ...{ type, status: "True", lastTransitionTime: now },
    }));
    await write(cluster, pod, { phase: "Running", conditions });
  }
}

async function bindClaims(cluster: Cluster): Promise<void> {
  for (const claim of await itemsOf(cluster, { apiVersion: "v1", kind: "PersistentVolumeClaim" }))
    if ((claim.status as { phase?: string } | undefined)?.phase !== "Bound")
      await write(cluster, claim, { phase: "Bound" });
}

async function conclude(cluster: Cluster, kind: Kind): Promise<void> {
  for (const object of await itemsOf(cluster, kind)) {
    if (isReconciled(object)) continue;
    const { generation } = object.metadata;
    if ((object.status as { observedGeneration?: unknown } | undefined)?.observedGeneration === generation) continue;
    const condition = { type: "Ready", status: "True", reason: "StandIn", message: "stand-in" };
    await write(cluster, object, {
      observedGeneration: generation,
      conditions: [{ ...condition, observedGeneration: generation, lastTransitionTime: now }],
    });
  }
}

/** What the engines are here for, unless it is suspended because its source is not here. */
const isReconciled = ({ apiVersion, kind, spec }: KubeObject): boolean =>
  (kind === "Kustomization" || kind === "GitRepository") &&
  groupOf(apiVersion).endsWith(".toolkit.fluxcd.io") &&
  (spec as { suspend?: boolean } | undefined)?.suspend !== true;

async function itemsOf(cluster: Cluster, { apiVersion, kind }: Kind): Promise<readonly KubeObject[]> {
  try {
    return (await cluster.list(apiVersion, kind)).items;
  } catch (error) {
    if (error instanceof KubeError) return [];
    throw error;
  }
}

/** What is gone or was written by somebody else meanwhile is looked at in the next round. */
async function write(cluster: Cluster, object: KubeObject, status: Readonly<Record<string, unknown>>): Promise<void> {
  try {
    await cluster.mergePatch(refOf(object), { status }, { fieldManager, subresource: "status" });
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
  }
}
