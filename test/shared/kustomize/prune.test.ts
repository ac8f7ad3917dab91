import { beforeEach, describe, expect, it } from "vitest";

import type { ResourceRef } from "../../../shared/api/kustomization.ts";
import type { KubeObject, ObjectRef } from "../../../shared/api/kube-object.ts";
import { formatId, refOfId } from "../../../shared/inventory/id.ts";
import { KubeError } from "../../../shared/kubernetes/cluster.ts";
import { prune, type Pruned } from "../../../shared/kustomize/prune.ts";
import { createMemoryCluster, type MemoryCluster } from "../../fakes/memory-cluster.ts";
import { aKustomizeWorld, config, configId, configRef, deployment, owned, self, yamlOf } from "./kustomize-world.ts";

const owner = { name: "shop", namespace: "apps" };
const named = (apiVersion: string, kind: string, name: string, finalizers: readonly string[] = []): KubeObject => ({
  apiVersion,
  kind,
  metadata: {
    name,
    ...(kind === "Namespace" ? {} : { namespace: "apps" }),
    ...(finalizers.length > 0 ? { finalizers } : {}),
  },
});
const child = named("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "child", ["finalizers.fluxcd.io"]);
const source = named("source.toolkit.fluxcd.io/v1", "GitRepository", "child");
const account = named("v1", "ServiceAccount", "deployer");
const binding = named("rbac.authorization.k8s.io/v1", "RoleBinding", "deployer");
const space = named("v1", "Namespace", "tenant");
const web = deployment("web");

const refOf = ({ apiVersion, kind, metadata: { name, namespace } }: KubeObject): ObjectRef => ({
  apiVersion,
  kind,
  name,
  ...(namespace ? { namespace } : {}),
});
const entryOf = (object: KubeObject) => ({ id: formatId(refOf(object)), v: object.apiVersion.split("/").at(-1) ?? "" });

let cluster: MemoryCluster;
let told: string[];
let fences: number;
let lostFrom: number;
const deletes = () => cluster.requests.filter((request) => request.startsWith("delete "));

const pruneAll = (...objects: readonly KubeObject[]): Promise<Pruned> => pruneEntries(...objects.map(entryOf));

function pruneEntries(...entries: readonly ResourceRef[]): Promise<Pruned> {
  return prune(entries, owner, {
    cluster,
    announcer: {
      trigger: async (ref, why) => void told.push(`${ref.kind}/${ref.name} ${why}`),
    },
    fence: () => {
      fences += 1;
      if (fences > lostFrom) throw new Error("lost");
    },
  });
}

beforeEach(() => {
  cluster = createMemoryCluster({
    objects: [child, source, account, binding, space, web].map((object) => owned(object)),
  });
  cluster.forgetRequests();
  told = [];
  fences = 0;
  lostFrom = Infinity;
});

const nothing = { deleted: [], lines: [], leaving: [], remaining: [], terminating: [], heldBack: [], errors: [] };

describe("prune", () => {
  it("deletes Flux objects first and waits for those that finalize themselves", async () => {
    const pruned = await pruneAll(space, account, web, child, source);
    expect([...deletes()].sort()).toEqual(["delete GitRepository/apps/child", "delete Kustomization/apps/child"]);
    expect(pruned.terminating).toEqual([refOf(child)]);
    expect(pruned.remaining.map(refOfId)).toEqual([space, account, web, child].map(refOf));
    expect(pruned.errors).toEqual([]);
    expect(told).toEqual(["Kustomization/child deleted"]);
  });

  it("finds what was applied as a version that is served no more under the one that is", async () => {
    const old = { ...entryOf(child), v: "v1beta2" };
    const pruned = await pruneEntries(old);
    expect(deletes()).toEqual(["delete Kustomization/apps/child"]);
    expect(pruned.terminating).toEqual([refOf(child)]);
    expect(pruned.remaining).toEqual([old]);
  });

  it("asks for no second deletion of what is finalizing", async () => {
    await pruneAll(child, web);
    cluster.forgetRequests();
    const pruned = await pruneAll(child, web);
    expect(deletes()).toEqual([]);
    expect(pruned.remaining.map(refOfId)).toEqual([child, web].map(refOf));
  });

  it("goes on with workloads, then rights, then namespaces, when the Flux objects are gone", async () => {
    cluster.remove(refOf(child));
    const pruned = await pruneAll(space, binding, account, web, child);
    expect(deletes().map((request) => request.split(" ")[1])).toEqual([
      "Deployment/apps/web",
      "RoleBinding/apps/deployer",
      "ServiceAccount/apps/deployer",
      "Namespace/tenant",
    ]);
    expect(pruned).toMatchObject({ remaining: [], terminating: [], errors: [] });
    expect(pruned.deleted.map(({ kind }) => kind)).not.toContain("Kustomization");
  });

  it("keeps what the server refuses to delete and says why", async () => {
    cluster.failNext("delete Deployment/apps/web", new KubeError(403, "Forbidden", "deployments is forbidden"));
    const pruned = await pruneAll(web, account);
    expect(pruned.errors).toEqual(["Deployment/apps/web delete failed: deployments is forbidden"]);
    expect(pruned.remaining.map(refOfId)).toEqual([refOf(web)]);
    expect(pruned.deleted).toEqual([refOf(account)]);
  });

  it("goes no further when a Flux object was refused", async () => {
    cluster.failNext("delete GitRepository", new KubeError(403, "Forbidden", "no"));
    const pruned = await pruneAll(source, web);
    expect(deletes()).toEqual(["delete GitRepository/apps/child"]);
    expect(pruned.remaining.map(refOfId)).toEqual([source, web].map(refOf));
  });

  it.each([
    [
      "another owner's",
      { "kustomize.toolkit.fluxcd.io/name": "other", "kustomize.toolkit.fluxcd.io/namespace": "apps" },
    ],
    [
      "another namespace's",
      { "kustomize.toolkit.fluxcd.io/name": "shop", "kustomize.toolkit.fluxcd.io/namespace": "x" },
    ],
    ["nobody's", {}],
  ])("does not delete what is %s by its labels, and forgets it", async (_, labels) => {
    cluster.put({ ...web, metadata: { ...web.metadata, labels } });
    expect(await pruneAll(web)).toEqual({ ...nothing, lines: [{ ref: refOf(web), action: "skipped" }] });
    expect(deletes()).toEqual([]);
  });

  it("does not delete what has opted out", async () => {
    cluster.edit(refOf(web), { metadata: { annotations: { "kustomize.toolkit.fluxcd.io/prune": "disabled" } } });
    expect(await pruneAll(web)).toEqual({ ...nothing, lines: [{ ref: refOf(web), action: "skipped" }] });
    expect(deletes()).toEqual([]);
  });

  it("deletes nothing once the lease may have passed on", async () => {
    lostFrom = 1;
    await expect(pruneAll(web)).rejects.toThrow("lost");
    expect(deletes()).toEqual([]);
  });

  it("lets an unreachable server through", async () => {
    cluster.failNext("delete Deployment", new KubeError(0, "Unreachable", "no answer"));
    await expect(pruneAll(web)).rejects.toMatchObject({ reason: "Unreachable" });
  });
});

describe("the prune of a run", () => {
  const kustomization = {
    ...child,
    spec: { interval: "1m", prune: true, sourceRef: { kind: "GitRepository", name: "shop" } },
  };

  async function aWorldWithChild(spec: Readonly<Record<string, unknown>> = {}) {
    const world = aKustomizeWorld(spec);
    world.git.yaml = yamlOf(config("a"), config("b"), kustomization);
    await world.run();
    world.git = { revision: "main@sha1:two", yaml: yamlOf(config("a")), closure: "closure-2" };
    world.cluster.forgetRequests();
    world.events.splice(0);
    return world;
  }

  it("waits for children, keeps all stale objects meanwhile, and goes on when they are gone", async () => {
    const world = await aWorldWithChild();
    expect(await world.run()).toEqual({ kind: "waiting", revision: "main@sha1:two", afterSeconds: 5 });
    expect(world.inventory()).toEqual([
      configId("a").id,
      configId("b").id,
      "apps_child_kustomize.toolkit.fluxcd.io_Kustomization",
    ]);
    expect(world.condition("Reconciling")).toEqual([
      "True",
      "Progressing",
      "Waiting for Kustomization/apps/child to be finalized",
    ]);
    expect((await world.state()).closure).toBe("");
    expect(world.cluster.find(configRef("b"))).toBeDefined();
    world.cluster.remove(refOf(child));
    expect(await world.run()).toMatchObject({ kind: "ready" });
    expect(world.inventory()).toEqual([configId("a").id]);
    expect(world.cluster.find(configRef("b"))).toBeUndefined();
    expect((await world.state()).closure).toBe("");
  });

  it("leaves stale objects in the cluster and out of the inventory without spec.prune", async () => {
    const world = await aWorldWithChild({ prune: false });
    expect(await world.run()).toMatchObject({ kind: "ready" });
    expect(world.inventory()).toEqual([configId("a").id]);
    expect(world.cluster.find(configRef("b"))).toBeDefined();
  });

  it("fails with what could not be deleted, which stays in the inventory", async () => {
    const world = await aWorldWithChild();
    world.cluster.remove(refOf(child));
    world.cluster.failNext("delete ConfigMap/apps/b", new KubeError(403, "Forbidden", "no"));
    expect(await world.run()).toMatchObject({ kind: "retrying" });
    expect(world.condition("Ready")).toEqual(["False", "PruneFailed", "ConfigMap/apps/b delete failed: no"]);
    expect(world.inventory()).toEqual([configId("a").id, configId("b").id]);
    expect(await world.run()).toMatchObject({ kind: "ready" });
    expect(world.inventory()).toEqual([configId("a").id]);
  });
});

describe("the end of a Kustomization", () => {
  async function aDyingWorld(spec: Readonly<Record<string, unknown>> = {}) {
    const world = aKustomizeWorld(spec);
    world.git.yaml = yamlOf(config("a"), config("b"));
    await world.run();
    await world.cluster.delete(self);
    world.cluster.forgetRequests();
    world.told.splice(0);
    world.events.splice(0);
    return world;
  }

  it("deletes its objects, then lets it go", async () => {
    const world = await aDyingWorld();
    expect(await world.run()).toEqual({ kind: "gone" });
    expect(world.writes().at(-1)).toBe("patch Kustomization/apps/shop");
    expect(world.writes()).toHaveLength(3);
    expect(world.cluster.find(configRef("a"))).toBeUndefined();
    expect(world.cluster.find(self)).toBeUndefined();
    expect(world.told).toEqual(["gone"]);
    expect(world.events.map(({ message }) => message.split("\n").sort().join(" "))).toEqual([
      "ConfigMap/apps/a deleted ConfigMap/apps/b deleted",
    ]);
  });

  it.each([
    ["suspended", { suspend: true }],
    ["not pruning", { prune: false }],
    ["told to orphan", { deletionPolicy: "Orphan" }],
  ])("leaves its objects when it is %s", async (_, spec) => {
    const world = await aDyingWorld();
    world.cluster.edit(self, { spec });
    expect(await world.run()).toEqual({ kind: "gone" });
    expect(world.cluster.find(configRef("a"))).toBeDefined();
    expect(world.cluster.find(self)).toBeUndefined();
  });

  it("deletes without spec.prune when the policy says so", async () => {
    const world = await aDyingWorld({ prune: false, deletionPolicy: "Delete" });
    await world.run();
    expect(world.cluster.find(configRef("a"))).toBeUndefined();
  });

  it("stays with its finalizer and what is left in its inventory after a refusal", async () => {
    const world = await aDyingWorld();
    world.cluster.failNext("delete ConfigMap/apps/b", new KubeError(403, "Forbidden", "no"));
    expect(await world.run()).toEqual({ kind: "retrying", afterSeconds: 10 });
    expect(world.inventory()).toEqual([configId("b").id]);
    expect(world.object().metadata.finalizers).toEqual(["finalizers.fluxcd.io"]);
    expect(world.events.at(-1)).toMatchObject({ type: "Warning", reason: "PruneFailed" });
    expect(await world.run()).toEqual({ kind: "gone" });
  });

  it("waits for termination when the policy says so, at most for the timeout", async () => {
    const world = await aDyingWorld({ deletionPolicy: "WaitForTermination", timeout: "1m" });
    world.cluster.edit(configRef("a"), { metadata: { finalizers: ["example.com/slow"] } });
    expect(await world.run()).toEqual({ kind: "waiting", afterSeconds: 2 });
    expect(world.cluster.find(self)).toBeDefined();
    world.clock.advance(61_000);
    expect(await world.run()).toEqual({ kind: "gone" });
    expect(world.events.at(-1)).toMatchObject({
      type: "Warning",
      reason: "ReconciliationSucceeded",
      message: "failed to wait for resources termination",
    });
  });

  it("tells in its last events what was deleted and what was left, for the reason that it had", async () => {
    const world = await aDyingWorld();
    world.cluster.edit(configRef("b"), {
      metadata: { annotations: { "kustomize.toolkit.fluxcd.io/prune": "disabled" } },
    });
    await world.run();
    expect(world.events).toMatchObject([
      { reason: "ReconciliationSucceeded", message: "ConfigMap/apps/b skipped\nConfigMap/apps/a deleted" },
    ]);
  });

  it("does not wait for the termination of what it leaves alone", async () => {
    const world = await aDyingWorld({ deletionPolicy: "WaitForTermination", timeout: "1m" });
    const annotations = { "kustomize.toolkit.fluxcd.io/prune": "disabled" };
    world.cluster.edit(configRef("a"), { metadata: { annotations } });
    expect(await world.run()).toEqual({ kind: "gone" });
    expect(world.cluster.find(configRef("a"))).toBeDefined();
  });

  it("says once what it deleted, however long that takes", async () => {
    const world = await aDyingWorld({ deletionPolicy: "WaitForTermination", timeout: "1m" });
    world.cluster.edit(configRef("a"), { metadata: { finalizers: ["example.com/slow"] } });
    await world.run();
    await world.run();
    const said = world.events.filter(({ message }) => message.includes("ConfigMap/apps/a deleted"));
    expect(said).toHaveLength(1);
  });

  it("goes although somebody wrote into its inventory what names no object", async () => {
    const world = await aDyingWorld();
    const entries = [...(world.status().inventory?.entries ?? []), { id: "x", v: "v1" }];
    world.cluster.edit(self, { status: { inventory: { entries } } });
    expect(await world.run()).toEqual({ kind: "gone" });
    expect(world.cluster.find(configRef("a"))).toBeUndefined();
  });

  it("lets it go without its ServiceAccount, and says what is left", async () => {
    const world = aKustomizeWorld({ serviceAccountName: "deployer" });
    world.git.yaml = yamlOf(config("a"));
    await world.run();
    await world.cluster.delete(self);
    world.events.splice(0);
    expect(await world.run()).toEqual({ kind: "gone" });
    expect(world.cluster.find(configRef("a"))).toBeDefined();
    expect(world.events).toMatchObject([
      {
        type: "Warning",
        reason: "ReconciliationSucceeded",
        message: "unable to prune objects: \nConfigMap/apps/a",
      },
    ]);
  });

  it.each([0, 1, 3])("writes nothing after the lease was lost at write %i", async (from) => {
    const world = await aDyingWorld();
    world.fenceFrom = world.fences + from;
    await expect(world.run()).rejects.toThrow("lost");
    expect(world.writes()).toHaveLength(world.writesWhenLost ?? -1);
    expect(world.object().metadata.finalizers).toEqual(["finalizers.fluxcd.io"]);
  });
});
