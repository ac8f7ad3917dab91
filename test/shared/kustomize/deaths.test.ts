import { describe, expect, it } from "vitest";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { KubeError } from "../../../shared/kubernetes/cluster.ts";
import { recordDeaths, recordStuck } from "../../../shared/kustomize/deaths.ts";
import type { WorkerPorts } from "../../../shared/kustomize/worker.ts";
import type { ObjectKey } from "../../../shared/lease/message.ts";
import { writeClusterRecord } from "../../../shared/runtime/cluster-record.ts";
import { createMemoryBlobs } from "../../engine/memory-blobs.ts";
import { fakeClock } from "../../fakes/fake-clock.ts";
import { aHeld } from "../../fakes/held.ts";
import { createMemoryCluster } from "../../fakes/memory-cluster.ts";
import { memorySpokes } from "../../fakes/spokes.ts";
import { createMemoryTable } from "../../fakes/memory-table.ts";
import { key, self as ref } from "./kustomize-world.ts";

const self: ObjectKey = {
  cluster: "one",
  group: "kustomize.toolkit.fluxcd.io",
  kind: "Kustomization",
  namespace: "apps",
  name: "shop",
};
const kustomization: KubeObject = {
  apiVersion: ref.apiVersion,
  kind: ref.kind,
  metadata: { name: "shop", namespace: "apps", annotations: { "reconcile.fluxcd.io/requestedAt": "noon" } },
  spec: { interval: "10m", retryInterval: "2m", prune: true, sourceRef: { kind: "GitRepository", name: "shop" } },
};

async function aWorld({ objects = [kustomization], frozen = [] as readonly string[] } = {}) {
  const clock = fakeClock();
  const table = createMemoryTable();
  const cluster = createMemoryCluster({ objects, now: clock.now });
  await writeClusterRecord(table, "one", { server: "server", sweptAt: 0, frozen, bootstrapped: true });
  cluster.forgetRequests();
  const unexpected = (what: string) => () => Promise.reject(new Error(`unexpected call of ${what}`));
  const ports: WorkerPorts = {
    table,
    clock,
    blobs: createMemoryBlobs(),
    log: () => undefined,
    renderer: { build: unexpected("build") },
    sources: () => ({
      artifactOf: async () => ({ revision: "main@sha1:one", digest: "sha256:a", blobKey: "a", sourceKey: "s" }),
    }),
    trigger: unexpected("trigger"),
    openCluster: async () => cluster,
    spokes: () => memorySpokes(),
    unreachable: () => undefined,
    outcome: () => undefined,
    compatibility: () => undefined,
    driftMode: () => "within-a-minute",
    digestKey: async () => Buffer.from("a key for tests"),
    drifted: () => undefined,
    applied: () => undefined,
  };
  const status = () => cluster.find(ref)?.status as Record<string, unknown> | undefined;
  const events = () => cluster.objects().filter(({ kind }) => kind === "Event");
  const uid = cluster.find(ref)?.metadata.uid;
  return { ports, cluster, status, events, uid };
}

describe("a Kustomization whose workers die", () => {
  it("is Stalled and says so; what came with it counts as seen, so that its rest is kept", async () => {
    const { ports, status, events, uid } = await aWorld();

    const kept = await recordDeaths(self, aHeld(key), 5, ports);

    const message = expect.stringMatching(/^worker died 5 times: .*log for one\/kustomize/) as string;
    expect(status()?.conditions).toMatchObject([
      { type: "Stalled", status: "True", reason: "WorkerDied", message, observedGeneration: 1 },
      { type: "Ready", status: "False", reason: "WorkerDied", message, observedGeneration: 1 },
    ]);
    expect(status()).toMatchObject({ lastHandledReconcileAt: "noon", observedGeneration: 1 });
    expect(events()).toMatchObject([{ type: "Warning", reason: "WorkerDied", message }]);
    expect(kept).toEqual({ seenRev: "main@sha1:one", set: { seenUid: uid, seenGen: 1 } });
  });

  it("is not written to while the cluster is frozen", async () => {
    const { ports, cluster } = await aWorld({ frozen: ["Flux is here"] });
    expect(await recordDeaths(self, aHeld(key), 5, ports)).toEqual({});
    expect(cluster.requests).toEqual([]);
  });

  it("is tried again when the API server does not answer", async () => {
    const { ports, cluster } = await aWorld();
    const unavailable = new KubeError(0, "Unreachable", "no answer");
    cluster.failNext("patch-status", unavailable);
    await expect(recordDeaths(self, aHeld(key), 5, ports)).rejects.toThrow(unavailable);
  });
});

describe("a Kustomization that comes no further", () => {
  it("has failed, and is retried after its retryInterval", async () => {
    const { ports, status, uid } = await aWorld();
    expect(await recordStuck(self, aHeld(key), ports)).toEqual({
      kind: "done",
      againInSeconds: 120,
      seenRev: "main@sha1:one",
      set: { seenUid: uid, seenGen: 1 },
    });
    const message = expect.stringMatching(/^three runs in a row reached the deadline/) as string;
    expect(status()?.conditions).toMatchObject([
      { type: "Ready", status: "False", reason: "ReconciliationFailed", message },
    ]);
  });

  it("waits for the cluster's thaw", async () => {
    const { ports } = await aWorld({ frozen: ["Flux is here"] });
    expect(await recordStuck(self, aHeld(key), ports)).toEqual({ kind: "done", againInSeconds: 60 });
  });
});
