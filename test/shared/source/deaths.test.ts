import { describe, expect, it } from "vitest";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { KubeError } from "../../../shared/kubernetes/cluster.ts";
import { parseKey } from "../../../shared/lease/message.ts";
import { writeClusterRecord } from "../../../shared/runtime/cluster-record.ts";
import { recordDeaths, recordStuck } from "../../../shared/source/deaths.ts";
import type { SourceWorkerPorts } from "../../../shared/source/worker.ts";
import { createMemoryBlobs } from "../../engine/memory-blobs.ts";
import { fakeClock } from "../../fakes/fake-clock.ts";
import { aHeld } from "../../fakes/held.ts";
import { createMemoryTable } from "../../fakes/memory-table.ts";
import { createMemoryCluster } from "../../fakes/memory-cluster.ts";

const key = "one/source.toolkit.fluxcd.io/GitRepository/apps/shop";
const self = parseKey(key)!;
const ref = { apiVersion: "source.toolkit.fluxcd.io/v1", kind: "GitRepository", namespace: "apps", name: "shop" };
const repository: KubeObject = {
  apiVersion: ref.apiVersion,
  kind: ref.kind,
  metadata: {
    name: "shop",
    namespace: "apps",
    generation: 3,
    annotations: { "reconcile.fluxcd.io/requestedAt": "noon" },
  },
  spec: { interval: "10m", url: "https://git.example.com/shop" },
};

async function aWorld({ objects = [repository], frozen = [] as readonly string[] } = {}) {
  const clock = fakeClock();
  const table = createMemoryTable();
  const cluster = createMemoryCluster({ objects, now: clock.now });
  const logs: string[] = [];
  await writeClusterRecord(table, "one", { server: "server", sweptAt: 0, frozen, bootstrapped: true });
  cluster.forgetRequests();
  const unexpected = (what: string) => () => Promise.reject(new Error(`unexpected call of ${what}`));
  const ports: SourceWorkerPorts = {
    table,
    clock,
    blobs: createMemoryBlobs(),
    bucket: "bucket",
    log: (event) => void logs.push(event),
    hmacKey: unexpected("hmacKey"),
    openGit: unexpected("openGit"),
    trigger: unexpected("trigger"),
    openCluster: async () => cluster,
    unreachable: () => undefined,
  };
  const conditions = () => (cluster.find(ref)?.status as { conditions?: readonly object[] } | undefined)?.conditions;
  const events = () => cluster.objects().filter(({ kind }) => kind === "Event");
  return { ports, cluster, logs, conditions, events };
}

describe("a source whose workers die", () => {
  it("is Stalled and says so, with the request handled and the generation observed", async () => {
    const { ports, cluster, conditions, events } = await aWorld();

    const kept = await recordDeaths(self, aHeld(key), 5, ports);

    const message = expect.stringMatching(
      /^worker died 5 times: out of memory or time; .*log for one\/source/,
    ) as string;
    expect(conditions()).toMatchObject([
      { type: "Stalled", status: "True", reason: "WorkerDied", message, observedGeneration: 1 },
      { type: "Ready", status: "False", reason: "WorkerDied", message, observedGeneration: 1 },
    ]);
    expect(cluster.find(ref)?.status).toMatchObject({ lastHandledReconcileAt: "noon", observedGeneration: 1 });
    expect(events()).toMatchObject([{ type: "Warning", reason: "WorkerDied", message }]);
    expect(kept).toEqual({ set: { seenUid: cluster.find(ref)?.metadata.uid, seenGen: 1, vpk: "CL#one", vsk: key } });
  });

  it("is not written to while the cluster is frozen", async () => {
    const { ports, cluster } = await aWorld({ frozen: ["Flux is here"] });

    expect(await recordDeaths(self, aHeld(key), 5, ports)).toEqual({});
    expect(cluster.requests).toEqual([]);
  });

  it("is gone, and nothing is said of it", async () => {
    const { ports } = await aWorld({ objects: [] });

    expect(await recordDeaths(self, aHeld(key), 5, ports)).toEqual({});
  });

  it("is tried again when the API server does not answer, and rests when it refuses", async () => {
    const { ports, cluster, logs } = await aWorld();
    const unavailable = new KubeError(0, "Unreachable", "no answer");

    cluster.failNext("patch-status", unavailable);
    await expect(recordDeaths(self, aHeld(key), 5, ports)).rejects.toThrow(unavailable);
    cluster.failNext("patch-status", new KubeError(403, "Forbidden", "no"));
    expect(await recordDeaths(self, aHeld(key), 6, ports)).toMatchObject({ set: { vsk: key } });
    expect(logs).toContain("refused");
  });
});

describe("a source that comes no further", () => {
  it("has failed to fetch, and is looked at again at its interval", async () => {
    const { ports, conditions, events } = await aWorld();

    const done = await recordStuck(self, aHeld(key), ports);

    const message = expect.stringMatching(/^three runs in a row reached the deadline/) as string;
    expect(conditions()).toMatchObject([
      { type: "Reconciling", status: "True", reason: "ProgressingWithRetry" },
      { type: "Ready", status: "False", reason: "Failed", message },
      { type: "FetchFailed", status: "True", reason: "Failed", message },
    ]);
    expect(events()).toMatchObject([{ type: "Warning", reason: "Failed", message }]);
    expect(done).toMatchObject({ kind: "done", againInSeconds: 600, set: { vsk: key } });
  });
});
