/** A repository that was bootstrapped by Flux, on the sandbox cluster: its controllers rest, their flags are heeded. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { createSandbox, type Sandbox } from "../../local/sandbox/create-sandbox.ts";
import { configMap, kustomization, namespace, push, statusOfKustomization } from "./cases/deploy.ts";
import { createLiveWorld, type LiveWorld } from "./live-world.ts";

let sandbox: Sandbox;
let world: LiveWorld;

beforeEach(async () => {
  sandbox = createSandbox();
  const { url, caPem, adminToken } = await sandbox.start();
  world = await createLiveWorld({ server: url, ca: caPem, token: async () => adminToken });
}, 60_000);

afterEach(async () => {
  await world.close();
  await sandbox.stop();
});

function controller(...args: readonly string[]): string {
  const labels = { app: "kustomize-controller" };
  return JSON.stringify({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: {
      name: "kustomize-controller",
      namespace: "flux-system",
      labels: { "app.kubernetes.io/part-of": "flux", "app.kubernetes.io/component": "kustomize-controller" },
    },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          containers: [{ name: "manager", image: "ghcr.io/fluxcd/kustomize-controller:v1.9.5", args }],
        },
      },
    },
  });
}

/** A Kustomization in another namespace than the source that it refers to. */
function elsewhere(): string {
  const object = JSON.parse(kustomization("elsewhere", "./apps")) as { metadata: object; spec: { sourceRef: object } };
  const sourceRef = { ...object.spec.sourceRef, namespace: "flux-system" };
  return JSON.stringify({
    ...object,
    metadata: { name: "elsewhere", namespace: "tenant" },
    spec: { ...object.spec, sourceRef },
  });
}

const files = (...args: readonly string[]) => ({
  "clusters/production/gotk-components.yaml": controller(...args),
  "clusters/production/tenant.yaml": `${namespace("tenant")}\n---\n${elsewhere()}`,
  "apps/a.yaml": configMap("a", "tenant", {}),
});

const deployment = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  namespace: "flux-system",
  name: "kustomize-controller",
};

describe("a repository that was bootstrapped by Flux", () => {
  it("has its controllers applied, without replicas, and is not taken for a running Flux", async () => {
    world.repository.commit(files());
    await world.sweep();

    expect(await world.cluster.get(deployment)).toMatchObject({ spec: { replicas: 0 } });
    expect((await statusOfKustomization(world, "elsewhere", "tenant")).ready).toMatchObject({ status: "True" });
    await world.sweep();
    await push(world, { "apps/a.yaml": configMap("a", "tenant", { now: "1" }) });
    const a = await world.cluster.get({ apiVersion: "v1", kind: "ConfigMap", namespace: "tenant", name: "a" });
    expect(a?.data).toEqual({ now: "1" });
  });

  it("forbids what its flags forbid", async () => {
    world.repository.commit(files("--no-cross-namespace-refs=true"));
    await world.sweep();

    expect((await statusOfKustomization(world, "elsewhere", "tenant")).ready).toMatchObject({
      status: "False",
      reason: "AccessDenied",
      message: "can't access 'GitRepository/flux-system/flux-system', cross-namespace references have been blocked",
    });
  });

  it("is stopped as a whole by a flag that may forbid what nobody knows, until that is gone", async () => {
    world.repository.commit(files("--no-surprises=true"));
    await world.sweep();

    const { ready } = await statusOfKustomization(world, "flux-system");
    expect(ready).toMatchObject({ status: "False", reason: "FeatureNotSupported" });
    expect(ready?.message).toContain("no-surprises");
    expect(await world.cluster.get(deployment)).toBeUndefined();

    await push(world, files());
    await world.sweep();
    expect((await statusOfKustomization(world, "elsewhere", "tenant")).ready).toMatchObject({ status: "True" });
  });
});
