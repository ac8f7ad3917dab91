import { beforeEach, describe, expect, it } from "vitest";

import { type KubeObject, refOf } from "../../../shared/api/kube-object.ts";
import { type Cluster, KubeError } from "../../../shared/kubernetes/cluster.ts";
import { createStatusWriter, type Status, statusOf } from "../../../shared/kubernetes/status-writer.ts";
import { createMemoryCluster, type MemoryCluster } from "../../fakes/memory-cluster.ts";

const source: KubeObject = {
  apiVersion: "source.toolkit.fluxcd.io/v1",
  kind: "GitRepository",
  metadata: { name: "shop", namespace: "apps" },
  spec: { url: "https://git.example.com/shop" },
  status: { observedGeneration: 1, conditions: [{ type: "Ready", status: "False" }], shard: "blue" },
};
const ref = refOf(source);
const { shard: _, ...ownStatus } = source.status as Status;

let cluster: MemoryCluster;
let bodies: Readonly<Record<string, unknown>>[];
let fenced: number;

function writerOf(object: KubeObject, fence: () => void = () => void (fenced += 1)) {
  const recording: Cluster = {
    ...cluster,
    mergePatch: async (target, body, options) => {
      bodies.push(body);
      expect(options).toEqual({ fieldManager: "gotk-source-controller", subresource: "status" });
      return await cluster.mergePatch(target, body, options);
    },
  };
  return createStatusWriter(recording, object, { fieldManager: "gotk-source-controller", fence });
}

const live = (): KubeObject => {
  const object = cluster.find(ref);
  if (!object) throw new Error("the object is not there");
  return object;
};
/** As the parsers of the API hand it on: fields that they do not know are left out. */
const known = (): KubeObject => ({ ...live(), status: ownStatus });

beforeEach(() => {
  cluster = createMemoryCluster({ objects: [source] });
  cluster.forgetRequests();
  bodies = [];
  fenced = 0;
});

describe("the status writer", () => {
  it("patches what changed, on condition of the version that was read", async () => {
    const { resourceVersion } = live().metadata;
    await writerOf(known()).save({ ...ownStatus, observedGeneration: 2 });
    expect(bodies).toEqual([{ metadata: { resourceVersion }, status: { observedGeneration: 2 } }]);
    expect(fenced).toBe(1);
  });

  it("sends nothing when nothing changed, be it read or saved", async () => {
    const writer = writerOf(known());
    await writer.save(structuredClone(ownStatus));
    expect(cluster.requests).toEqual([]);
    await writer.save({ ...ownStatus, observedGeneration: 2 });
    await writer.save({ ...ownStatus, observedGeneration: 2 });
    expect(cluster.requests).toEqual(["patch-status GitRepository/apps/shop"]);
    expect(fenced).toBe(1);
  });

  it("builds each patch on the version that the one before has made", async () => {
    const writer = writerOf(known());
    await writer.save({ ...ownStatus, observedGeneration: 2 });
    const { resourceVersion } = live().metadata;
    await writer.save({ ...ownStatus, observedGeneration: 3 });
    expect(bodies[1]).toEqual({ metadata: { resourceVersion }, status: { observedGeneration: 3 } });
    expect(cluster.requests).toHaveLength(2);
  });

  it("removes its own field that is gone, and replaces lists as a whole", async () => {
    await writerOf(known()).save({ conditions: [] });
    expect(bodies).toMatchObject([{ status: { observedGeneration: null, conditions: [] } }]);
    expect(live().status).toEqual({ conditions: [], shard: "blue" });
  });

  it("reads again after a conflict and patches what then differs, without the fields of others", async () => {
    const writer = writerOf(known());
    cluster.edit(ref, { spec: { interval: "5m" }, status: { observedGeneration: 7, zone: "a" } });
    const { resourceVersion } = live().metadata;
    await writer.save({ ...ownStatus, conditions: [] });
    expect(cluster.requests).toEqual([
      "patch-status GitRepository/apps/shop",
      "get GitRepository/apps/shop",
      "patch-status GitRepository/apps/shop",
    ]);
    expect(bodies[1]).toEqual({
      metadata: { resourceVersion },
      status: { observedGeneration: 1, conditions: [] },
    });
    expect(statusOf(live())).toEqual({ observedGeneration: 1, conditions: [], shard: "blue", zone: "a" });
    expect(fenced).toBe(2);
  });

  it("sends nothing more when a conflict was with the same status", async () => {
    const writer = writerOf(known());
    cluster.edit(ref, { status: { observedGeneration: 2 } });
    await writer.save({ ...ownStatus, observedGeneration: 2 });
    expect(bodies).toHaveLength(1);
  });

  it("leaves another incarnation of the name alone", async () => {
    const writer = writerOf(known());
    cluster.remove(ref);
    cluster.put({ ...source, status: {} });
    await expect(writer.save({ observedGeneration: 9 })).rejects.toMatchObject({ reason: "Conflict" });
    expect(live().status).toEqual({});
    expect(bodies).toHaveLength(1);
  });

  it("gives up after three repetitions", async () => {
    const writer = writerOf(known());
    const conflict = () => new KubeError(409, "Conflict", "the object has been modified");
    for (let count = 0; count < 4; count += 1) cluster.failNext("patch-status", conflict());
    await expect(writer.save({ observedGeneration: 9 })).rejects.toMatchObject({ reason: "Conflict" });
    expect(bodies).toHaveLength(4);
  });

  it.each(["NotFound", "Forbidden"])("lets %s through at once", async (reason) => {
    cluster.failNext("patch-status", new KubeError(400, reason, "no"));
    await expect(writerOf(known()).save({})).rejects.toMatchObject({ reason });
    expect(bodies).toHaveLength(1);
  });

  it("writes nothing once the lease may have passed on, not even after a conflict", async () => {
    let calls = 0;
    const lost = () => {
      calls += 1;
      if (calls > 1) throw new Error("lost");
    };
    const writer = writerOf(known(), lost);
    cluster.edit(ref, { spec: { interval: "5m" } });
    await expect(writer.save({ observedGeneration: 9 })).rejects.toThrow("lost");
    expect(bodies).toHaveLength(1);
    expect(statusOf(live()).observedGeneration).toBe(1);
  });
});
