/** A Kustomization in one cluster in memory that applies to another one. */
import { describe, expect, it } from "vitest";

import type { KubeObject, ObjectRef } from "../../../shared/api/kube-object.ts";
import { KubeError } from "../../../shared/kubernetes/cluster.ts";
import { defaultFluxSettings } from "../../../shared/config/flux-settings.ts";
import { createMemoryCluster, type MemoryCluster } from "../../fakes/memory-cluster.ts";
import { memorySpokes } from "../../fakes/spokes.ts";
import { aKustomizeWorld, config, configId, configRef, deployment, owned, self, yamlOf } from "./kustomize-world.ts";

const arn = "arn:aws:eks:eu-west-1:111122223333:cluster/shop";
const base64 = (text: string) => Buffer.from(text).toString("base64");
const secret = (data: Readonly<Record<string, string>> = { value: base64("spoke") }): KubeObject => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "remote", namespace: "apps" },
  data,
});
const configMap = (data: Readonly<Record<string, string>>): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "remote", namespace: "apps" },
  data,
});
const bySecret = { kubeConfig: { secretRef: { name: "remote" } } };
const byConfigMap = { kubeConfig: { configMapRef: { name: "remote" } } };
const space: KubeObject = { apiVersion: "v1", kind: "Namespace", metadata: { name: "apps" } };

function aWorld(spec: Readonly<Record<string, unknown>> = bySecret, ...objects: readonly KubeObject[]) {
  const spoke = createMemoryCluster({ objects: [space] });
  const clusters: Record<string, MemoryCluster> = { spoke, [arn]: spoke };
  const world = aKustomizeWorld(spec, { spokes: memorySpokes(clusters) });
  for (const object of objects.length > 0 ? objects : [secret()]) world.cluster.put(object);
  world.git.yaml = yamlOf(config("a"));
  return { world, spoke, clusters };
}

const users = (cluster: MemoryCluster) => [
  ...new Set(cluster.sent.filter(({ request }) => !request.startsWith("get Namespace")).map(({ user }) => user)),
];

describe("a run with a kubeConfig", () => {
  it("applies to the spoke as the kubeconfig's own user, and asks at its interval again", async () => {
    const { world, spoke } = aWorld();
    expect(await world.run()).toEqual({ kind: "ready", revision: "main@sha1:one", afterSeconds: 600 });
    expect(spoke.find(configRef("a"))?.data).toEqual({ value: "1" });
    expect(world.cluster.find(configRef("a"))).toBeUndefined();
    expect(users(spoke)).toEqual(["admin"]);
    expect(world.inventory()).toEqual([configId("a").id]);
  });

  it("impersonates the ServiceAccount in the spoke", async () => {
    const { world, spoke } = aWorld({ ...bySecret, serviceAccountName: "deployer" });
    await world.run();
    expect(users(spoke)).toEqual(["system:serviceaccount:apps:deployer"]);
  });

  it("impersonates the flag's default ServiceAccount there as well", async () => {
    const { world, spoke } = aWorld();
    const { kustomize, ...settings } = defaultFluxSettings();
    world.settings = { ...settings, kustomize: { ...kustomize, defaultServiceAccount: "default" } };
    await world.run();
    expect(users(spoke)).toEqual(["system:serviceaccount:apps:default"]);
  });

  it("enters a cluster of the fleet as Flux' controller is there, and wakes Flux objects in that cluster", async () => {
    const { world, spoke } = aWorld(byConfigMap, configMap({ provider: "aws", cluster: arn }));
    const child = {
      apiVersion: self.apiVersion,
      kind: self.kind,
      metadata: { name: "child", namespace: "apps" },
      spec: {},
    };
    world.git.yaml = yamlOf(child);
    await world.run();
    expect(users(spoke)).toEqual(["system:serviceaccount:flux-system:kustomize-controller"]);
    expect(world.told).toContain(`trigger ${arn} Kustomization/apps/child applied`);
  });

  it("wakes nobody for Flux objects in a cluster that is not of the fleet", async () => {
    const { world } = aWorld();
    const child = {
      apiVersion: self.apiVersion,
      kind: self.kind,
      metadata: { name: "child", namespace: "apps" },
      spec: {},
    };
    world.git.yaml = yamlOf(child);
    await world.run();
    expect(world.told).toEqual(["ready"]);
  });

  it("keeps what it knows by the API server that it applied to", async () => {
    const { world, spoke } = aWorld();
    await world.run();
    const uid = spoke.find({ apiVersion: "v1", kind: "Namespace", name: "kube-system" })?.metadata.uid ?? "";
    expect(Object.keys((await world.state(uid)).objects)).toEqual([configId("a").id]);
    expect((await world.state()).objects).toEqual({});
  });

  it.each<[string, Readonly<Record<string, unknown>>, readonly KubeObject[], string]>([
    [
      "a Secret that is not there",
      bySecret,
      [space],
      `unable to read KubeConfig secret 'apps/remote' error: secrets "remote" not found`,
    ],
    [
      "a Secret without the key",
      bySecret,
      [secret({ config: "" })],
      "KubeConfig secret 'apps/remote' does not contain a 'value' key with a kubeconfig",
    ],
    [
      "a Secret without the key that is named",
      { kubeConfig: { secretRef: { name: "remote", key: "config" } } },
      [secret()],
      "KubeConfig secret 'apps/remote' does not contain a 'config' key with a kubeconfig",
    ],
    [
      "a kubeconfig that is refused",
      bySecret,
      [secret({ value: base64("elsewhere") })],
      "invalid KubeConfig in secret 'apps/remote': there is no cluster elsewhere",
    ],
    [
      "a ConfigMap that is not there",
      byConfigMap,
      [space],
      `failed to get configmap apps/remote: configmaps "remote" not found`,
    ],
    ["a ConfigMap without a provider", byConfigMap, [configMap({})], "provider '' not implemented"],
    [
      "another provider",
      byConfigMap,
      [configMap({ provider: "generic" })],
      "provider 'generic' of ConfigMap 'apps/remote' is not supported: 'aws' is, or a kubeconfig in a Secret",
    ],
    [
      "an address of somebody's choice",
      byConfigMap,
      [configMap({ provider: "aws", cluster: arn, address: "https://evil.example.com" })],
      "ConfigMap 'apps/remote' has the key 'address', which is not supported: the cluster is entered with the engine's own role, at the address that EKS tells; remove the key",
    ],
    [
      "a cluster that is not in the fleet",
      byConfigMap,
      [configMap({ provider: "aws", cluster: "arn:other" })],
      "there is no cluster arn:other",
    ],
  ])("says what is wrong with %s, and is retried", async (_, spec, objects, message) => {
    const { world, spoke } = aWorld(spec, ...objects);
    expect(await world.run()).toMatchObject({ kind: "retrying" });
    expect(world.condition("Ready")?.slice(0, 2)).toEqual(["False", "ReconciliationFailed"]);
    // What is added to Flux's words stands behind a dash.
    expect(world.condition("Ready")?.[2]?.split(" — ")[0]).toBe(message);
    expect(world.events.at(-1)?.message).toMatch(/^failed to build kube client: /);
    expect(world.condition("Reconciling")?.[2]).toMatch(/^Building manifests for revision main@sha1:one/);
    expect(world.status().lastAttemptedRevision).toBe("main@sha1:one");
    expect(world.builds).toEqual([]);
    expect(spoke.sent).toEqual([]);
  });

  it("does not enter as the engine where a flag asks for a ServiceAccount's identity", async () => {
    const { world, spoke } = aWorld(byConfigMap, configMap({ provider: "aws", cluster: arn }));
    const { kustomize, ...settings } = defaultFluxSettings();
    world.settings = { ...settings, kustomize: { ...kustomize, defaultKubeConfigServiceAccount: "remote" } };
    await world.run();
    expect(world.condition("Ready")?.[2]).toMatch(/--default-kubeconfig-service-account/);
    expect(spoke.sent).toEqual([]);
  });

  it("takes value.yaml where there is no value", async () => {
    const { world, spoke } = aWorld(bySecret, secret({ "value.yaml": base64("spoke") }));
    await world.run();
    expect(spoke.find(configRef("a"))).toBeDefined();
  });

  it("says that the spoke cannot be reached, and keeps the inventory and what it knew", async () => {
    const { world, spoke } = aWorld();
    await world.run();
    const uid = spoke.find({ apiVersion: "v1", kind: "Namespace", name: "kube-system" })?.metadata.uid ?? "";
    const before = await world.state(uid);
    spoke.failNext(
      "get Namespace/kube-system",
      new KubeError(0, "Unreachable", "API server https://x cannot be reached: ETIMEDOUT"),
    );
    expect(await world.run()).toMatchObject({ kind: "retrying" });
    expect(world.condition("Ready")?.[2]).toBe(
      "the cluster of KubeConfig secret 'apps/remote' cannot be used: API server https://x cannot be reached: ETIMEDOUT",
    );
    expect(world.inventory()).toEqual([configId("a").id]);
    expect(await world.state(uid)).toEqual(before);
  });

  it("applies all of it to a server that is another one than before", async () => {
    const { world, clusters } = aWorld();
    const other = createMemoryCluster({ objects: [{ ...space, metadata: { name: "older" } }, space] });
    world.git.yaml = yamlOf(config("a"), config("b"));
    await world.run();
    clusters.spoke = other;
    world.request("now");
    expect(await world.run()).toMatchObject({ kind: "ready" });
    expect(other.find(configRef("a"))).toBeDefined();
    expect(other.find(configRef("b"))).toBeDefined();
  });

  it("tells a failure without its cause when the spoke is lost meanwhile", async () => {
    const { world, spoke } = aWorld({ ...bySecret, wait: true });
    world.git.yaml = yamlOf(deployment("web"));
    await world.run();
    spoke.edit(
      { ...configRef("web"), apiVersion: "apps/v1", kind: "Deployment" },
      {
        status: {
          conditions: [{ type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded", message: "no" }],
        },
      },
    );
    const look = spoke.get;
    let looks = 0;
    Object.assign(spoke, {
      get: async (ref: ObjectRef) => {
        if (ref.kind === "Deployment" && (looks += 1) > 1) throw new KubeError(0, "Unreachable", "no answer");
        return await look(ref);
      },
    });
    world.request("now");
    expect(await world.run()).toMatchObject({ kind: "retrying" });
    expect(world.condition("Ready")?.[1]).toBe("HealthCheckFailed");
  });

  it("applies where it may not look at kube-system", async () => {
    const { world, spoke } = aWorld();
    spoke.failNext("get Namespace/kube-system", new KubeError(403, "Forbidden", "no"));
    expect(await world.run()).toMatchObject({ kind: "ready" });
    expect(Object.keys((await world.state("by spoke")).objects)).toEqual([configId("a").id]);
  });

  it("takes no Kustomization of the hub for the owner that a label of the spoke names", async () => {
    const { world, spoke } = aWorld();
    const owner = { "kustomize.toolkit.fluxcd.io/name": "other", "kustomize.toolkit.fluxcd.io/namespace": "apps" };
    spoke.put(owned(config("a"), owner));
    const other = (spec: Readonly<Record<string, unknown>>, entries: readonly unknown[]) =>
      world.cluster.put({
        ...self,
        metadata: { name: "other", namespace: "apps" },
        spec: { sourceRef: { kind: "GitRepository", name: "elsewhere" }, ...spec },
        status: { inventory: { entries } },
      });
    other({}, [configId("a")]);
    await world.run();
    const conflicts = () => world.events.filter(({ reason }) => reason === "OwnershipConflict");
    expect(conflicts()).toEqual([]);

    spoke.put(owned(config("a", "2"), owner));
    other(bySecret, []);
    world.request("1");
    await world.run();
    expect(conflicts()).toEqual([]);

    spoke.put(owned(config("a", "3"), owner));
    other(bySecret, [configId("a")]);
    world.request("2");
    await world.run();
    expect(conflicts()).toHaveLength(1);
  });
});

describe("a Kustomization with a kubeConfig that is deleted", () => {
  const remove = (world: ReturnType<typeof aWorld>["world"]) =>
    void world.cluster.edit(self, { metadata: { deletionTimestamp: "2026-01-01T10:00:00Z" } });

  it("deletes in the spoke, by its inventory", async () => {
    const { world, spoke } = aWorld();
    await world.run();
    spoke.put(owned(config("theirs")));
    world.cluster.put(owned(config("a")));
    remove(world);
    expect(await world.run()).toEqual({ kind: "gone" });
    expect(spoke.find(configRef("a"))).toBeUndefined();
    expect(spoke.find(configRef("theirs"))).toBeDefined();
    expect(world.cluster.find(configRef("a"))).toBeDefined();
  });

  it("stays while the spoke cannot be reached, and says how to let it go", async () => {
    const { world, spoke } = aWorld();
    await world.run();
    remove(world);
    spoke.failNext("get ConfigMap", new KubeError(0, "Unreachable", "no answer"));
    expect(await world.run()).toEqual({ kind: "retrying", afterSeconds: 60 });
    expect(world.events.at(-1)?.message).toBe(
      "its objects cannot be deleted: the cluster of KubeConfig secret 'apps/remote' cannot be used: no answer; set spec.suspend to leave them where they are",
    );
    expect(world.object().metadata.finalizers).toEqual(["finalizers.fluxcd.io"]);

    world.cluster.edit(self, { spec: { suspend: true } });
    expect(await world.run()).toEqual({ kind: "gone" });
    expect(spoke.find(configRef("a"))).toBeDefined();
  });
});
