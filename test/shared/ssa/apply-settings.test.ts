import { beforeEach, describe, expect, it } from "vitest";

import { type KubeObject, refOf } from "../../../shared/api/kube-object.ts";
import { type ApplySettings, defaultApplySettings } from "../../../shared/config/apply-settings.ts";
import { KubeError } from "../../../shared/kubernetes/cluster.ts";
import { applyStage } from "../../../shared/ssa/apply.ts";
import { dryRunStage } from "../../../shared/ssa/dry-run.ts";
import { createMemoryCluster, type MemoryCluster } from "../../fakes/memory-cluster.ts";

const config = (
  data: Readonly<Record<string, string>>,
  annotations?: Readonly<Record<string, string>>,
): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "a", namespace: "shop", ...(annotations ? { annotations } : {}) },
  data,
});

let cluster: MemoryCluster;
beforeEach(() => {
  cluster = createMemoryCluster({ objects: [{ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } }] });
});

const live = () => cluster.find(refOf(config({})))!;
const managers = () => live().metadata.managedFields?.map(({ manager, operation }) => `${manager} ${operation}`);

async function apply(
  desired: KubeObject,
  given: Partial<ApplySettings>,
  seen: "unknown" | "absent" = "unknown",
): Promise<string> {
  const options = { settings: { ...defaultApplySettings, ...given } };
  const checked = await dryRunStage(cluster, [{ desired, live: seen === "unknown" ? seen : undefined }], options);
  const writes = checked.filter(({ action }) => action === "configured");
  await applyStage(cluster, writes, () => undefined, options);
  return checked[0]!.action;
}

describe("managers that are overridden", () => {
  it.each(["Apply", "Update"])("lose what they wrote by %s and Git has not", async (operation) => {
    if (operation === "Update") cluster.put(config({ a: "1", old: "1" }), "legacy-tool");
    else await cluster.apply(config({ a: "1", old: "1" }), { fieldManager: "legacy-tool" });
    expect(await apply(config({ a: "1" }), { overrideManagers: ["legacy"] })).toBe("configured");
    expect(live().data).toEqual({ a: "1" });
    expect(managers()).toEqual(["kustomize-controller Apply"]);
    expect(await apply(config({ a: "1" }), { overrideManagers: ["legacy"] })).toBe("unchanged");
  });

  it("keep everything where the object says Merge", async () => {
    cluster.put(config({ old: "1" }), "legacy-tool");
    await apply(config({ a: "1" }, { "kustomize.toolkit.fluxcd.io/ssa": "merge" }), { overrideManagers: ["legacy"] });
    expect(live().data).toEqual({ a: "1", old: "1" });
  });

  it("do not include ourselves, whatever the prefix", async () => {
    await apply(config({ a: "1" }), {}, "absent");
    await cluster.apply(config({ a: "1" }), { fieldManager: "kustomize-controller", force: true });
    const given = { overrideManagers: ["kustomize"], overrideManagersBeforeDryRun: ["kustomize-controller"] };
    expect(await apply(config({ a: "1" }), given)).toBe("unchanged");
  });
});

describe("managers that are overridden before the dry-run", () => {
  const settings = { overrideManagersBeforeDryRun: ["legacy"] };

  it.each(["unknown", "absent"] as const)("are taken over first where the object is believed %s", async (seen) => {
    await cluster.apply(config({ a: "1", old: "1" }), { fieldManager: "legacy" });
    cluster.forgetRequests();
    expect(await apply(config({ a: "1" }), settings, seen)).toBe("configured");
    expect(cluster.requests).toEqual(["get", "patch", "dry-run", "apply"].map((verb) => `${verb} ConfigMap/shop/a`));
    expect(live().data).toEqual({ a: "1" });
    expect(managers()).toEqual(["kustomize-controller Apply"]);
    expect(await apply(config({ a: "1" }), settings)).toBe("unchanged");
  });

  it("are named whole", async () => {
    await cluster.apply(config({ a: "1", old: "1" }), { fieldManager: "legacy-2" });
    await apply(config({ a: "1" }), settings);
    expect(live().data).toEqual({ a: "1", old: "1" });
  });

  it("are left alone where the object says Merge", async () => {
    await cluster.apply(config({ old: "1" }), { fieldManager: "legacy" });
    await apply(config({ a: "1" }, { "kustomize.toolkit.fluxcd.io/ssa": "Merge" }), settings);
    expect(managers()).toContain("legacy Apply");
  });

  it("stay taken over when the dry-run fails all the same", async () => {
    await cluster.apply(config({ a: "1" }), { fieldManager: "legacy" });
    cluster.failNext("dry-run", new KubeError(403, "Forbidden", "denied by policy"));
    await expect(apply(config({ a: "1" }), settings)).rejects.toThrow(/dry-run failed \(Forbidden\)/);
    expect(managers()).toEqual(["kustomize-controller Apply"]);
  });

  it("fail the stage in Flux's words when their fields cannot be taken", async () => {
    await cluster.apply(config({ a: "1" }), { fieldManager: "legacy" });
    cluster.failNext("patch", new KubeError(403, "Forbidden", "no"));
    await expect(apply(config({ a: "1" }), settings)).rejects.toThrow(
      "ConfigMap/shop/a metadata.managedFields takeover failed: no\n",
    );
  });
});

describe("the migration of API versions", () => {
  const old = (object: KubeObject): KubeObject => ({
    ...object,
    metadata: {
      ...object.metadata,
      managedFields: (object.metadata.managedFields ?? []).map((entry) => ({ ...entry, apiVersion: "v1beta1" })),
    },
  });
  const versions = () => live().metadata.managedFields?.map(({ apiVersion }) => apiVersion);

  beforeEach(async () => {
    await cluster.apply(config({ a: "1" }), { fieldManager: "kustomize-controller" });
    cluster.edit(refOf(config({})), { status: { seen: true } }, "controller");
    cluster.put(old(live()));
    cluster.forgetRequests();
  });

  it("rewrites the version of every owner before the dry-run, and applies the object once", async () => {
    expect(versions()).toEqual(["v1beta1", "v1beta1"]);
    expect(await apply(config({ a: "1" }), { migrateApiVersion: true })).toBe("configured");
    expect(versions()).toEqual(["v1", "v1"]);
    expect(cluster.requests.slice(0, 3)).toEqual(["get", "patch", "dry-run"].map((verb) => `${verb} ConfigMap/shop/a`));
    expect(await apply(config({ a: "1" }), { migrateApiVersion: true })).toBe("unchanged");
  });

  it("is left undone without the gate", async () => {
    expect(await apply(config({ a: "1" }), {})).toBe("unchanged");
    expect(versions()).toEqual(["v1beta1", "v1beta1"]);
  });

  const dropped = new KubeError(
    500,
    "InternalError",
    "failed to convert new object (shop/a) to proper version: request to convert CR to an invalid group/version: v1beta1",
  );

  it("comes without the gate where the server cannot read a version any more", async () => {
    cluster.failNext("dry-run", dropped);
    expect(await apply(config({ a: "2" }), {})).toBe("configured");
    expect(versions()).toEqual(["v1", "v1"]);
    expect(live().data).toEqual({ a: "2" });
  });

  it("is tried once", async () => {
    cluster.failNext("dry-run", dropped);
    cluster.failNext("dry-run", dropped);
    await expect(apply(config({ a: "2" }), {})).rejects.toThrow("request to convert CR to an invalid group/version");
  });

  it("fails the stage in Flux's words when it is refused", async () => {
    cluster.failNext("patch", new KubeError(403, "Forbidden", "no"));
    await expect(apply(config({ a: "1" }), { migrateApiVersion: true })).rejects.toThrow(
      "ConfigMap/shop/a failed to migrate API version: no\n",
    );
  });
});
