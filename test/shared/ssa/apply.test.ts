import { beforeEach, describe, expect, it } from "vitest";

import { type KubeObject, refOf } from "../../../shared/api/kube-object.ts";
import { KubeError } from "../../../shared/kubernetes/cluster.ts";
import { applyManager, applyStage, type Candidate, type Checked } from "../../../shared/ssa/apply.ts";
import { dryRunStage } from "../../../shared/ssa/dry-run.ts";
import { createMemoryCluster, type MemoryCluster, owns } from "../../fakes/memory-cluster.ts";

const toggle = (name: string) => `kustomize.toolkit.fluxcd.io/${name}`;
const config = (
  name: string,
  data: Readonly<Record<string, string>>,
  annotations?: Readonly<Record<string, string>>,
): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "shop", ...(annotations ? { annotations } : {}) },
  data,
});
const unknown = (desired: KubeObject): Candidate => ({ desired, live: "unknown" });
const absent = (desired: KubeObject): Candidate => ({ desired, live: undefined });

let cluster: MemoryCluster;
beforeEach(() => {
  cluster = createMemoryCluster({ objects: [{ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } }] });
  cluster.forgetRequests();
});

async function applyAll(...candidates: readonly Candidate[]): Promise<readonly Checked[]> {
  const checked = await dryRunStage(cluster, candidates);
  await applyStage(
    cluster,
    checked.filter(({ action }) => action === "created" || action === "configured"),
    () => undefined,
  );
  return checked;
}
const check = async (candidate: Candidate): Promise<Checked> => (await dryRunStage(cluster, [candidate]))[0]!;

describe("dryRunStage", () => {
  it("finds what is new, changed and unchanged, and writes nothing", async () => {
    await applyAll(absent(config("same", { a: "1" })), absent(config("other", { a: "1" })));
    const before = cluster.objects();
    const wanted = [config("new", { a: "1" }), config("same", { a: "1" }), config("other", { a: "2" })];
    const checked = await dryRunStage(cluster, wanted.map(unknown));
    expect(checked.map(({ action }) => action)).toEqual(["created", "unchanged", "configured"]);
    expect(cluster.objects()).toEqual(before);
  });

  it("asks once about an object that is believed absent", async () => {
    await dryRunStage(cluster, [absent(config("new", {}))]);
    expect(cluster.requests).toEqual(["dry-run ConfigMap/shop/new"]);
  });

  it("looks at an object that was believed absent and is there", async () => {
    cluster.put(config("there", { a: "1", b: "2" }));
    const checked = await check(absent(config("there", { a: "1" })));
    expect(checked).toMatchObject({ action: "unchanged", live: { metadata: { uid: expect.any(String) as string } } });
  });

  it("does not ask again for an object that the caller has seen", async () => {
    await applyAll(absent(config("seen", { a: "1" })));
    const live = cluster.find(refOf(config("seen", {})));
    cluster.forgetRequests();
    await dryRunStage(cluster, [{ desired: config("seen", { a: "2" }), live }]);
    expect(cluster.requests).toEqual(["dry-run ConfigMap/shop/seen"]);
  });

  it.each([
    ["a label", { metadata: { labels: { a: "1" } } }],
    ["an annotation", { metadata: { annotations: { a: "1" } } }],
    ["a field", { data: { a: "2" } }],
  ])("finds drift of %s that is wanted otherwise", async (_, patch) => {
    const wanted: KubeObject = {
      ...config("drifting", { a: "1" }),
      metadata: { name: "drifting", namespace: "shop", labels: { a: "0" }, annotations: { a: "0" } },
    };
    await applyAll(absent(wanted));
    cluster.edit(refOf(wanted), patch);
    expect((await check(unknown(wanted))).action).toBe("configured");
  });

  it("lets others add what is not in Git", async () => {
    const wanted = config("shared", { a: "1" });
    await applyAll(absent(wanted));
    cluster.edit(refOf(wanted), { data: { b: "2" }, metadata: { labels: { mine: "yes" } } });
    expect((await check(unknown(wanted))).action).toBe("unchanged");
  });

  it.each([
    [
      new KubeError(422, "Invalid", 'ConfigMap "a" is invalid: data: no'),
      'ConfigMap/shop/a dry-run failed (Invalid): ConfigMap "a" is invalid: data: no\n',
    ],
    [
      new KubeError(404, "NotFound", 'namespaces "shop" not found'),
      'ConfigMap/shop/a not found: namespaces "shop" not found\n',
    ],
    [
      new KubeError(403, "Forbidden", "configmaps is forbidden"),
      "ConfigMap/shop/a dry-run failed (Forbidden): configmaps is forbidden\n",
    ],
  ])("refuses the stage in Flux's words: %s", async (error, message) => {
    cluster.failNext("dry-run ConfigMap/shop/a", error);
    await expect(dryRunStage(cluster, [absent(config("z", {})), absent(config("a", {}))])).rejects.toMatchObject({
      name: "ReconcileError",
      disposition: "retry",
      reason: "ReconciliationFailed",
      message,
    });
  });

  it("names the first refusal in the order of the stage", async () => {
    for (const name of ["b", "a"])
      cluster.failNext(`dry-run ConfigMap/shop/${name}`, new KubeError(422, "Invalid", "no"));
    const refused = dryRunStage(
      cluster,
      ["a", "b"].map((name) => absent(config(name, {}))),
    );
    await expect(refused).rejects.toThrow(/^ConfigMap\/shop\/a /);
  });

  it("refuses a kind that is not there", async () => {
    const ghost = { apiVersion: "nothere.example.com/v1", kind: "Ghost", metadata: { name: "g", namespace: "golden" } };
    await expect(check(unknown(ghost))).rejects.toThrow(
      'Ghost/golden/g dry-run failed: no matches for kind "Ghost" in version "nothere.example.com/v1"\n',
    );
  });

  it("refuses an object that needs a namespace and has none", async () => {
    await expect(check(unknown({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" } }))).rejects.toThrow(
      "ConfigMap/a namespace not specified: the server could not find the requested resource\n",
    );
  });

  it("passes on that the API server cannot be reached", async () => {
    cluster.failNext("dry-run", new KubeError(0, "Unreachable", "gone"));
    await expect(check(absent(config("a", {})))).rejects.toBeInstanceOf(KubeError);
  });

  it("says that an object is being deleted", async () => {
    cluster.put({ ...config("going", {}), metadata: { name: "going", namespace: "shop", finalizers: ["a/b"] } });
    await cluster.delete(refOf(config("going", {})));
    await expect(check(unknown(config("going", { a: "1" })))).rejects.toThrow(/being deleted/);
  });

  it("goes on where reading is forbidden and writing is not", async () => {
    cluster.put(config("write-only", { a: "1" }));
    cluster.failNext("get ConfigMap", new KubeError(403, "Forbidden", "no"));
    cluster.failNext("get ConfigMap", new KubeError(403, "Forbidden", "no"));
    expect((await check(unknown(config("write-only", { a: "1" })))).action).toBe("configured");
  });

  it("leaves out fields that a built-in kind does not have", async () => {
    cluster.failNext(
      "dry-run",
      new KubeError(
        500,
        "InternalError",
        "failed to create typed patch object (shop/a; v1, Kind=ConfigMap): .wrong: field not declared in schema",
      ),
    );
    const { desired } = await check(absent({ ...config("a", { a: "1" }), wrong: 1 }));
    expect(desired).toEqual(config("a", { a: "1" }));
  });

  it.each([
    ["reconcile", "disabled"],
    ["ssa", "Ignore"],
    ["ssa", "ignore"],
  ])("skips what says %s: %s, in Git or live", async (name, value) => {
    expect((await check(unknown(config("a", { a: "1" }, { [toggle(name)]: value })))).action).toBe("skipped");
    cluster.put(config("b", { a: "1" }, { [toggle(name)]: value }));
    expect((await check(unknown(config("b", { a: "2" })))).action).toBe("skipped");
    expect((await check(absent(config("b", { a: "2" })))).action).toBe("skipped");
    expect(cluster.find(refOf(config("a", {})))).toBeUndefined();
  });

  it("creates once what says IfNotPresent", async () => {
    const wanted = config("once", { a: "1" }, { [toggle("ssa")]: "IfNotPresent" });
    expect((await applyAll(absent(wanted))).map(({ action }) => action)).toEqual(["created"]);
    cluster.edit(refOf(wanted), { data: { a: "2" } });
    expect((await applyAll(absent(wanted))).map(({ action }) => action)).toEqual(["skipped"]);
    expect(cluster.find(refOf(wanted))).toMatchObject({ data: { a: "2" } });
  });

  it("refuses what says IfNotPresent like everything else", async () => {
    cluster.failNext("dry-run", new KubeError(422, "Invalid", "no"));
    await expect(check(absent(config("once", {}, { [toggle("ssa")]: "IfNotPresent" })))).rejects.toThrow(
      /dry-run failed/,
    );
  });
});

describe("applyStage", () => {
  const changed = (name: string, kind = "ConfigMap"): Checked => ({
    desired: { ...config(name, { a: "1" }), kind },
    live: undefined,
    action: "created",
  });

  it("writes kind after kind and reports each object", async () => {
    const reported: string[] = [];
    const writes = [changed("a", "ServiceAccount"), changed("b"), changed("c")];
    await applyStage(cluster, writes, (index, live) =>
      reported.push(`${index} ${live.metadata.name} ${live.metadata.resourceVersion ? "written" : ""}`),
    );
    expect(reported.sort()).toEqual(["0 a written", "1 b written", "2 c written"]);
    expect(cluster.requests[0]).toBe("apply ServiceAccount/shop/a");
  });

  it("ends at the kind that was refused, and reports what was written beside it", async () => {
    cluster.failNext("apply ConfigMap/shop/a", new KubeError(403, "Forbidden", "denied by policy"));
    const reported: number[] = [];
    const writes = [changed("a"), changed("b"), changed("c", "Secret")];
    await expect(applyStage(cluster, writes, (index) => reported.push(index))).rejects.toThrow(
      "ConfigMap/shop/a apply failed: denied by policy\n",
    );
    expect(reported).toEqual([1]);
    expect(cluster.requests).not.toContain("apply Secret/shop/c");
  });

  it("takes over what kubectl wrote, so that what leaves Git leaves the cluster", async () => {
    const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";
    cluster.put(config("taken", { a: "1", old: "1" }, { [lastApplied]: "{}" }), "kubectl-client-side-apply");
    const checked = await applyAll(unknown(config("taken", { a: "1" })));
    const live = cluster.find(refOf(config("taken", {})));
    expect(checked.map(({ action }) => action)).toEqual(["configured"]);
    expect(live?.data).toEqual({ a: "1" });
    expect(live?.metadata.annotations ?? {}).toEqual({});
    expect(live?.metadata.managedFields?.map(({ manager, operation }) => `${manager} ${operation}`)).toEqual([
      "kustomize-controller Apply",
    ]);
    expect((await check(unknown(config("taken", { a: "1" })))).action).toBe("unchanged");
  });

  it("leaves other managers alone where an object says Merge", async () => {
    const wanted = config("merged", { a: "1" }, { [toggle("ssa")]: "Merge" });
    cluster.put(config("merged", { a: "0", old: "1" }), "kubectl-edit");
    await applyAll(unknown(wanted));
    const live = cluster.find(refOf(wanted));
    expect(live?.data).toEqual({ a: "1", old: "1" });
    expect([owns(live!, "kubectl-edit", "f:data", "f:old"), owns(live!, applyManager, "f:data", "f:a")]).toEqual([
      true,
      true,
    ]);
  });

  it("takes over an object of which only the status moved since it was checked", async () => {
    cluster.put(config("moving", { a: "0", old: "1" }), "kubectl-edit");
    const ref = refOf(config("moving", {}));
    const checked = await dryRunStage(cluster, [unknown(config("moving", { a: "1" }))]);
    cluster.edit(ref, { status: { replicas: 1 } }, "controller");
    await applyStage(cluster, checked, () => undefined);
    expect(cluster.find(ref)).toMatchObject({ data: { a: "1" }, status: { replicas: 1 } });
    expect(cluster.find(ref)?.data).not.toHaveProperty("old");
  });

  it("does not take over an object that changed since it was checked", async () => {
    cluster.put(config("raced", { a: "0" }), "kubectl-edit");
    const checked = await dryRunStage(cluster, [unknown(config("raced", { a: "1" }))]);
    cluster.edit(refOf(config("raced", {})), { data: { b: "2" } });
    await expect(applyStage(cluster, checked, () => undefined)).rejects.toThrow(
      /ConfigMap\/shop\/raced apply failed: .*modified/,
    );
  });
});
