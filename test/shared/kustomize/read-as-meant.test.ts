import { describe, expect, it } from "vitest";

import type { KubeObject, ObjectRef } from "../../../shared/api/kube-object.ts";
import { aKustomizeWorld, self, yamlOf } from "./kustomize-world.ts";

const sourceRef = { kind: "GitRepository", name: "shop" };
const child = (spec: Readonly<Record<string, unknown>>, apiVersion = self.apiVersion): KubeObject => ({
  apiVersion,
  kind: "Kustomization",
  metadata: { name: "child", namespace: "apps" },
  spec: { interval: "1m", sourceRef, ...spec },
});
const childRef: ObjectRef = { ...self, name: "child" };
const release = (apiVersion: string, spec: Readonly<Record<string, unknown>>): KubeObject => ({
  apiVersion,
  kind: "HelmRelease",
  metadata: { name: "redis", namespace: "apps" },
  spec,
});
const releaseRef: ObjectRef = {
  apiVersion: "helm.toolkit.fluxcd.io/v2",
  kind: "HelmRelease",
  namespace: "apps",
  name: "redis",
};

const definition = (group: string, kind: string, plural: string, ...versions: readonly string[]): KubeObject => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `${plural}.${group}` },
  spec: {
    group,
    names: { kind, plural },
    scope: "Namespaced",
    versions: versions.map((name) => ({ name, served: true })),
  },
  status: { conditions: [{ type: "Established", status: "True" }] },
});

const warningsOf = (world: ReturnType<typeof aKustomizeWorld>) =>
  world.events.filter(({ reason }) => reason === "ReadAsMeant").map(({ message }) => message);

describe("an object of a version that is served no more", () => {
  it("is applied as the version that is, its patches included, with one warning a revision", async () => {
    const world = aKustomizeWorld();
    world.git.yaml = yamlOf(
      child(
        {
          prune: true,
          validation: "client",
          patchesStrategicMerge: [{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" }, data: { a: "b" } }],
          patches: [{ patch: "second" }],
          patchesJson6902: [{ target: { kind: "Service" }, patch: [{ op: "remove", path: "/spec/type" }] }],
        },
        "kustomize.toolkit.fluxcd.io/v1beta2",
      ),
    );

    expect(await world.run()).toMatchObject({ kind: "ready" });

    expect(world.cluster.find(childRef)?.spec).toEqual({
      interval: "1m",
      sourceRef,
      prune: true,
      patches: [
        { patch: '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"a":"b"}}' },
        { patch: "second" },
        { patch: '[{"op":"remove","path":"/spec/type"}]', target: { kind: "Service" } },
      ],
    });
    expect(world.status().inventory?.entries).toEqual([
      { id: "apps_child_kustomize.toolkit.fluxcd.io_Kustomization", v: "v1" },
    ]);
    const warning =
      "Kustomization/apps/child: kustomize.toolkit.fluxcd.io/v1beta2 is served no more and read as kustomize.toolkit.fluxcd.io/v1, " +
      "spec.validation is left out, patchesStrategicMerge and patchesJson6902 are read as patches: run flux migrate -f . in the repository";
    expect(warningsOf(world)).toEqual([warning]);
    expect(world.told).toContain("trigger Kustomization/apps/child applied");

    world.cluster.forgetRequests();
    await world.run();
    expect(warningsOf(world)).toEqual([warning]);
    expect(world.cluster.requests).not.toContain("dry-run Kustomization/apps/child");

    world.git = { ...world.git, revision: "main@sha1:two", closure: "closure-2" };
    await world.run();
    expect(warningsOf(world)).toEqual([warning, warning]);
  });

  it("is applied as it is where the cluster serves it, as by Flux", async () => {
    const world = aKustomizeWorld();
    const group = "notification.toolkit.fluxcd.io";
    world.cluster.put(definition(group, "Alert", "alerts", "v1beta3", "v1"));
    const alert = {
      apiVersion: `${group}/v1beta3`,
      kind: "Alert",
      metadata: { name: "a", namespace: "apps" },
      spec: { summary: "s" },
    };
    world.git.yaml = yamlOf(alert);
    await world.run();
    expect(world.cluster.find({ ...alert, name: "a", namespace: "apps" })?.spec).toEqual({ summary: "s" });
    expect(world.status().inventory?.entries[0]?.v).toBe("v1beta3");
    expect(warningsOf(world)).toEqual([]);
  });

  it("follows the definition of the same build before that of the cluster", async () => {
    const world = aKustomizeWorld();
    const group = "notification.toolkit.fluxcd.io";
    const alert = {
      apiVersion: `${group}/v1beta2`,
      kind: "Alert",
      metadata: { name: "a", namespace: "apps" },
      spec: { summary: "s" },
    };
    world.git.yaml = yamlOf(definition(group, "Alert", "alerts", "v1"), alert);
    expect(await world.run()).toMatchObject({ kind: "ready" });
    const found = world.cluster.find({ apiVersion: `${group}/v1`, kind: "Alert", name: "a", namespace: "apps" });
    expect(found?.spec).toEqual({ eventMetadata: { summary: "s" } });
  });

  it("is refused in Flux's words where no version of the kind is served", async () => {
    const world = aKustomizeWorld();
    world.git.yaml = yamlOf({ ...child({}), apiVersion: "image.toolkit.fluxcd.io/v1beta2", kind: "ImagePolicy" });
    expect(await world.run()).toMatchObject({ kind: "retrying" });
    expect(world.condition("Ready")?.[2]).toMatch(
      /no matches for kind "ImagePolicy" in version "image\.toolkit\.fluxcd\.io\/v1beta2" — the cluster has no definition/,
    );
  });

  it.each<[string, KubeObject, KubeObject["spec"]]>([
    [
      "HelmRelease",
      release("helm.toolkit.fluxcd.io/v2beta1", {
        interval: "1m",
        chart: { spec: { chart: "a", valuesFile: "a.yaml", valuesFiles: ["b.yaml"] } },
        postRenderers: [{ kustomize: { patchesStrategicMerge: [{ kind: "A" }], images: [] } }],
      }),
      {
        interval: "1m",
        chart: { spec: { chart: "a", valuesFiles: ["a.yaml", "b.yaml"] } },
        postRenderers: [{ kustomize: { images: [], patches: [{ patch: '{"kind":"A"}' }] } }],
      },
    ],
    [
      "GitRepository",
      {
        apiVersion: "source.toolkit.fluxcd.io/v1beta1",
        kind: "GitRepository",
        metadata: { name: "redis", namespace: "apps" },
        spec: { url: "https://example.com/a", interval: "1m", gitImplementation: "libgit2", accessFrom: {} },
      },
      { url: "https://example.com/a", interval: "1m" },
    ],
  ])("has the fields of the new one: %s", async (kind, object, spec) => {
    const world = aKustomizeWorld();
    world.git.yaml = yamlOf(object);
    expect(await world.run()).toMatchObject({ kind: "ready" });
    const apiVersion = kind === "HelmRelease" ? releaseRef.apiVersion : "source.toolkit.fluxcd.io/v1";
    expect(world.cluster.find({ ...releaseRef, apiVersion, kind })?.spec).toEqual(spec);
  });
});

describe("a misprint", () => {
  it("of a HelmRelease's group is read as meant", async () => {
    const world = aKustomizeWorld();
    world.git.yaml = yamlOf(release("source.toolkit.fluxcd.io/v1", { chart: {} }));

    expect(await world.run()).toMatchObject({ kind: "ready" });

    expect(world.cluster.find(releaseRef)?.spec).toEqual({ chart: {}, interval: "10m" });
    expect(warningsOf(world)).toEqual([
      "HelmRelease/apps/redis: apiVersion source.toolkit.fluxcd.io/v1 is read as helm.toolkit.fluxcd.io/v2; " +
        "spec.interval is missing and read as 10m: correct the repository",
    ]);
    expect(world.events.find(({ reason }) => reason === "ReadAsMeant")?.type).toBe("Warning");
  });

  it("of postBuild is read as meant, on each run", async () => {
    const world = aKustomizeWorld();
    world.git.yaml = yamlOf(child({ prune: true, postBuildSubstitute: { CLUSTER_REGION: "us-east-2" } }));
    await world.run();
    world.cluster.edit(childRef, { spec: { postBuild: null } });
    world.request("now");
    await world.run();
    const spec = world.cluster.find(childRef)?.spec as { readonly postBuild?: unknown };
    expect(spec).not.toHaveProperty("postBuildSubstitute");
    expect(spec.postBuild).toEqual({ substitute: { CLUSTER_REGION: "us-east-2" } });
    expect(warningsOf(world)[0]).toBe(
      "Kustomization/apps/child: spec.postBuildSubstitute is read as spec.postBuild.substitute: correct the repository",
    );
  });

  it("beside the right field is left to the API server", async () => {
    const world = aKustomizeWorld();
    const spec = { prune: true, postBuild: { substitute: {} }, postBuildSubstitute: { a: "b" } };
    world.git.yaml = yamlOf(child(spec));
    await world.run();
    expect(world.cluster.find(childRef)?.spec).toMatchObject(spec);
  });

  it("that leaves prune out prunes nothing", async () => {
    const world = aKustomizeWorld();
    world.git.yaml = yamlOf(child({}));
    await world.run();
    expect(world.cluster.find(childRef)?.spec).toMatchObject({ prune: false });
    expect(warningsOf(world)[0]).toContain("spec.prune is missing and read as false");
  });

  it("of an ignore pattern is told, and the pattern left as it is", async () => {
    const world = aKustomizeWorld();
    const ignore = "# https://example.com\n/**//*.md\n";
    const spec = { url: "https://example.com/a", interval: "1m", ignore };
    world.git.yaml = yamlOf({ ...child({}), apiVersion: "source.toolkit.fluxcd.io/v1", kind: "GitRepository", spec });
    await world.run();
    expect(warningsOf(world)).toEqual([
      "GitRepository/apps/child: the pattern /**//*.md of spec.ignore matches nothing, /**/*.md would: correct the repository",
    ]);
  });

  it("is none: nothing is told, and the object not parsed again", async () => {
    const world = aKustomizeWorld();
    world.git.yaml = yamlOf(child({ prune: true }), release("helm.toolkit.fluxcd.io/v2", { interval: "1m" }));
    await world.run();
    expect(warningsOf(world)).toEqual([]);
  });
});
