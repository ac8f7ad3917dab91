import { expect, describe, it } from "vitest";

import { KubeError } from "../../../shared/kubernetes/cluster.ts";
import { aKustomizeWorld, config, configRef, owned, self, yamlOf } from "./kustomize-world.ts";

const refused = new KubeError(422, "Invalid", "ConfigMap is invalid");
const ids = (...names: readonly string[]) => names.map((name) => `apps_${name}__ConfigMap`);

/** A world in which `a` and `old` were applied, and Git now wants `a`, `b`, `c`. */
async function aWorldWithNewObjects() {
  const world = aKustomizeWorld();
  world.git.yaml = yamlOf(config("a"), config("old"));
  await world.run();
  world.git = { revision: "main@sha1:two", yaml: yamlOf(config("a"), config("b"), config("c")), closure: "closure-2" };
  world.cluster.forgetRequests();
  world.statuses.splice(0);
  return world;
}

describe("the inventory", () => {
  it("holds old and planned before the first write of a stage", async () => {
    const world = await aWorldWithNewObjects();
    await world.run();
    const writes = world.writes();
    expect(writes[0]).toBe("patch-status Kustomization/apps/shop");
    expect(writes.slice(1, 3)).toEqual(["apply ConfigMap/apps/b", "apply ConfigMap/apps/c"]);
    const { entries } = world.statuses[0]?.status.inventory as { entries: { id: string }[] };
    expect(entries.map(({ id }) => id).sort()).toEqual(ids("a", "b", "c", "old"));
    expect(world.inventory()).toEqual(ids("a", "b", "c"));
  });

  it("grows stage by stage", async () => {
    const world = aKustomizeWorld();
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "extra" } };
    world.git.yaml = yamlOf(config("a"), namespace);
    await world.run();
    const saved = world.statuses.flatMap(({ status }) => {
      const inventory = status.inventory as { entries: { id: string }[] } | undefined;
      return inventory ? [inventory.entries.map(({ id }) => id)] : [];
    });
    expect(saved).toEqual([["_extra__Namespace"], ["_extra__Namespace", "apps_a__ConfigMap"]]);
  });

  it("shrinks to old and applied when the server refuses an apply", async () => {
    const world = await aWorldWithNewObjects();
    world.cluster.failNext("apply ConfigMap/apps/c", refused);
    expect(await world.run()).toMatchObject({ kind: "retrying" });
    expect([...world.inventory()].sort()).toEqual(ids("a", "b", "old"));
    expect(Object.keys((await world.state()).objects).sort()).toEqual(ids("a", "b", "old"));
    expect((await world.state()).closure).toBe("");
    expect(world.cluster.find(configRef("old"))).toBeDefined();
  });

  it("keeps what was planned when the server fails in the middle of a write", async () => {
    const world = await aWorldWithNewObjects();
    world.cluster.failNext("apply ConfigMap/apps/c", new KubeError(504, "Timeout", "request did not complete"));
    expect(await world.run()).toMatchObject({ kind: "retrying" });
    expect([...world.inventory()].sort()).toEqual(ids("a", "b", "c", "old"));
  });

  it("stays as it was when the dry-run refuses the stage, of which nothing is written", async () => {
    const world = await aWorldWithNewObjects();
    world.cluster.failNext("dry-run ConfigMap/apps/c", refused);
    expect(await world.run()).toMatchObject({ kind: "retrying", afterSeconds: 600 });
    expect([...world.inventory()].sort()).toEqual(ids("a", "old"));
    expect(world.writes()).toEqual(["patch-status Kustomization/apps/shop"]);
    expect(world.condition("Ready")).toEqual([
      "False",
      "ReconciliationFailed",
      "ConfigMap/apps/c dry-run failed (Invalid): ConfigMap is invalid\n",
    ]);
  });

  it("keeps everything planned when the server goes away in the middle", async () => {
    const world = await aWorldWithNewObjects();
    world.cluster.failNext("apply ConfigMap/apps/c", new KubeError(0, "Unreachable", "no answer"));
    await expect(world.run()).rejects.toMatchObject({ reason: "Unreachable" });
    expect([...world.inventory()].sort()).toEqual(ids("a", "b", "c", "old"));
  });

  it("loses nothing in a run that failed and was repeated", async () => {
    const world = await aWorldWithNewObjects();
    world.cluster.failNext("apply ConfigMap/apps/c", refused);
    await world.run();
    world.cluster.forgetRequests();
    expect(await world.run()).toMatchObject({ kind: "ready" });
    expect(world.cluster.requests).not.toContain("apply ConfigMap/apps/b");
    expect(world.inventory()).toEqual(ids("a", "b", "c"));
    expect(world.cluster.find(configRef("old"))).toBeUndefined();
  });

  it("keeps everything planned when the deadline comes near, and the next run goes on", async () => {
    const world = await aWorldWithNewObjects();
    world.looksBeforeDeadline = 1;
    expect(await world.run()).toEqual({ kind: "continued", progress: "1 of 3 objects as wanted" });
    expect([...world.inventory()].sort()).toEqual(ids("a", "b", "c", "old"));
    world.looksBeforeDeadline = Infinity;
    expect(await world.run()).toMatchObject({ kind: "ready" });
    expect(world.inventory()).toEqual(ids("a", "b", "c"));
  });
});

describe("a lost lease", () => {
  it("ends the run before any write, whichever it is", async () => {
    const whole = await aWorldWithNewObjects();
    const before = whole.fences;
    await whole.run();
    const fences = whole.fences - before;
    expect(fences).toBeGreaterThanOrEqual(4);
    for (let lostAt = 0; lostAt < fences; lostAt += 1) {
      const world = await aWorldWithNewObjects();
      world.fenceFrom = world.fences + lostAt;
      await expect(world.run()).rejects.toThrow("lost");
      expect(world.writes()).toHaveLength(world.writesWhenLost ?? -1);
    }
  });

  it("keeps the status from being written after it", async () => {
    const world = await aWorldWithNewObjects();
    world.fenceFrom = world.fences;
    await expect(world.run()).rejects.toThrow("lost");
    expect(world.writes()).toEqual([]);
    expect(world.statuses).toEqual([]);
  });

  it("keeps objects from being applied when it was lost after the inventory was saved", async () => {
    const world = await aWorldWithNewObjects();
    world.fenceFrom = world.fences + 1;
    await expect(world.run()).rejects.toThrow("lost");
    expect(world.writes()).toEqual(["patch-status Kustomization/apps/shop"]);
  });

  it("keeps a missing finalizer from being added", async () => {
    const world = aKustomizeWorld();
    world.cluster.edit(self, { metadata: { finalizers: null } });
    world.fenceFrom = 0;
    await expect(world.run()).rejects.toThrow("lost");
    expect(world.writes()).toEqual([]);
  });
});

describe("what was applied", () => {
  it("is one event in the order of the apply, and a message to each Flux object", async () => {
    const world = aKustomizeWorld();
    const child = {
      apiVersion: "kustomize.toolkit.fluxcd.io/v1",
      kind: "Kustomization",
      metadata: { name: "child", namespace: "apps" },
      spec: { interval: "1m", prune: true, sourceRef: { kind: "GitRepository", name: "shop" } },
    };
    world.git.yaml = yamlOf(child, config("b"), config("a"));
    await world.run();
    expect(world.events[0]).toMatchObject({
      reason: "Progressing",
      message: "ConfigMap/apps/a created\nConfigMap/apps/b created\nKustomization/apps/child created",
      annotations: { "kustomize.toolkit.fluxcd.io/revision": "main@sha1:one" },
    });
    expect(world.told).toEqual(["trigger Kustomization/apps/child applied", "ready"]);
    expect(world.drifts).toEqual([]);
  });

  it.each([
    ["no message to itself when its labels alone change", {}, []],
    ["a message to itself when its spec changes", { interval: "7m" }, ["trigger Kustomization/apps/shop applied"]],
  ])("is %s", async (_, spec, told) => {
    const world = aKustomizeWorld();
    const live = world.cluster.find(self) as { spec?: object } | undefined;
    const root = {
      apiVersion: self.apiVersion,
      kind: self.kind,
      metadata: { name: self.name, namespace: "apps", labels: { of: "itself" } },
      spec: { ...live?.spec, ...spec },
    };
    world.git.yaml = yamlOf(root);
    await world.run();
    expect(world.told.filter((line) => line !== "ready")).toEqual(told);
  });

  it("counts as drift when neither Git nor the Kustomization had changed", async () => {
    const world = aKustomizeWorld();
    world.git.yaml = yamlOf(config("a"), config("b"));
    await world.run();
    world.cluster.edit(configRef("a"), { data: { value: "edited" } }, "kubectl-edit");
    world.cluster.forgetRequests();
    await world.run();
    expect(world.drifts).toEqual([1]);
    expect(world.cluster.find(configRef("a"))).toMatchObject({ data: { value: "1" } });
    expect(world.cluster.requests).not.toContain("dry-run ConfigMap/apps/b");
  });

  it.each([
    ["of the same revision", "main@sha1:one", "shop", true],
    ["of another source", "main@sha1:zero", "another", true],
    ["that has not come to this revision yet", "main@sha1:zero", "shop", false],
    ["that is gone", undefined, "shop", false],
  ])("names both owners of objects that are taken over from one %s: %s %s %s", async (_, revision, source, isNamed) => {
    const world = aKustomizeWorld();
    const other = { "kustomize.toolkit.fluxcd.io/name": "other", "kustomize.toolkit.fluxcd.io/namespace": "apps" };
    if (revision !== undefined)
      world.cluster.put({
        ...self,
        metadata: { name: "other", namespace: "apps" },
        spec: { interval: "1m", prune: true, sourceRef: { kind: "GitRepository", name: source } },
        status: { lastAppliedRevision: revision },
      });
    for (const name of ["a", "b"]) world.cluster.put(owned(config(name), other));
    world.git.yaml = yamlOf(config("a"), config("b"));
    await world.run();
    const named = world.events.filter(({ reason }) => reason === "OwnershipConflict").map(({ message }) => message);
    const message =
      "ConfigMap/apps/a, ConfigMap/apps/b are owned by Kustomization/apps/other and wanted by Kustomization/apps/shop: remove them from one of the two";
    expect(named).toEqual(isNamed ? [message] : []);
  });
});
