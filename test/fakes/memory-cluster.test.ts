import { beforeEach, describe, expect, it } from "vitest";

import type { KubeObject, ObjectRef } from "../../shared/api/kube-object.ts";
import { KubeError } from "../../shared/kubernetes/cluster.ts";
import { createMemoryCluster, type MemoryCluster, owns } from "./memory-cluster.ts";

const ref: ObjectRef = { apiVersion: "apps/v1", kind: "Deployment", namespace: "shop", name: "web" };
const web = (spec: Readonly<Record<string, unknown>>): KubeObject => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web", namespace: "shop" },
  spec,
});
const flux = { fieldManager: "kustomize-controller", force: true };

let cluster: MemoryCluster;
beforeEach(() => {
  cluster = createMemoryCluster({ objects: [{ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } }] });
});

describe("the cluster in memory", () => {
  it("gives versions to writes, and generations to changes of the content", async () => {
    const first = await cluster.apply(web({ replicas: 1 }), flux);
    const same = await cluster.apply(web({ replicas: 1 }), flux);
    const other = await cluster.apply(web({ replicas: 2 }), flux);
    const withStatus = await cluster.mergePatch(
      ref,
      { status: { replicas: 2 }, spec: { replicas: 9 } },
      { fieldManager: "kcm", subresource: "status" },
    );
    expect(same.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    expect([first, other, withStatus].map(({ metadata }) => metadata.generation)).toEqual([1, 2, 2]);
    expect(withStatus).toMatchObject({ spec: { replicas: 2 }, status: { replicas: 2 } });
    expect(first.metadata.uid).toBe(withStatus.metadata.uid);
  });

  it("writes nothing in a dry-run, and gives no version to what would be created", async () => {
    const result = await cluster.apply(web({ replicas: 1 }), { ...flux, dryRun: true });
    expect(result.metadata.resourceVersion).toBeUndefined();
    expect(cluster.find(ref)).toBeUndefined();
    await cluster.apply(web({ replicas: 1 }), flux);
    const again = await cluster.apply(web({ replicas: 2 }), { ...flux, dryRun: true });
    expect(again).toMatchObject({
      spec: { replicas: 2 },
      metadata: { resourceVersion: cluster.find(ref)?.metadata.resourceVersion },
    });
    expect(cluster.find(ref)).toMatchObject({ spec: { replicas: 1 } });
  });

  it("removes what an applier gave up, and leaves what others own", async () => {
    await cluster.apply(
      web({
        replicas: 1,
        paused: true,
        containers: [
          { name: "a", image: "1" },
          { name: "b", image: "1" },
        ],
      }),
      flux,
    );
    cluster.edit(ref, { spec: { minReadySeconds: 5 }, metadata: { labels: { mine: "yes" } } });
    const live = await cluster.apply(web({ replicas: 1, containers: [{ name: "b", image: "2" }] }), flux);
    expect(live).toMatchObject({ metadata: { labels: { mine: "yes" } } });
    expect(live.spec).toEqual({ replicas: 1, minReadySeconds: 5, containers: [{ name: "b", image: "2" }] });
  });

  it("moves a field to whoever writes it, if need be by force", async () => {
    await cluster.apply(web({ replicas: 1 }), flux);
    const edited = cluster.edit(ref, { spec: { replicas: 5 } }, "kubectl-edit");
    expect([
      owns(edited, "kubectl-edit", "f:spec", "f:replicas"),
      owns(edited, "kustomize-controller", "f:spec", "f:replicas"),
    ]).toEqual([true, false]);
    await expect(cluster.apply(web({ replicas: 1 }), { fieldManager: "kustomize-controller" })).rejects.toMatchObject({
      reason: "Conflict",
      message: 'Apply failed with 1 conflict: conflict with "kubectl-edit": .spec.replicas',
    });
    const forced = await cluster.apply(web({ replicas: 1 }), flux);
    expect(forced.spec).toEqual({ replicas: 1 });
    expect(owns(forced, "kubectl-edit", "f:spec", "f:replicas")).toBe(false);
  });

  it("holds to versions and uids that a write names", async () => {
    const { metadata } = await cluster.apply(web({ replicas: 1 }), flux);
    const patch = { metadata: { resourceVersion: metadata.resourceVersion }, spec: { replicas: 2 } };
    await cluster.mergePatch(ref, patch, { fieldManager: "a" });
    await expect(cluster.mergePatch(ref, patch, { fieldManager: "a" })).rejects.toMatchObject({ reason: "Conflict" });
    await expect(cluster.delete(ref, { uid: "other" })).rejects.toMatchObject({ reason: "Conflict" });
    expect(await cluster.delete(ref, { uid: metadata.uid ?? "" })).toBe("deleted");
    expect(await cluster.delete(ref)).toBe("absent");
  });

  it("keeps what has a finalizer until that is gone", async () => {
    cluster.put({ ...web({}), metadata: { name: "web", namespace: "shop", finalizers: ["finalizers.fluxcd.io"] } });
    await cluster.delete(ref);
    expect(cluster.find(ref)?.metadata.deletionTimestamp).toBeDefined();
    await cluster.mergePatch(ref, { metadata: { finalizers: null } }, { fieldManager: "a" });
    expect(cluster.find(ref)).toBeUndefined();
  });

  it("empties a namespace that is deleted, and collects what it owned", async () => {
    const parent = await cluster.apply(web({}), flux);
    const owner = { apiVersion: "apps/v1", kind: "Deployment", name: "web", uid: parent.metadata.uid ?? "" };
    cluster.put({
      apiVersion: "apps/v1",
      kind: "ReplicaSet",
      metadata: { name: "web-1", namespace: "shop", ownerReferences: [owner] },
    });
    await cluster.delete(ref);
    expect(cluster.objects().map(({ kind }) => kind)).not.toContain("ReplicaSet");
    cluster.put(web({}));
    await cluster.delete({ apiVersion: "v1", kind: "Namespace", name: "shop" });
    expect(cluster.find(ref)).toBeUndefined();
  });

  it("selects by labels and fields, also metadata alone", async () => {
    cluster.put({
      ...web({ replicas: 1 }),
      metadata: { name: "web", namespace: "shop", labels: { app: "a", tier: "b" } },
    });
    const names = async (labelSelector: string) =>
      (await cluster.list("apps/v1", "Deployment", { labelSelector })).items.length;
    expect(
      await Promise.all(["app=a", "app=b", "app!=a", "app in (a, b),tier", "!app", "app notin (a)"].map(names)),
    ).toEqual([1, 0, 0, 1, 0, 0]);
    const { items } = await cluster.list("apps/v1", "Deployment", {
      fieldSelector: "metadata.name=web",
      metadataOnly: true,
    });
    expect(items).toMatchObject([{ kind: "Deployment", metadata: { name: "web" } }]);
    expect(items[0]).not.toHaveProperty("spec");
  });

  it("serves custom resources as soon as their definition is there", async () => {
    const widget = { apiVersion: "lab.example.com/v1", kind: "Widget", metadata: { name: "w", namespace: "shop" } };
    await expect(cluster.apply(widget, flux)).rejects.toMatchObject({
      reason: "NoMatch",
      message: 'no matches for kind "Widget" in version "lab.example.com/v1"',
    });
    const names = { kind: "Widget", plural: "widgets" };
    const definition = {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "widgets.lab.example.com" },
    };
    cluster.put({
      ...definition,
      spec: { group: "lab.example.com", scope: "Namespaced", names, versions: [{ name: "v1", served: true }] },
    });
    await cluster.apply(widget, flux);
    await cluster.delete({ ...definition, name: "widgets.lab.example.com" });
    expect(cluster.objects().map(({ kind }) => kind)).not.toContain("Widget");
  });

  it("refuses as a real server does", async () => {
    await expect(
      cluster.apply({ ...web({}), metadata: { name: "web", namespace: "none" } }, flux),
    ).rejects.toMatchObject({ code: 404, message: 'namespaces "none" not found' });
    await cluster.create(web({}), "a");
    await expect(cluster.create(web({}), "a")).rejects.toMatchObject({
      reason: "AlreadyExists",
      message: 'deployments.apps "web" already exists',
    });
    await expect(cluster.mergePatch({ ...ref, name: "x" }, {}, flux)).rejects.toMatchObject({
      message: 'deployments.apps "x" not found',
    });
  });

  it("fails the next request that a test names, and tells who sent what", async () => {
    cluster.failNext("get Deployment", new KubeError(0, "Unreachable", "gone"));
    await expect(cluster.as("bob").get(ref)).rejects.toMatchObject({ reason: "Unreachable" });
    expect(await cluster.get(ref)).toBeUndefined();
    expect(cluster.sent).toEqual([
      { user: "bob", request: "get Deployment/shop/web" },
      { user: "admin", request: "get Deployment/shop/web" },
    ]);
  });

  it("forbids what a test forbids", async () => {
    const closed = createMemoryCluster({ isAllowed: (user, verb) => user === "admin" || verb === "get" });
    await closed.as("bob").get(ref);
    await expect(closed.as("bob").delete(ref)).rejects.toMatchObject({ code: 403, reason: "Forbidden" });
  });
});
