import { describe, expect, it } from "vitest";

import { defaultFluxSettings } from "../../../shared/config/flux-settings.ts";
import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { KubeError } from "../../../shared/kubernetes/cluster.ts";
import { aKustomizeWorld, config, self, yamlOf } from "./kustomize-world.ts";

const dependency = (status: Readonly<Record<string, unknown>>, sourceName = "base"): KubeObject => ({
  ...self,
  metadata: { name: "base", namespace: "apps" },
  spec: { interval: "1m", prune: true, sourceRef: { kind: "GitRepository", name: sourceName } },
  status,
});
const ready = { conditions: [{ type: "Ready", status: "True" }], observedGeneration: 1 };

describe("a run", () => {
  it("ends ready, with Flux's status and events", async () => {
    const world = aKustomizeWorld();
    world.git.yaml = yamlOf(config("a"));
    expect(await world.run()).toEqual({ kind: "ready", revision: "main@sha1:one" });
    expect(world.status()).toMatchObject({
      observedGeneration: 1,
      lastAppliedRevision: "main@sha1:one",
      lastAttemptedRevision: "main@sha1:one",
      history: [{ digest: "sha256:closure-1", totalReconciliations: 1 }],
    });
    expect(world.condition("Ready")).toEqual(["True", "ReconciliationSucceeded", "Applied revision: main@sha1:one"]);
    expect(world.condition("Reconciling")).toBeUndefined();
    expect(world.events.map(({ reason, message }) => `${reason}: ${message}`)).toEqual([
      "Progressing: ConfigMap/apps/a created",
      "ReconciliationSucceeded: Reconciliation finished in 0s, next run in 10m0s",
    ]);
    expect(world.told).toEqual(["ready"]);
  });

  it("takes every status patch as conditional on the version that it knows", async () => {
    const world = aKustomizeWorld();
    world.git.yaml = yamlOf(config("a"));
    await world.run();
    expect(world.statuses.length).toBeGreaterThan(1);
    for (const { resourceVersion } of world.statuses) expect(resourceVersion).toMatch(/^\d+$/);
  });

  it("answers a new revision of an unchanged closure with one status patch", async () => {
    const world = aKustomizeWorld();
    world.git.yaml = yamlOf(config("a"));
    await world.run();
    world.cluster.forgetRequests();
    world.git.revision = "main@sha1:two";
    expect(await world.run()).toEqual({ kind: "ready", revision: "main@sha1:two" });
    expect(world.writes()).toEqual(["patch-status Kustomization/apps/shop"]);
    expect(world.cluster.requests).toEqual(["patch-status Kustomization/apps/shop"]);
    expect(world.status().lastAppliedRevision).toBe("main@sha1:two");
    expect(world.status().history).toMatchObject([{ totalReconciliations: 2 }]);
  });

  it("asks of nothing but what a new revision changes", async () => {
    const world = aKustomizeWorld();
    world.git.yaml = yamlOf(config("a"), config("b"), config("c"));
    await world.run();
    world.cluster.forgetRequests();
    Object.assign(world.git, { revision: "main@sha1:two", closure: "closure-2" });
    world.git.yaml = yamlOf(config("a"), config("b", "2"), config("c"));
    await world.run();
    expect(world.cluster.requests).toEqual([
      "get ConfigMap/apps/b",
      "dry-run ConfigMap/apps/b",
      "apply ConfigMap/apps/b",
      "patch-status Kustomization/apps/shop",
    ]);
    expect(Object.keys((await world.state()).objects)).toHaveLength(3);
  });

  it("lists its objects where a new revision changes many of them", async () => {
    const world = aKustomizeWorld();
    const all = (value: string) => yamlOf(...Array.from({ length: 9 }, (_, index) => config(`c${index}`, value)));
    world.git.yaml = all("1");
    await world.run();
    world.cluster.forgetRequests();
    Object.assign(world.git, { revision: "main@sha1:two", closure: "closure-2", yaml: all("2") });
    await world.run();
    expect(world.cluster.requests).toContain("list ConfigMap");
  });

  it.each<[string, (world: ReturnType<typeof aKustomizeWorld>) => void]>([
    ["the same revision again", () => undefined],
    ["a request", (world) => world.request("now")],
    ["another spec", (world) => void world.cluster.edit(self, { spec: { timeout: "3m" } })],
    ["a failure before", (world) => void world.cluster.edit(self, { status: { conditions: [] } })],
  ])("looks at its objects after %s", async (what, change) => {
    const world = aKustomizeWorld();
    world.git.yaml = yamlOf(config("a"));
    await world.run();
    if (what !== "the same revision again") world.git.revision = "main@sha1:two";
    change(world);
    world.cluster.forgetRequests();
    await world.run();
    expect(world.builds.at(-1)?.knownClosure).toBeUndefined();
    expect(world.cluster.requests).toContain("list ConfigMap");
    expect(world.writes()).toEqual(["patch-status Kustomization/apps/shop"]);
  });

  it("notes a request as handled", async () => {
    const world = aKustomizeWorld();
    world.request("2026-01-01T10:00:00Z");
    await world.run();
    expect(world.status().lastHandledReconcileAt).toBe("2026-01-01T10:00:00Z");
  });

  it("leaves a suspended object alone", async () => {
    const world = aKustomizeWorld({ suspend: true });
    expect(await world.run()).toEqual({ kind: "suspended" });
    expect(world.cluster.requests).toEqual([]);
  });

  it("says of a suspended object that was ready that it is under its new generation too", async () => {
    const world = aKustomizeWorld();
    await world.run();
    world.cluster.edit(self, { spec: { suspend: true }, metadata: { finalizers: null } });
    world.request("noon");
    expect(await world.run()).toEqual({ kind: "suspended" });
    expect(world.status()).toMatchObject({ observedGeneration: 2, lastHandledReconcileAt: "noon" });
    expect(world.object().metadata.finalizers).toEqual(["finalizers.fluxcd.io"]);
  });

  it("tells with its success what Flux tells, its own annotations for events included", async () => {
    const world = aKustomizeWorld();
    const annotations = { "event.toolkit.fluxcd.io/team": "a", other: "b" };
    world.cluster.edit(self, { metadata: { annotations } });
    await world.run();
    expect(world.events.at(-1)).toMatchObject({ reason: "ReconciliationSucceeded" });
    expect(world.events.at(-1)?.annotations).toEqual({
      "event.toolkit.fluxcd.io/team": "a",
      "kustomize.toolkit.fluxcd.io/commit_status": "update",
      "kustomize.toolkit.fluxcd.io/revision": "main@sha1:one",
    });
  });

  it("sets the finalizer before anything else", async () => {
    const world = aKustomizeWorld();
    world.cluster.edit(self, { metadata: { finalizers: null } });
    world.git.yaml = yamlOf(config("a"));
    expect(await world.run()).toMatchObject({ kind: "ready" });
    expect(world.writes()[0]).toBe("patch Kustomization/apps/shop");
    expect(world.object().metadata.finalizers).toEqual(["finalizers.fluxcd.io"]);
  });

  it("applies as the ServiceAccount and does its own business as the controller", async () => {
    const world = aKustomizeWorld({ serviceAccountName: "deployer" });
    world.git.yaml = yamlOf(config("a"));
    await world.run();
    const userOf = (request: string) => world.cluster.sent.find((sent) => sent.request === request)?.user;
    expect(userOf("apply ConfigMap/apps/a")).toBe("system:serviceaccount:apps:deployer");
    expect(userOf("dry-run ConfigMap/apps/a")).toBe("system:serviceaccount:apps:deployer");
    expect(userOf("patch-status Kustomization/apps/shop")).toBe(
      "system:serviceaccount:flux-system:kustomize-controller",
    );
  });
});

describe("what a run requires", () => {
  it("is a source that exists", async () => {
    const world = aKustomizeWorld({ sourceRef: { kind: "GitRepository", name: "none" }, retryInterval: "2m" });
    expect(await world.run()).toEqual({ kind: "waiting", revision: undefined, afterSeconds: 30 });
    expect(world.events).toEqual([]);
    expect(world.condition("Reconciling")).toBeUndefined();
    expect(world.condition("Ready")).toEqual([
      "False",
      "ArtifactFailed",
      'GitRepository.source.toolkit.fluxcd.io "none" not found',
    ]);
    expect(world.status().observedGeneration).not.toBe(1);
  });

  it("is an artifact, waited for without an event", async () => {
    const world = aKustomizeWorld();
    world.git.revision = undefined;
    expect(await world.run()).toEqual({ kind: "waiting", revision: undefined, afterSeconds: 30 });
    expect(world.condition("Ready")).toEqual(["False", "ArtifactFailed", "Source artifact not found, retrying in 30s"]);
    expect(world.condition("Reconciling")).toBeUndefined();
    expect(world.events).toEqual([]);
  });

  it.each<[string, KubeObject | undefined]>([
    [`dependency 'apps/base' not found: kustomizations.kustomize.toolkit.fluxcd.io "base" not found`, undefined],
    ["dependency 'apps/base' is not ready", dependency({ ...ready, conditions: [{ type: "Ready", status: "False" }] })],
    ["dependency 'apps/base' is not ready", dependency({ ...ready, observedGeneration: 0 })],
    [
      "dependency 'apps/base' revision is not up to date",
      dependency({ ...ready, lastAppliedRevision: "main@sha1:zero" }, "shop"),
    ],
  ])("is that no %s", async (message, object) => {
    const world = aKustomizeWorld({ dependsOn: [{ name: "base" }] });
    if (object) world.cluster.put(object);
    expect(await world.run()).toEqual({ kind: "waiting", revision: "main@sha1:one", afterSeconds: 30 });
    expect(world.condition("Ready")).toEqual(["False", "DependencyNotReady", message]);
    expect(world.events.map((event) => event.message)).toEqual([
      "Dependencies do not meet ready condition, retrying in 30s",
    ]);
    expect(world.told).toEqual(["awaits apps/base"]);
    expect(world.builds).toEqual([]);
  });

  it("is ready just when it is looked at again: nobody waits any more", async () => {
    const world = aKustomizeWorld({ dependsOn: [{ name: "base" }] });
    world.awaited = () => world.cluster.put(dependency(ready));
    expect(await world.run()).toMatchObject({ kind: "ready" });
    expect(world.told).toEqual(["awaits apps/base", "awaits no more apps/base", "ready"]);
  });

  it.each([
    ["of another source", dependency({ ...ready, lastAppliedRevision: "other" })],
    ["of the same revision", dependency({ ...ready, lastAppliedRevision: "main@sha1:one" }, "shop")],
  ])("is a ready dependency %s", async (_, object) => {
    const world = aKustomizeWorld({ dependsOn: [{ name: "base" }] });
    world.cluster.put(object);
    expect(await world.run()).toMatchObject({ kind: "ready" });
    expect(world.told).toEqual(["ready"]);
  });

  it.each([
    ["holds", "dep.metadata.name == 'base'", "ready"],
    ["does not hold", "dep.status.lastAppliedRevision == 'other'", "waiting"],
  ])("is what a readyExpr says of a dependency when it %s", async (_, readyExpr, kind) => {
    const world = aKustomizeWorld({ dependsOn: [{ name: "base", readyExpr }] });
    world.cluster.put(dependency({ lastAppliedRevision: "main@sha1:zero" }));
    expect(await world.run()).toMatchObject({ kind });
  });

  it("is a source of the own namespace, where the flags say so", async () => {
    const world = aKustomizeWorld({ sourceRef: { kind: "GitRepository", name: "shop", namespace: "other" } });
    const settings = defaultFluxSettings();
    world.settings = { ...settings, kustomize: { ...settings.kustomize, noCrossNamespaceRefs: true } };
    expect(await world.run()).toMatchObject({ kind: "stalled" });
    expect(world.condition("Ready")).toEqual([
      "False",
      "AccessDenied",
      "can't access 'GitRepository/other/shop', cross-namespace references have been blocked",
    ]);
  });

  it("is nothing that is not supported: it stalls and says what", async () => {
    const world = aKustomizeWorld({ decryption: { provider: "sops" } });
    expect(await world.run()).toEqual({ kind: "stalled", revision: "main@sha1:one" });
    expect(world.condition("Stalled")).toEqual(world.condition("Ready")?.with(0, "True"));
    expect(world.condition("Ready")?.[1]).toBe("FeatureNotSupported");
    expect(world.status().observedGeneration).toBe(1);
    expect(world.writes()).toEqual(["patch-status Kustomization/apps/shop"]);

    world.git.revision = "main@sha1:two";
    expect(await world.run()).toEqual({ kind: "stalled", revision: "main@sha1:two" });
    expect(world.events).toHaveLength(1);
  });
});

describe("a failure", () => {
  it("keeps what was applied, says the step, and is retried", async () => {
    const world = aKustomizeWorld({ retryInterval: "1m", timeout: "5m" });
    world.git.yaml = "kind: [";
    expect(await world.run()).toMatchObject({ kind: "retrying", afterSeconds: 60 });
    expect(world.condition("Ready")?.slice(0, 2)).toEqual(["False", "BuildFailed"]);
    expect(world.condition("Reconciling")).toEqual([
      "True",
      "ProgressingWithRetry",
      "Detecting drift for revision main@sha1:one with a timeout of 5m0s",
    ]);
  });

  it("of the API server is none of the object: its status stays", async () => {
    const world = aKustomizeWorld();
    world.git.revision = undefined;
    world.cluster.failNext("get GitRepository", new KubeError(401, "Unauthorized", "no token"));
    await expect(world.run()).rejects.toMatchObject({ reason: "Unauthorized" });
    expect(world.writes()).toEqual([]);
  });

  it("of ours goes on, with the status as it is", async () => {
    const world = aKustomizeWorld();
    Object.defineProperty(world.git, "yaml", {
      get: () => {
        throw new TypeError("a defect");
      },
    });
    await expect(world.run()).rejects.toThrow("a defect");
    expect(world.writes()).toEqual([]);
  });

  it.each([
    ["watches it", { "reconcile.fluxcd.io/watch": "Enabled" }, undefined],
    ["does not", {}, 600],
  ])(
    "comes again with the interval for a referenced ConfigMap unless the sweep %s",
    async (_, labels, afterSeconds) => {
      const world = aKustomizeWorld({ postBuild: { substituteFrom: [{ kind: "ConfigMap", name: "settings" }] } });
      world.cluster.put({
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "settings", namespace: "apps", labels },
        data: {},
      });
      world.git.yaml = yamlOf(config("a"));

      expect(await world.run()).toEqual({
        kind: "ready",
        revision: "main@sha1:one",
        ...(afterSeconds ? { afterSeconds } : {}),
      });
    },
  );
});
