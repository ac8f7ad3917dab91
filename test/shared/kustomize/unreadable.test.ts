/** An input that cannot be read is an error, never an empty set: nothing is pruned for want of an answer. */
import { describe, expect, it } from "vitest";

import { KubeError } from "../../../shared/kubernetes/cluster.ts";
import { finalizer } from "../../../shared/kubernetes/finalizer.ts";
import { letGo } from "../../../shared/kustomize/unreadable.ts";
import { ReconcileError } from "../../../shared/runtime/reconcile-error.ts";
import { createMemoryCluster } from "../../fakes/memory-cluster.ts";
import { aKustomizeWorld, config, configRef, type KustomizeWorld, self, yamlOf } from "./kustomize-world.ts";

const variables = { postBuild: { substituteFrom: [{ kind: "ConfigMap", name: "variables" }] } };

/** Two ConfigMaps applied, the second left out of the next commit. */
async function aWorld(spec: Readonly<Record<string, unknown>> = {}): Promise<KustomizeWorld> {
  const world = aKustomizeWorld(spec);
  world.cluster.put({ ...config("variables"), data: {} });
  world.git.yaml = yamlOf(config("a"), config("b"));
  await world.run();
  world.git = { revision: "main@sha1:two", yaml: yamlOf(config("a")), closure: "closure-2" };
  world.cluster.forgetRequests();
  return world;
}

const unavailable = new KubeError(503, "ServiceUnavailable", "etcd has no leader");
const forbidden = new KubeError(403, "Forbidden", "not for you");
const deletes = (world: KustomizeWorld) => world.cluster.requests.filter((request) => request.startsWith("delete "));

describe("an object that is being deleted and cannot be read", () => {
  const leaving = async (status: unknown, isDeleted = true) => {
    const cluster = createMemoryCluster();
    cluster.put({
      apiVersion: self.apiVersion,
      kind: self.kind,
      metadata: { name: self.name, namespace: "apps", finalizers: [finalizer] },
      spec: { interval: "never" },
      ...(status ? { status } : {}),
    });
    if (isDeleted) await cluster.delete(self);
    const object = cluster.find(self);
    if (!object) throw new Error("the finalizer does not hold it");
    const isLet = await letGo(object, cluster, { fieldManager: "kustomize-controller", fence: () => undefined });
    return { isLet, isThere: cluster.find(self) !== undefined };
  };

  it("goes when nothing was applied for it", async () => {
    expect(await leaving(undefined)).toEqual({ isLet: true, isThere: false });
    expect(await leaving({ inventory: { entries: [] } })).toEqual({ isLet: true, isThere: false });
  });

  it("stays as long as it owns objects", async () => {
    const entries = [{ id: "apps_a__ConfigMap", v: "v1" }];
    expect(await leaving({ inventory: { entries } })).toEqual({ isLet: false, isThere: true });
  });

  it("stays when nobody deletes it", async () => {
    expect(await leaving(undefined, false)).toEqual({ isLet: false, isThere: true });
  });
});

describe("nothing is deleted when", () => {
  it.each<[string, Readonly<Record<string, unknown>>, (world: KustomizeWorld) => void]>([
    ["the objects cannot be listed", {}, ({ cluster }) => cluster.failNext("list ConfigMap", unavailable)],
    ["variables cannot be read", variables, ({ cluster }) => cluster.failNext("get ConfigMap/apps/var", unavailable)],
    ["variables may not be read", variables, ({ cluster }) => cluster.failNext("get ConfigMap/apps/var", forbidden)],
    ["variables are gone", variables, ({ cluster }) => cluster.remove(configRef("variables"))],
    [
      "the source cannot be read",
      {},
      ({ git, cluster }) => {
        git.revision = undefined;
        cluster.failNext("get GitRepository", unavailable);
      },
    ],
    ["the source has no artifact", {}, ({ git }) => void (git.revision = undefined)],
    ["the build is no YAML", {}, ({ git }) => void (git.yaml = "kind: [")],
    ["an object cannot be looked at", {}, ({ cluster }) => cluster.failNext("get ConfigMap/apps/b", unavailable)],
    [
      "a dry-run fails",
      {},
      (world) => {
        world.git.yaml = yamlOf(config("a", "2"));
        world.cluster.failNext("dry-run ConfigMap/apps/a", forbidden);
      },
    ],
  ])("%s", async (_, spec, spoil) => {
    const world = await aWorld(spec);
    spoil(world);
    const outcome = await world.run().catch((error: unknown) => error);
    expect(outcome).not.toMatchObject({ kind: "ready" });
    expect(deletes(world)).toEqual([]);
    expect(world.cluster.find(configRef("b"))).toBeDefined();
    expect(world.inventory()).toContain("apps_b__ConfigMap");
  });

  it("the build fails", async () => {
    const world = await aWorld();
    Object.defineProperty(world.git, "yaml", {
      get: () => {
        throw new ReconcileError("retry", "BuildFailed", "kustomize build failed");
      },
    });
    expect(await world.run()).toMatchObject({ kind: "retrying" });
    expect(deletes(world)).toEqual([]);
  });

  it("somebody has broken the inventory, whose objects are then nobody's", async () => {
    const world = await aWorld();
    world.cluster.edit(self, { status: { inventory: { entries: [{ id: "gone", v: "v1" }] } } });
    await world.run();
    expect(deletes(world)).toEqual([]);
    expect(world.cluster.find(configRef("b"))).toBeDefined();
  });
});
