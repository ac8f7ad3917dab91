import { beforeEach, describe, expect, it } from "vitest";

import { type KubeObject, refOf } from "../../../shared/api/kube-object.ts";
import { KubeError } from "../../../shared/kubernetes/cluster.ts";
import { deleteObjects } from "../../../shared/ssa/delete.ts";
import { withOwner } from "../../../shared/ssa/owner.ts";
import { createMemoryCluster, type MemoryCluster } from "../../fakes/memory-cluster.ts";

const owner = { name: "app", namespace: "flux-system" };
const options = { owner, fence: () => undefined };
const bare = (name: string, kind = "ConfigMap", annotations: Readonly<Record<string, string>> = {}): KubeObject => ({
  apiVersion: "v1",
  kind,
  metadata: { name, namespace: "shop", annotations },
});
const owned = (...given: Parameters<typeof bare>) => withOwner(bare(...given), owner);
const toggle = (name: string) => `kustomize.toolkit.fluxcd.io/${name}`;

let cluster: MemoryCluster;
beforeEach(() => {
  cluster = createMemoryCluster();
});

describe("deleteObjects", () => {
  it("deletes what bears the owner's labels, last kinds first", async () => {
    const objects = [owned("a"), owned("a", "Service"), owned("b")];
    objects.forEach((object) => cluster.put(object));
    cluster.forgetRequests();
    const results = await deleteObjects(cluster, [...objects.map(refOf), refOf(bare("never"))], options);
    expect(results.map(({ kind, ref }) => `${kind} ${ref.kind} ${ref.name}`)).toEqual([
      "deleted Service a",
      "absent ConfigMap never",
      "deleted ConfigMap b",
      "deleted ConfigMap a",
    ]);
    expect(cluster.requests.slice(0, 2)).toEqual(["get Service/shop/a", "delete Service/shop/a"]);
    expect(cluster.objects().filter(({ kind }) => kind === "ConfigMap")).toEqual([]);
  });

  it.each([
    ["nobody's", bare("a"), "owner"],
    ["somebody else's", withOwner(bare("a"), { ...owner, name: "other" }), "owner"],
    ["prune: disabled", owned("a", "ConfigMap", { [toggle("prune")]: "Disabled" }), "opted out"],
    ["reconcile: disabled", owned("a", "ConfigMap", { [toggle("reconcile")]: "disabled" }), "opted out"],
    ["ssa: Ignore", owned("a", "ConfigMap", { [toggle("ssa")]: "Ignore" }), "opted out"],
  ])("keeps what is %s", async (_, object, why) => {
    cluster.put(object);
    expect(await deleteObjects(cluster, [refOf(object)], options)).toEqual([{ kind: "kept", ref: refOf(object), why }]);
    expect(cluster.find(refOf(object))).toBeDefined();
  });

  it("deletes what says IfNotPresent", async () => {
    const object = owned("a", "ConfigMap", { [toggle("ssa")]: "IfNotPresent" });
    cluster.put(object);
    expect(await deleteObjects(cluster, [refOf(object)], options)).toMatchObject([{ kind: "deleted" }]);
  });

  it("reports a refusal and goes on", async () => {
    ["a", "b"].forEach((name) => cluster.put(owned(name)));
    cluster.failNext("delete ConfigMap/shop/a", new KubeError(403, "Forbidden", "denied by policy"));
    const results = await deleteObjects(
      cluster,
      ["a", "b"].map((name) => refOf(bare(name))),
      options,
    );
    expect(results).toMatchObject([
      { kind: "deleted" },
      { kind: "failed", message: "ConfigMap/shop/a delete failed: denied by policy" },
    ]);
  });

  it("does not delete another incarnation", async () => {
    cluster.put(owned("a"));
    const race = () => {
      cluster.remove(refOf(bare("a")));
      cluster.put(owned("a"));
    };
    const results = await deleteObjects(cluster, [refOf(bare("a"))], { owner, fence: race });
    expect(results).toMatchObject([
      { kind: "failed", message: expect.stringContaining("UID in precondition") as string },
    ]);
    expect(cluster.find(refOf(bare("a")))).toBeDefined();
  });

  it("takes a kind that is not served any more for gone", async () => {
    const ref = { apiVersion: "lab.example.com/v1", kind: "Widget", namespace: "shop", name: "w" };
    expect(await deleteObjects(cluster, [ref], options)).toEqual([{ kind: "absent", ref }]);
  });

  it("throws when the lease is lost or the server cannot be reached", async () => {
    cluster.put(owned("a"));
    const fence = () => {
      throw new Error("lease lost");
    };
    await expect(deleteObjects(cluster, [refOf(bare("a"))], { owner, fence })).rejects.toThrow("lease lost");
    cluster.failNext("get", new KubeError(0, "Unreachable", "gone"));
    await expect(deleteObjects(cluster, [refOf(bare("a"))], options)).rejects.toMatchObject({ reason: "Unreachable" });
  });
});
