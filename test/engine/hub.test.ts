/** Hub mode on two sandbox clusters: what lives in the hub is applied to a spoke, and stays apart from what is there. */
import { createServer } from "node:net";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createSandbox, type Sandbox, type SandboxAddress } from "../../local/sandbox/create-sandbox.ts";
import type { KubeObject } from "../../shared/api/kube-object.ts";
import { createCluster, type OpenCluster } from "../../shared/kubernetes/create-cluster.ts";
import { configMap, kustomization, namespace, push, statusOfKustomization } from "./cases/deploy.ts";
import { createLiveWorld, type LiveWorld } from "./live-world.ts";

const kubeConfig = { secretRef: { name: "spoke" } };
const owner = { "kustomize.toolkit.fluxcd.io/name": "remote", "kustomize.toolkit.fluxcd.io/namespace": "flux-system" };

let sandboxes: readonly Sandbox[];
let world: LiveWorld;
let spoke: OpenCluster;
let address: SandboxAddress;

beforeAll(async () => {
  const [hub, other] = (sandboxes = [createSandbox(), createSandbox()]) as [Sandbox, Sandbox];
  const { url, caPem, adminToken } = await hub.start();
  address = await other.start();
  world = await createLiveWorld({ server: url, ca: caPem, token: async () => adminToken });
  spoke = createCluster({ server: address.url, ca: address.caPem, token: async () => address.adminToken });
  world.repository.commit({
    "clusters/production/remote.yaml": kustomization("remote", "./remote", { kubeConfig }),
    "remote/ns.yaml": namespace("shop"),
    "remote/settings.yaml": configMap("settings", "shop", { color: "green" }),
  });
  await world.sweep();
}, 60_000);

afterAll(async () => {
  await world.close();
  await spoke.close();
  await Promise.all(sandboxes.map((sandbox) => sandbox.stop()));
});

const ref = (name: string) => ({ apiVersion: "v1", kind: "ConfigMap", namespace: "shop", name });
const secret = (name: string, text: string): KubeObject => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name, namespace: "flux-system" },
  data: { value: Buffer.from(text).toString("base64") },
});
const submit = (object: KubeObject) => world.cluster.apply(object, { fieldManager: "test", force: true });
const reconcile = () => world.trigger("Kustomization", "remote");
const ready = async (name = "remote") => (await statusOfKustomization(world, name)).ready;

describe("a Kustomization with a kubeConfig", () => {
  it("says that its Secret is missing, and applies nothing meanwhile", async () => {
    expect(await ready()).toMatchObject({
      status: "False",
      reason: "ReconciliationFailed",
      message: `unable to read KubeConfig secret 'flux-system/spoke' error: secrets "spoke" not found — make the Secret spoke in flux-system, with a kubeconfig under the key value, or correct spec.kubeConfig.secretRef`,
    });
    expect((await statusOfKustomization(world, "remote")).status.lastAttemptedRevision).toMatch(/^main@sha1:/);
    expect(await world.cluster.get(ref("settings"))).toBeUndefined();
  });

  it("is applied to the spoke, and its status stays in the hub", async () => {
    await submit(secret("spoke", address.adminKubeconfig));
    await reconcile();

    expect(await ready()).toMatchObject({ status: "True" });
    expect((await spoke.get(ref("settings")))?.data).toEqual({ color: "green" });
    expect(await world.cluster.get(ref("settings"))).toBeUndefined();
    expect((await statusOfKustomization(world, "remote")).ids).toEqual([
      "_shop__Namespace",
      "shop_settings__ConfigMap",
    ]);
    const { items } = await world.cluster.list("v1", "Event", { namespace: "flux-system" });
    expect(items.map((event) => event.message)).toContain("Namespace/shop created\nConfigMap/shop/settings created");
  });

  it("is corrected by the sweep where somebody edits the spoke", async () => {
    await world.sweep();
    await spoke.mergePatch(ref("settings"), { data: { color: "red" } }, { fieldManager: "kubectl-edit" });
    await world.sweep();
    expect((await spoke.get(ref("settings")))?.data).toEqual({ color: "green" });

    await spoke.delete(ref("settings"));
    await world.sweep();
    expect((await spoke.get(ref("settings")))?.data).toEqual({ color: "green" });
  });

  it("costs no run while nothing moves", async () => {
    await world.sweep();
    const before = world.logs.length;
    await world.sweep();
    expect(world.logs.slice(before).filter(({ event }) => event === "moved" || event === "reconciled")).toEqual([]);
  });

  it("never touches what another Kustomization of the same name has in the spoke or in the hub", async () => {
    const labelled = (name: string): KubeObject => ({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name, namespace: "shop", labels: owner },
      data: { by: "another engine" },
    });
    await world.cluster.apply(
      { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } },
      { fieldManager: "t" },
    );
    await world.cluster.apply(labelled("theirs"), { fieldManager: "test" });
    await world.cluster.apply(labelled("extra"), { fieldManager: "test" });
    await spoke.apply(labelled("theirs"), { fieldManager: "test" });
    await push(world, { "remote/extra.yaml": configMap("extra", "shop", { a: "b" }) });
    expect(await spoke.get(ref("extra"))).toBeDefined();

    await push(world, { "remote/extra.yaml": null });
    await world.sweep();

    expect(await spoke.get(ref("extra"))).toBeUndefined();
    expect(await spoke.get(ref("theirs"))).toBeDefined();
    expect(await world.cluster.get(ref("theirs"))).toBeDefined();
    expect(await world.cluster.get(ref("extra"))).toBeDefined();
    expect(world.logs.filter(({ fields }) => fields.reason === "OwnershipConflict")).toEqual([]);
  });

  it("goes on beside Flux' controllers in the spoke: they serve what lives there", async () => {
    const labels = { "app.kubernetes.io/part-of": "flux", "app.kubernetes.io/component": "kustomize-controller" };
    const template = {
      metadata: { labels: { app: "kc" } },
      spec: { containers: [{ name: "manager", image: "kc:1" }] },
    };
    await spoke.apply(
      { apiVersion: "v1", kind: "Namespace", metadata: { name: "flux-system" } },
      { fieldManager: "t" },
    );
    await spoke.apply(
      {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name: "kustomize-controller", namespace: "flux-system", labels },
        spec: { replicas: 1, selector: { matchLabels: { app: "kc" } }, template },
      },
      { fieldManager: "test" },
    );
    await push(world, { "remote/settings.yaml": configMap("settings", "shop", { color: "blue" }) });
    expect((await spoke.get(ref("settings")))?.data).toEqual({ color: "blue" });
  });

  it.each([
    ["localhost", "True", /^Applied revision/],
    ["api.example.com", "False", /cannot be reached: ERR_TLS_CERT_ALTNAME_INVALID/],
  ])("verifies the server's certificate under the tls-server-name %s", async (name, status, message) => {
    const text = address.adminKubeconfig.replace("    server:", `    tls-server-name: ${name}\n    server:`);
    await submit(secret("spoke", text));
    await reconcile();
    const found = await ready();
    expect(found).toMatchObject({ status });
    expect(found?.message).toMatch(message);
  });

  it("waits with words while the spoke cannot be reached, and so does nobody else", async () => {
    const gone = createServer();
    const port = await new Promise<number>((resolve) =>
      gone.listen(0, "127.0.0.1", () => {
        resolve((gone.address() as { port: number }).port);
      }),
    );
    await new Promise((resolve) => gone.close(resolve));
    await submit(secret("spoke", address.adminKubeconfig.replaceAll(address.url, `https://127.0.0.1:${port}`)));
    await reconcile();

    expect(await ready()).toMatchObject({
      status: "False",
      reason: "ReconciliationFailed",
      message: `the cluster of KubeConfig secret 'flux-system/spoke' cannot be used: API server https://127.0.0.1:${port} cannot be reached: ECONNREFUSED`,
    });
    expect((await statusOfKustomization(world, "remote")).ids).toEqual([
      "_shop__Namespace",
      "shop_settings__ConfigMap",
    ]);
    await world.sweep();
    expect(world.logs.filter(({ event }) => event === "unreachable")).toEqual([]);

    await submit(secret("spoke", address.adminKubeconfig));
    await reconcile();
    expect(await ready()).toMatchObject({ status: "True" });
  });

  it("is kept when it is deleted while its Secret is gone, and deletes in the spoke when it is back", async () => {
    await world.cluster.delete({ apiVersion: "v1", kind: "Secret", namespace: "flux-system", name: "spoke" });
    await push(world, { "clusters/production/remote.yaml": null, "clusters/production/none.yaml": namespace("none") });
    await reconcile();
    const { object } = await statusOfKustomization(world, "remote");
    expect(object?.metadata.deletionTimestamp).toBeDefined();
    expect(world.logs.map(({ fields }) => fields.message)).toContain(
      `its objects cannot be deleted: unable to read KubeConfig secret 'flux-system/spoke' error: secrets "spoke" not found; set spec.suspend to leave them where they are`,
    );
    expect(await spoke.get(ref("settings"))).toBeDefined();

    await submit(secret("spoke", address.adminKubeconfig));
    await reconcile();

    expect((await statusOfKustomization(world, "remote")).object).toBeUndefined();
    expect(await spoke.get(ref("settings"))).toBeUndefined();
    expect(await world.cluster.get(ref("extra"))).toBeDefined();
  });
});
