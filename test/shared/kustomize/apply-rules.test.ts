import { describe, expect, it } from "vitest";

import { type KubeObject, refOf } from "../../../shared/api/kube-object.ts";
import { KubeError } from "../../../shared/kubernetes/cluster.ts";
import { readRules, rulesOf } from "../../../shared/kustomize/apply-rules.ts";
import { defaultApplySettings } from "../../../shared/config/apply-settings.ts";
import { defaultFluxSettings, type FluxSettings } from "../../../shared/config/flux-settings.ts";
import { applyManager } from "../../../shared/ssa/apply.ts";
import { owns } from "../../fakes/memory-cluster.ts";
import { aKustomizeWorld, config, configRef, deployment, owned, self, yamlOf } from "./kustomize-world.ts";

const replicas = [{ paths: ["/spec/replicas"], target: { kind: "Deployment" } }];
const web = refOf(deployment("web"));

describe("rulesOf", () => {
  const plain = { force: false };
  it("has no digest for a spec and settings without rules", () => {
    expect(rulesOf(plain).digest).toBe("");
    expect(rulesOf({ force: true, ignore: [], commonMetadata: {} }, defaultApplySettings).digest).toBe("");
  });

  it("has another digest for each rule that may change what is done to an object", () => {
    const digests = [
      rulesOf({ ...plain, ignore: replicas }),
      rulesOf({ ...plain, ignore: [{ paths: ["/spec/replicas"] }] }),
      rulesOf({ ...plain, commonMetadata: { labels: { a: "1" } } }),
      rulesOf({ ...plain, commonMetadata: { annotations: { a: "1" } } }),
      rulesOf(plain, { ...defaultApplySettings, overrideManagers: ["a"] }),
      rulesOf(plain, { ...defaultApplySettings, overrideManagersBeforeDryRun: ["a"] }),
      rulesOf(plain, { ...defaultApplySettings, migrateApiVersion: true }),
    ].map(({ digest }) => digest);
    expect(new Set([...digests, ""]).size).toBe(digests.length + 1);
  });
});

describe("readRules", () => {
  it.each([{}, { spec: { ignore: "x" } }, { spec: { ignore: [{ paths: ["/a"], target: { kind: "(" } }] } }])(
    "finds none in %j",
    (rest) => {
      const object = { apiVersion: self.apiVersion, kind: self.kind, metadata: { name: "a", namespace: "b" }, ...rest };
      expect(readRules(object).ignored(deployment("web"))).toEqual([]);
    },
  );
});

/** `data.value` of a ConfigMap must not change. */
function aWorldOfImmutable(spec: Readonly<Record<string, unknown>>) {
  const world = aKustomizeWorld(spec, {
    admit: (next) => {
      if (next.kind !== "ConfigMap") return next;
      const before = world.cluster.find(refOf(next));
      if (before && JSON.stringify(before.data) !== JSON.stringify(next.data))
        throw new KubeError(422, "Invalid", `ConfigMap "${next.metadata.name}" is invalid: data: field is immutable`);
      return next;
    },
  });
  return world;
}

describe("spec.force", () => {
  it("replaces what must not change, and says that it was created", async () => {
    const world = aWorldOfImmutable({ force: true });
    world.git.yaml = yamlOf(config("a"), config("b"));
    await world.run();
    world.events.splice(0);
    world.git = { revision: "main@sha1:two", yaml: yamlOf(config("a", "2"), config("b")), closure: "closure-2" };
    expect(await world.run()).toMatchObject({ kind: "ready" });
    expect(world.cluster.find(configRef("a"))).toMatchObject({ data: { value: "2" } });
    expect(world.events[0]?.message).toBe("ConfigMap/apps/a created");
    expect(world.inventory()).toEqual(["apps_a__ConfigMap", "apps_b__ConfigMap"]);
  });

  it("loses nothing in a run that is killed between deletion and creation", async () => {
    const world = aWorldOfImmutable({ force: true });
    world.git.yaml = yamlOf(config("a"));
    await world.run();
    world.git = { revision: "main@sha1:two", yaml: yamlOf(config("a", "2")), closure: "closure-2" };
    let found: boolean | undefined;
    for (let fences = 0; found !== false; fences += 1) {
      world.fenceFrom = world.fences + fences;
      await expect(world.run()).rejects.toThrow("lost");
      found = world.cluster.find(configRef("a")) !== undefined;
    }
    expect(world.inventory()).toEqual(["apps_a__ConfigMap"]);
    world.fenceFrom = undefined;
    expect(await world.run()).toMatchObject({ kind: "ready" });
    expect(world.cluster.find(configRef("a"))).toMatchObject({ data: { value: "2" } });
  });

  it("keeps an object in the inventory that is not gone in time, and creates it when it is", async () => {
    const world = aWorldOfImmutable({ force: true });
    world.git.yaml = yamlOf(config("a"));
    await world.run();
    world.cluster.edit(configRef("a"), { metadata: { finalizers: ["example.com/a"] } });
    world.git = { revision: "main@sha1:two", yaml: yamlOf(config("a", "2")), closure: "closure-2" };
    expect(await world.run()).toMatchObject({ kind: "retrying" });
    expect(world.condition("Ready")?.[2]).toMatch(/^ConfigMap\/apps\/a immutable field detected, failed to wait/);
    expect(world.inventory()).toEqual(["apps_a__ConfigMap"]);
    world.cluster.remove(configRef("a"));
    expect(await world.run()).toMatchObject({ kind: "ready" });
    expect(world.cluster.find(configRef("a"))).toMatchObject({ data: { value: "2" } });
  });

  it("is asked for by name where it is not set", async () => {
    const world = aWorldOfImmutable({});
    world.git.yaml = yamlOf(config("a"));
    await world.run();
    world.git = { revision: "main@sha1:two", yaml: yamlOf(config("a", "2")), closure: "closure-2" };
    expect(await world.run()).toMatchObject({ kind: "retrying" });
    expect(world.condition("Ready")?.[2]).toMatch(/^ConfigMap\/apps\/a dry-run failed \(Invalid\): /);
    expect(world.cluster.find(configRef("a"))).toMatchObject({ data: { value: "1" } });
  });
});

describe("spec.ignore", () => {
  const dryRuns = (requests: readonly string[]) => requests.filter((request) => request.startsWith("dry-run"));

  it("costs no look where the object was listed whole", async () => {
    const world = aKustomizeWorld({ ignore: replicas });
    world.git.yaml = yamlOf(deployment("web"));
    await world.run();
    world.cluster.edit(web, { spec: { replicas: 5 } }, "autoscaler");
    world.cluster.forgetRequests();
    await world.run();
    expect(dryRuns(world.cluster.requests)).toEqual([]);
    expect(world.cluster.find(web)).toMatchObject({ spec: { replicas: 5 } });
    expect(world.drifts).toEqual([]);
  });

  it("costs one look where only the version was listed", async () => {
    const world = aKustomizeWorld({ ignore: [{ paths: ["/data/value"] }] });
    world.git.yaml = yamlOf(config("a"));
    await world.run();
    world.cluster.edit(configRef("a"), { data: { value: "theirs" } }, "somebody");
    world.cluster.forgetRequests();
    await world.run();
    expect(dryRuns(world.cluster.requests)).toEqual(["dry-run ConfigMap/apps/a"]);
    world.cluster.forgetRequests();
    await world.run();
    expect(dryRuns(world.cluster.requests)).toEqual([]);
    expect(world.cluster.find(configRef("a"))).toMatchObject({ data: { value: "theirs" } });
    expect(world.drifts).toEqual([]);
  });

  it("makes all objects be looked at once when it changes", async () => {
    const world = aKustomizeWorld({ ignore: replicas });
    world.git.yaml = yamlOf(deployment("web"));
    await world.run();
    world.cluster.edit(web, { spec: { replicas: 5 } }, "autoscaler");
    await world.run();
    world.cluster.edit(self, { spec: { ignore: null } });
    await world.run();
    expect(world.cluster.find(web)).toMatchObject({ spec: { replicas: 1 } });
    expect(await world.state()).not.toHaveProperty("rules");
  });

  it("is told by name when its target is no selector", async () => {
    const world = aKustomizeWorld({ ignore: [{ paths: ["/spec"], target: { name: "(" } }] });
    world.git.yaml = yamlOf(config("a"));
    expect(await world.run()).toMatchObject({ kind: "retrying" });
    expect(world.condition("Ready")?.slice(0, 2)).toEqual(["False", "ReconciliationFailed"]);
    expect(world.condition("Ready")?.[2]).toMatch(/^failed to create ignore rule selector: invalid name regex: /);
  });
});

function withFlags(flags: Partial<FluxSettings["kustomize"]>): FluxSettings {
  const settings = defaultFluxSettings();
  return { ...settings, kustomize: { ...settings.kustomize, ...flags } };
}

describe("the settings of the cluster", () => {
  it("give the kinds of their stage a place before all else", async () => {
    const role: KubeObject = {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: { name: "r", namespace: "apps" },
    };
    const writes = async (customStageKinds: readonly string[]) => {
      const world = aKustomizeWorld();
      world.settings = withFlags({ customApplyStageKinds: customStageKinds });
      world.git.yaml = yamlOf(config("a"), role);
      await world.run();
      const requests = world.writes().filter((request) => !request.startsWith("patch"));
      return [...requests, ...world.events.filter(({ message }) => message.includes("created")).map(told)];
    };
    const told = ({ message }: { readonly message: string }) => message;
    expect(await writes([])).toEqual([
      ...["apply RoleBinding/apps/r", "apply ConfigMap/apps/a"],
      "RoleBinding/apps/r created\nConfigMap/apps/a created",
    ]);
    expect(await writes(["/ConfigMap"])).toEqual([
      ...["apply ConfigMap/apps/a", "apply RoleBinding/apps/r"],
      "ConfigMap/apps/a created\nRoleBinding/apps/r created",
    ]);
  });

  it("make objects be looked at that were proved unchanged without them", async () => {
    const world = aKustomizeWorld();
    world.git.yaml = yamlOf(config("a"));
    await world.run();
    world.cluster.edit(configRef("a"), { data: { old: "1" } }, "legacy");
    await world.run();
    expect(world.cluster.find(configRef("a"))).toMatchObject({ data: { old: "1" } });
    world.settings = withFlags({ overrideManagers: ["legacy"] });
    await world.run();
    expect(world.cluster.find(configRef("a"))?.data).toEqual({ value: "1" });
  });
});

describe("what bootstrap applied", () => {
  it("is ours once it comes from Git, and what Git drops vanishes", async () => {
    const world = aKustomizeWorld();
    const first = { ...config("a"), data: { value: "1", dropped: "1" } };
    await world.cluster.apply(first, { fieldManager: "driftless" });
    world.git.yaml = yamlOf(config("a"));
    await world.run();
    const live = world.cluster.find(configRef("a"));
    expect(live).toMatchObject({ data: { value: "1" }, metadata: owned(config("a")).metadata });
    expect(live?.data).not.toHaveProperty("dropped");
    expect(live && [owns(live, "driftless", "f:data"), owns(live, applyManager, "f:data", "f:value")]).toEqual([
      false,
      true,
    ]);
  });
});
