import { describe, expect, it } from "vitest";

import { KubeError } from "../../../shared/kubernetes/cluster.ts";
import { type CleanVersions, findDrift } from "../../../shared/sweep/drift.ts";
import { fluxObjects } from "../../../shared/sweep/due.ts";
import { listing } from "../../fakes/followers.ts";
import {
  aKustomizeWorld,
  config,
  configId,
  configRef,
  deployment,
  key,
  self,
  yamlOf,
} from "../kustomize/kustomize-world.ts";

const webRef = { apiVersion: "apps/v1", kind: "Deployment", namespace: "apps", name: "web" };
const webId = "apps_web_apps_Deployment";
const id = configId("a").id;

/** A Kustomization that has applied a ConfigMap and a Deployment. */
async function aWorld() {
  const world = aKustomizeWorld();
  world.git.yaml = yamlOf(config("a"), deployment("web"));
  await world.run();
  const loads: string[] = [];
  const look = async (before: CleanVersions = {}) => {
    const object = world.cluster.find(self);
    world.cluster.forgetRequests();
    return await findDrift(fluxObjects("one", object ? [object] : []), before, {
      cluster: world.cluster,
      follower: listing(world.cluster),
      server: "server",
      states: {
        load: async (name) => {
          loads.push(name);
          return await world.state();
        },
        save: () => Promise.reject(new Error("unexpected call of save")),
      },
    });
  };
  return { world, look, loads };
}

describe("a look for drift", () => {
  it("finds nothing after a run, with one list per kind, and remembers the versions", async () => {
    const { world, look, loads } = await aWorld();
    const { drifted, clean } = await look();
    expect(drifted).toEqual([]);
    expect([...world.cluster.requests].sort()).toEqual(["list ConfigMap", "list Deployment"]);
    const { uid, resourceVersion } = world.cluster.find(configRef("a"))?.metadata ?? {};
    expect(clean[id]).toBe(`${uid} ${resourceVersion}`);
    expect(Object.keys(clean).sort()).toEqual([id, webId].sort());
    expect(await look(clean)).toEqual({ drifted, clean, unseen: [] });
    expect(loads).toEqual([key]);
  });

  it.each<[string, (world: Awaited<ReturnType<typeof aWorld>>["world"]) => void, string]>([
    ["an edit", ({ cluster }) => void cluster.edit(configRef("a"), { data: { value: "2" } }), id],
    ["a deletion", ({ cluster }) => cluster.remove(configRef("a")), id],
    ["an edit of a workload", ({ cluster }) => void cluster.edit(webRef, { spec: { replicas: 3 } }), webId],
    [
      "the loss of the owner's label",
      ({ cluster }) => void cluster.edit(configRef("a"), { metadata: { labels: null } }),
      id,
    ],
    [
      "a take-over by another owner",
      ({ cluster }) =>
        void cluster.edit(configRef("a"), { metadata: { labels: { "kustomize.toolkit.fluxcd.io/name": "other" } } }),
      id,
    ],
    [
      "a take-over from another namespace",
      ({ cluster }) =>
        void cluster.edit(configRef("a"), { metadata: { labels: { "kustomize.toolkit.fluxcd.io/namespace": "x" } } }),
      id,
    ],
  ])("finds %s, with or without a memory", async (_, change, moved) => {
    const { world, look } = await aWorld();
    const { clean } = await look();
    change(world);
    for (const before of [clean, {}]) {
      const after = await look(before);
      expect(after.drifted).toEqual([{ key, ids: [moved] }]);
      expect(after.clean).not.toHaveProperty([moved]);
      expect(Object.keys(after.clean)).toHaveLength(1);
    }
  });

  it("finds a replaced object by its uid", async () => {
    const { world, look } = await aWorld();
    const live = world.cluster.find(webRef);
    if (!live) throw new Error("the Deployment is not there");
    world.cluster.remove(webRef);
    const { uid: _, ...metadata } = live.metadata;
    world.cluster.put({ ...live, metadata });
    expect((await look()).drifted).toEqual([{ key, ids: [webId] }]);
  });

  it("takes a workload whose status alone moved as clean, once and then by its version", async () => {
    const { world, look, loads } = await aWorld();
    world.cluster.edit(webRef, { status: { replicas: 1 } }, "kube-controller-manager");
    const { drifted, clean } = await look();
    expect(drifted).toEqual([]);
    await look(clean);
    expect(loads).toEqual([key]);
  });

  it("passes over what somebody wrote into an inventory and names no object", async () => {
    const { world, look } = await aWorld();
    const entries = [{ id: "x", v: "v1" }, ...(world.status().inventory?.entries ?? [])];
    world.cluster.edit(self, { status: { inventory: { entries } } });
    world.cluster.edit(configRef("a"), { data: { value: "2" } });
    expect((await look()).drifted).toEqual([{ key, ids: [id] }]);
  });

  it("leaves what waits for its prune to the prune, changed or gone", async () => {
    const { world, look } = await aWorld();
    world.cluster.edit(self, { metadata: { annotations: { "driftless.dev/prune-max-count": "0" } } });
    world.git = { ...world.git, closure: "closure-2", yaml: yamlOf(deployment("web")) };
    await world.run();
    expect(world.inventory()).toContain(id);
    expect((await look()).drifted).toEqual([]);
    world.cluster.edit(configRef("a"), { data: { value: "2" } });
    expect((await look()).drifted).toEqual([]);
    world.cluster.remove(configRef("a"));
    expect((await look()).drifted).toEqual([]);
    world.cluster.edit(webRef, { spec: { replicas: 3 } });
    expect((await look()).drifted).toEqual([{ key, ids: [webId] }]);
  });

  it("takes a Job that its TTL deleted for done", async () => {
    const { world, look } = await aWorld();
    const spec = { ttlSecondsAfterFinished: 5, template: { spec: { containers: [{ name: "a", image: "a" }] } } };
    world.git = {
      ...world.git,
      closure: "closure-2",
      yaml: yamlOf({ apiVersion: "batch/v1", kind: "Job", metadata: { name: "migrate", namespace: "apps" }, spec }),
    };
    await world.run();
    world.cluster.remove({ apiVersion: "batch/v1", kind: "Job", namespace: "apps", name: "migrate" });
    expect((await look()).drifted).toEqual([]);
  });

  it.each([
    [503, "ServiceUnavailable"],
    [429, "TooManyRequests"],
  ])("keeps what it knew of a kind that is answered with %s, names it, and sees the others", async (code, reason) => {
    const { world, look } = await aWorld();
    const { clean } = await look();
    world.cluster.remove(configRef("a"));
    world.cluster.remove(webRef);
    world.cluster.failNext("list ConfigMap", new KubeError(code, reason, "the aggregated API is down"));

    const during = await look(clean);

    expect(during.drifted).toEqual([{ key, ids: [webId] }]);
    expect(during.unseen).toEqual(["ConfigMap: the aggregated API is down"]);
    expect(during.clean[id]).toBe(clean[id]);
    expect((await look(during.clean)).drifted).toEqual([{ key, ids: [id, webId] }]);
  });

  it("says nothing of kinds that may not be listed", async () => {
    const { world, look } = await aWorld();
    world.cluster.remove(configRef("a"));
    const refusal = new KubeError(403, "Forbidden", "no");
    for (const request of ["list ConfigMap", "list ConfigMap", "get ConfigMap"])
      world.cluster.failNext(request, refusal);
    expect((await look()).drifted).toEqual([]);
  });

  it.each([
    ["by namespace where a kind may not be listed as a whole", 1, "list ConfigMap/apps"],
    ["one by one where nothing may be listed", 2, "get ConfigMap/apps/a"],
  ])("looks %s", async (_, refusals, last) => {
    const { world, look } = await aWorld();
    const refuse = () => {
      for (let count = 0; count < refusals; count += 1)
        world.cluster.failNext("list ConfigMap", new KubeError(403, "Forbidden", "no"));
    };
    refuse();
    expect((await look()).drifted).toEqual([]);
    expect(world.cluster.requests).toContain(last);
    world.cluster.remove(configRef("a"));
    refuse();
    expect((await look()).drifted).toEqual([{ key, ids: [id] }]);
  });

  it.each<[string, Readonly<Record<string, unknown>>]>([
    ["suspended", { spec: { suspend: true } }],
    ["not ready", { status: { conditions: [{ type: "Ready", status: "False" }] } }],
    ["being deleted", { metadata: { deletionTimestamp: "2026-01-01T10:00:00Z" } }],
  ])("leaves one that is %s alone", async (_, patch) => {
    const { world, look } = await aWorld();
    world.cluster.remove(configRef("a"));
    world.cluster.edit(self, patch);
    expect(await look()).toEqual({ drifted: [], clean: {}, unseen: [] });
    expect(world.cluster.requests).toEqual([]);
  });
});
