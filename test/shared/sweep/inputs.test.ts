import { describe, expect, it } from "vitest";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { defaultFluxSettings } from "../../../shared/config/flux-settings.ts";
import { KubeError } from "../../../shared/kubernetes/cluster.ts";
import { fluxObjects } from "../../../shared/sweep/due.ts";
import { listing } from "../../fakes/followers.ts";
import { findChangedInputs, type InputVersions } from "../../../shared/sweep/inputs.ts";
import { createMemoryCluster } from "../../fakes/memory-cluster.ts";

const watch = { "reconcile.fluxcd.io/watch": "Enabled" };

const kustomization = (spec: object): KubeObject => ({
  apiVersion: "kustomize.toolkit.fluxcd.io/v1",
  kind: "Kustomization",
  metadata: { name: "shop", namespace: "apps" },
  spec,
});
const input = (kind: string, name: string, labels: Readonly<Record<string, string>> = watch): KubeObject => ({
  apiVersion: "v1",
  kind,
  metadata: { name, namespace: "apps", labels },
  data: { a: "1" },
});
const substituteFrom = { postBuild: { substituteFrom: [{ kind: "ConfigMap", name: "settings" }] } };

function aWorld(spec: object = substituteFrom, inputs: readonly KubeObject[] = [input("ConfigMap", "settings")]) {
  const cluster = createMemoryCluster({});
  inputs.forEach((object) => cluster.put(object));
  cluster.forgetRequests();
  const object = kustomization(spec);
  const settings = defaultFluxSettings();
  return {
    cluster,
    object,
    look: (before: InputVersions = {}, wanted = settings) =>
      findChangedInputs(fluxObjects("one", [object]), before, { follower: listing(cluster), settings: wanted }),
  };
}

describe("findChangedInputs", () => {
  it("finds nothing where nothing changed since the last look", async () => {
    const { look } = aWorld();
    const first = await look();

    expect(first.changed).toEqual([fluxKey()]);
    expect(await look(first.versions)).toEqual({ changed: [], versions: first.versions, unseen: [] });
  });

  it.each<[string, object, string]>([
    ["variables", substituteFrom, "ConfigMap"],
    ["variables of a Secret", { postBuild: { substituteFrom: [{ kind: "Secret", name: "settings" }] } }, "Secret"],
    ["keys", { decryption: { secretRef: { name: "settings" } } }, "Secret"],
    ["a kubeconfig", { kubeConfig: { secretRef: { name: "settings" } } }, "Secret"],
    ["a cluster", { kubeConfig: { configMapRef: { name: "settings" } } }, "ConfigMap"],
    ["credentials", { secretRef: { name: "settings" } }, "Secret"],
  ])("finds that the object with %s was edited", async (_, spec, kind) => {
    const { look, cluster } = aWorld(spec, [input(kind, "settings")]);
    const { versions } = await look();
    const ref = { apiVersion: "v1", kind, namespace: "apps", name: "settings" };
    cluster.edit(ref, { data: { a: "2" } });

    expect((await look(versions)).changed).toEqual([fluxKey()]);
  });

  it("finds one that came, and one that went", async () => {
    const { look, cluster } = aWorld(substituteFrom, []);
    const none = await look();
    cluster.put(input("ConfigMap", "settings"));
    const came = await look(none.versions);
    cluster.remove({ apiVersion: "v1", kind: "ConfigMap", namespace: "apps", name: "settings" });

    expect([none.changed, came.changed]).toEqual([[], [fluxKey()]]);
    expect(await look(came.versions)).toEqual({ changed: [fluxKey()], versions: {}, unseen: [] });
  });

  it("leaves alone what has no label, what is suspended, and what is going", async () => {
    const { look } = aWorld(substituteFrom, [input("ConfigMap", "settings", { other: "Enabled" })]);
    const suspended = aWorld({ ...substituteFrom, suspend: true });

    expect(await look()).toEqual({ changed: [], versions: {}, unseen: [] });
    expect(await suspended.look()).toEqual({ changed: [], versions: {}, unseen: [] });
  });

  it("asks once per kind that is referred to, and for metadata", async () => {
    const nothing = aWorld({});
    const some = aWorld();
    await nothing.look();
    await some.look();

    expect(nothing.cluster.requests).toEqual([]);
    expect(some.cluster.requests).toHaveLength(1);
  });

  it("watches what the controller's flag selects", async () => {
    const settings = defaultFluxSettings();
    const all = { ...settings, kustomize: { ...settings.kustomize, watchConfigsLabelSelector: "owner!=helm" } };
    const { look } = aWorld(substituteFrom, [input("ConfigMap", "settings", {})]);

    expect((await look({}, all)).changed).toEqual([fluxKey()]);
  });

  it("remembers what each controller's selector shows, where they differ", async () => {
    const cluster = createMemoryCluster({});
    cluster.put(input("Secret", "settings", { owner: "team" }));
    const settings = defaultFluxSettings();
    const wanted = { ...settings, source: { ...settings.source, watchConfigsLabelSelector: "owner=team" } };
    const source: KubeObject = {
      apiVersion: "source.toolkit.fluxcd.io/v1",
      kind: "GitRepository",
      metadata: { name: "shop", namespace: "apps" },
      spec: { secretRef: { name: "settings" } },
    };
    const objects = fluxObjects("one", [kustomization({ decryption: { secretRef: { name: "settings" } } }), source]);
    const look = (before: InputVersions) =>
      findChangedInputs(objects, before, { follower: listing(cluster), settings: wanted });

    const first = await look({});
    expect(first.changed).toEqual([objects.find(({ object }) => object.kind === "GitRepository")?.key]);
    expect((await look(first.versions)).changed).toEqual([]);
  });

  it("sees ConfigMaps where Secrets cannot be listed, and keeps what it knew of those", async () => {
    const both = { ...substituteFrom, decryption: { secretRef: { name: "keys" } } };
    const { look, cluster } = aWorld(both, [input("ConfigMap", "settings"), input("Secret", "keys")]);
    const { versions } = await look();
    cluster.edit({ apiVersion: "v1", kind: "ConfigMap", namespace: "apps", name: "settings" }, { data: { a: "2" } });
    cluster.failNext("list Secret", new KubeError(403, "Forbidden", "secrets is forbidden"));

    const during = await look(versions);

    expect([during.changed, during.unseen]).toEqual([[fluxKey()], ["Secret: secrets is forbidden"]]);
    expect(await look(during.versions)).toEqual({ changed: [], versions: during.versions, unseen: [] });
  });

  it.each([0, 401])("fails where the server cannot be asked at all (%s)", async (code) => {
    const { look, cluster } = aWorld();
    cluster.failNext("list ConfigMap", new KubeError(code, "", "no"));
    await expect(look()).rejects.toMatchObject({ code });
  });

  it("watches nothing with the gate DisableConfigWatchers", async () => {
    const settings = defaultFluxSettings();
    const { kustomize } = settings;
    const off = {
      ...settings,
      kustomize: { ...kustomize, gates: { ...kustomize.gates, DisableConfigWatchers: true } },
    };
    const { look, cluster } = aWorld();

    expect(await look({}, off)).toEqual({ changed: [], versions: {}, unseen: [] });
    expect(cluster.requests).toEqual([]);
  });
});

const fluxKey = () => fluxObjects("one", [kustomization({})])[0]?.key;
