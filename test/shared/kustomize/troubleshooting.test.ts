/** Each row of a table of common errors, for which a user had to look up cause and cure: the condition now says both. */
import { describe, expect, it } from "vitest";

import { customResourceDefinitions } from "../../../shared/api/crd.ts";
import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { KubeError } from "../../../shared/kubernetes/cluster.ts";
import { aKustomizeWorld, config, configRef, deployment, owned, self, yamlOf } from "./kustomize-world.ts";

const failing = (kind: string, name: string, reason: string, message: string): KubeObject => ({
  apiVersion: kind === "Kustomization" ? self.apiVersion : "source.toolkit.fluxcd.io/v1",
  kind,
  metadata: { name, namespace: "apps" },
  spec: { interval: "1m", prune: true, sourceRef: { kind: "GitRepository", name: "shop" } },
  status: { conditions: [{ type: "Ready", status: "False", reason, message }] },
});
const helmRelease: KubeObject = {
  apiVersion: "helm.toolkit.fluxcd.io/v3",
  kind: "HelmRelease",
  metadata: { name: "redis", namespace: "apps" },
  spec: { interval: "1m" },
};
const pod = (status: Readonly<Record<string, unknown>>, created = "2026-01-01T10:00:00Z"): KubeObject => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web-xyz", namespace: "apps", labels: { app: "web" }, creationTimestamp: created },
  status,
});

describe("the condition makes the table unnecessary where", () => {
  it("an artifact cannot be fetched: it says what is wrong with the source", async () => {
    const world = aKustomizeWorld();
    world.git.revision = undefined;
    world.cluster.put(
      failing("GitRepository", "shop", "GitOperationFailed", "unable to clone: authentication required"),
    );

    expect(await world.run()).toMatchObject({ kind: "waiting" });

    expect(world.condition("Ready")).toEqual([
      "False",
      "ArtifactFailed",
      "Source artifact not found, retrying in 30s — GitRepository/apps/shop is not ready: GitOperationFailed: unable to clone: authentication required",
    ]);
  });

  it("a resource exists already and is somebody else's: a warning names both owners", async () => {
    const world = aKustomizeWorld();
    world.cluster.put({
      ...failing("Kustomization", "base", "", ""),
      spec: { sourceRef: { kind: "GitRepository", name: "b" } },
    });
    const labels = { "kustomize.toolkit.fluxcd.io/name": "base", "kustomize.toolkit.fluxcd.io/namespace": "apps" };
    world.cluster.put(owned(config("a", "theirs"), labels));
    world.git.yaml = yamlOf(config("a"));

    await world.run();

    expect(world.events.map(({ message }) => message)).toContain(
      "ConfigMap/apps/a is owned by Kustomization/apps/base and wanted by Kustomization/apps/shop: remove it from one of the two",
    );
  });

  it("a Deployment does not become ready: it says what its Pod waits for", async () => {
    const world = aKustomizeWorld({ wait: true, timeout: "30s" });
    world.git.yaml = yamlOf(deployment("web"));
    const outcome = await world.run();
    const state = { waiting: { reason: "ImagePullBackOff", message: 'Back-off pulling image "myorg/web:bad"' } };
    world.cluster.put(
      pod({ phase: "Pending", containerStatuses: [{ name: "web", image: "myorg/web:bad", ready: false, state }] }),
    );
    world.clock.advance(60_000);

    await world.run(outcome.kind === "health" ? { ...outcome.phase } : {});

    expect(world.condition("Ready")?.[2]).toMatch(
      /^health check failed after \S+: timeout waiting for: \[Deployment\/apps\/web status: 'InProgress'\] — Deployment\/apps\/web: Pod web-xyz: container web: ImagePullBackOff: Back-off pulling image "myorg\/web:bad"$/,
    );
  });

  it("the account may not read Pods: Flux's words are what there is", async () => {
    const isAllowed = (_: string, verb: string, { kind }: { readonly kind: string }) =>
      verb !== "list" || kind !== "Pod";
    const world = aKustomizeWorld({ wait: true, timeout: "30s" }, { isAllowed });
    world.git.yaml = yamlOf(deployment("web"));
    world.cluster.failNext("list Pod", new KubeError(403, "Forbidden", "no"));
    await world.run();
    expect(world.condition("Ready")?.[2]).not.toContain("—");
  });

  it("a child Kustomization is what fails: it says the child's own reason", async () => {
    const healthChecks = [{ apiVersion: self.apiVersion, kind: "Kustomization", name: "base", namespace: "apps" }];
    const world = aKustomizeWorld({ healthChecks, timeout: "30s" });
    const child = failing("Kustomization", "base", "BuildFailed", "kustomize build failed");
    const stalled = { type: "Stalled", status: "True", reason: "BuildFailed", message: "kustomize build failed" };
    world.cluster.put({ ...child, status: { conditions: [stalled, { ...stalled, type: "Ready", status: "False" }] } });

    await world.run();

    expect(world.condition("Ready")?.[2]).toMatch(/ — Kustomization\/apps\/base: BuildFailed: kustomize build failed$/);
  });

  it("decryption is asked for and not built: it names the field", async () => {
    const world = aKustomizeWorld({ decryption: { provider: "sops", secretRef: { name: "sops-age" } } });
    await world.run();
    const [, reason, message] = world.condition("Ready") ?? [];
    if (reason === "FeatureNotSupported") expect(message).toMatch(/does not support decryption: remove the field/);
  });

  it("a dependency is not ready: it says which, and the dependency's own reason", async () => {
    const world = aKustomizeWorld({ dependsOn: [{ name: "base" }] });
    world.cluster.put(failing("Kustomization", "base", "BuildFailed", "kustomize build failed:\nno such file"));

    await world.run();

    expect(world.condition("Ready")).toEqual([
      "False",
      "DependencyNotReady",
      "dependency 'apps/base' is not ready — BuildFailed: kustomize build failed:; no such file",
    ]);
  });

  it("a dependency of another namespace is not ready: its message stays there", async () => {
    const world = aKustomizeWorld({ dependsOn: [{ name: "base", namespace: "other" }] });
    const other = failing("Kustomization", "base", "BuildFailed", "their secret path");
    world.cluster.put({ ...other, metadata: { name: "base", namespace: "other" } });
    await world.run();
    expect(world.condition("Ready")?.[2]).toBe("dependency 'other/base' is not ready — BuildFailed");
  });

  it("the cluster drifted: an event names the object that was corrected", async () => {
    const world = aKustomizeWorld();
    world.git.yaml = yamlOf(config("a"));
    await world.run();
    world.events.splice(0);
    world.cluster.edit(configRef("a"), { data: { value: "by hand" } }, "kubectl-edit");

    await world.run();

    expect(world.events[0]?.message).toBe("ConfigMap/apps/a configured");
    expect(world.drifts).toEqual([1]);
  });

  it("no definition of a kind is there: it says what to install, and how to be first", async () => {
    const world = aKustomizeWorld();
    world.git.yaml = yamlOf(helmRelease);

    await world.run();

    expect(world.condition("Ready")?.[2]).toMatch(
      /no matches for kind "HelmRelease" in version "[^"]+" — the cluster has no definition of HelmRelease in helm\.toolkit\.fluxcd\.io at this version: add its CustomResourceDefinition \(Flux's are in flux-system\/gotk-components\.yaml\) to this Kustomization, or name the Kustomization that brings it in dependsOn$/,
    );
    expect(world.inventory()).toEqual([]);
  });
});

describe("bad input", () => {
  it("an unknown field of a kustomization.yaml is told once, and what the renderer says comes as it is", async () => {
    const world = aKustomizeWorld();
    world.git.yaml = yamlOf(config("a"));
    world.git.warnings = [
      { reason: "UnknownField", message: "first" },
      { reason: "UnknownField", message: "second" },
    ];
    await world.run();
    await world.run();
    const warned = world.events.filter(({ type }) => type === "Warning");
    expect(warned.map(({ reason, message }) => [reason, message])).toEqual([["UnknownField", "first\nsecond"]]);
  });

  it("an unknown field is named with the nearest known one, and nothing is written", async () => {
    const world = aKustomizeWorld();
    for (const definition of customResourceDefinitions()) world.cluster.put(definition);
    const child = {
      ...failing("Kustomization", "child", "", ""),
      spec: { interval: "1m", prune: true, postBiuld: {} },
    };
    const { status: _, ...manifest } = child as KubeObject;
    world.git.yaml = yamlOf(config("a"), manifest);
    const refusal = `failed to create typed patch object (apps/child; ${self.apiVersion}, Kind=Kustomization): .spec.postBiuld: field not declared in schema`;
    world.cluster.failNext("dry-run Kustomization/apps/child", new KubeError(500, "", refusal));

    expect(await world.run()).toMatchObject({ kind: "retrying" });

    expect(world.condition("Ready")?.[2]).toBe(
      `Kustomization/apps/child dry-run failed: ${refusal} — spec.postBiuld is unknown, did you mean spec.postBuild?`,
    );
    expect(world.inventory()).toEqual([]);
    expect(world.cluster.find(configRef("a"))).toBeUndefined();
  });

  it("an immutable field without force says how to replace the object", async () => {
    const world = aKustomizeWorld();
    world.git.yaml = yamlOf(config("a"));
    const refusal = new KubeError(
      422,
      "Invalid",
      'ConfigMap "a" is invalid: data: Forbidden: field is immutable when `immutable` is set',
    );
    world.cluster.failNext("dry-run ConfigMap/apps/a", refusal);

    await world.run();

    expect(world.condition("Ready")?.[2]).toMatch(
      / — set spec\.force: true, or the annotation kustomize\.toolkit\.fluxcd\.io\/force: enabled on the object,/,
    );
  });

  it("an expression that does not compile stalls, and nothing is written", async () => {
    const exprs = [{ apiVersion: "v1", kind: "ConfigMap", current: "status." }];
    const world = aKustomizeWorld({ wait: true, healthCheckExprs: exprs });
    world.git.yaml = yamlOf(config("a"));
    expect(await world.run()).toMatchObject({ kind: "stalled" });
    expect(world.condition("Stalled")?.[1]).toBe("InvalidCELExpression");
    expect(world.condition("Stalled")?.[2]).toMatch(/correct spec\.healthCheckExprs/);
    expect(world.cluster.find(configRef("a"))).toBeUndefined();
  });

  it("a bad name of a variable fails the build and says what a name is", async () => {
    const world = aKustomizeWorld({ postBuild: { substitute: { "a-b": "1" } } });
    world.git.yaml = yamlOf(config("a", "${a-b}"));
    expect(await world.run()).toMatchObject({ kind: "retrying" });
    expect(world.condition("Ready")?.[2]).toMatch(
      /'a-b' var name is invalid, .* — rename the variable: letters, digits/,
    );
    expect(world.cluster.find(configRef("a"))).toBeUndefined();
  });

  it.each<[string, Readonly<Record<string, string>>, readonly string[]]>([
    [
      "nothing",
      { kind: "Deployment", name: "wbe" },
      [
        "spec.patches[0] changes nothing: no object of the build matches its target (kind: Deployment, name: wbe): correct the target or remove the patch",
      ],
    ],
    ["a part of the name", { kind: "ConfigMap", name: "a" }, []],
    ["a kind", { kind: "ConfigMap" }, []],
    ["an expression that is none", { name: "(" }, []],
  ])("a patch that matches %s", async (_, target, said) => {
    const world = aKustomizeWorld({ patches: [{ patch: "[]", target }] });
    world.git.yaml = yamlOf(config("prefix-a-hash"));

    expect(await world.run()).toMatchObject({ kind: "ready" });
    await world.run();

    const warned = world.events.filter(({ reason }) => reason === "PatchWithoutTarget");
    expect(warned.map(({ message }) => message)).toEqual(said);
  });
});
