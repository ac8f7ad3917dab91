import { describe, expect, it } from "vitest";

import type { Kustomization } from "../../../shared/api/kustomization.ts";
import { findSuperseded } from "../../../shared/kustomize/superseded.ts";
import {
  aKustomizeWorld,
  config,
  configId,
  configRef,
  deployment,
  type KustomizeWorld,
  rolledOut,
  self,
  yamlOf,
} from "./kustomize-world.ts";

const [older, newer] = ["settings-2k7h9f4bcd", "settings-5t6mg8b2cf"];
const webRef = { apiVersion: "apps/v1", kind: "Deployment", namespace: "apps", name: "web" };
const web = { id: "apps_web_apps_Deployment", v: "v1" };

const superseded = (stale: readonly string[], wanted: readonly string[], spec: object = { wait: true }) =>
  findSuperseded({ spec } as Kustomization, stale.map(configId), wanted.map(configId)).map(({ id }) => id);

describe("findSuperseded", () => {
  it("takes hashed names in whose place another hash has come", () => {
    expect(superseded([older], [newer])).toEqual([configId(older).id]);
  });

  it.each([
    ["a name without a hash", ["settings"], [newer]],
    ["a hash with letters that kustomize does not write", ["settings-aaaaaaaaaa"], [newer]],
    ["one that is gone for good", [older], ["other-5t6mg8b2cf"]],
    ["one that lost its hash", [older], ["settings"]],
  ])("leaves %s to the prune", (_, stale, wanted) => {
    expect(superseded(stale, wanted)).toEqual([]);
  });

  it("takes none where nothing can run with them", () => {
    const entries = [configId(older)];
    const found = (wanted: Parameters<typeof findSuperseded>[2]) =>
      findSuperseded({ spec: {} } as Kustomization, entries, wanted).length;
    expect(found([configId(newer)])).toBe(0);
    expect(found([configId(newer), web])).toBe(1);
  });
});

/** A Deployment that is rolled out with the older ConfigMap; Git then has the newer one. */
async function aWorld(spec: Readonly<Record<string, unknown>>): Promise<KustomizeWorld> {
  const world = aKustomizeWorld(spec);
  world.git.yaml = yamlOf(config(older), deployment("web"));
  await world.run();
  world.cluster.edit(webRef, { status: rolledOut }, "kube-controller-manager");
  await world.run();
  world.cluster.edit(webRef, { status: { ...rolledOut, updatedReplicas: 0 } }, "kube-controller-manager");
  world.git = { revision: "main@sha1:two", yaml: yamlOf(config(newer), deployment("web")), closure: "closure-2" };
  return world;
}

const isThere = (world: KustomizeWorld) => world.cluster.find(configRef(older)) !== undefined;
const deletions = (world: KustomizeWorld) => world.events.filter(({ message }) => message.endsWith(" deleted"));
const rollOut = (world: KustomizeWorld) => world.cluster.edit(webRef, { status: rolledOut }, "kube-controller-manager");

describe("a superseded ConfigMap", () => {
  it("goes when the wait for health is over, in whatever run that is", async () => {
    const world = await aWorld({ wait: true });
    const outcome = await world.run();
    expect(outcome.kind).toBe("health");
    expect(isThere(world)).toBe(true);
    expect(world.inventory()).toContain(configId(older).id);

    rollOut(world);
    expect(await world.run(outcome.kind === "health" ? { ...outcome.phase } : {})).toEqual({
      kind: "ready",
      revision: "main@sha1:two",
    });
    expect(isThere(world)).toBe(false);
    expect(world.inventory()).not.toContain(configId(older).id);
    expect(deletions(world).map(({ message }) => message)).toEqual([`ConfigMap/apps/${older} deleted`]);
    expect(await world.state()).not.toHaveProperty("superseded");
  });

  it("stays when health fails, and goes with the run that finds it", async () => {
    const world = await aWorld({ healthChecks: [{ kind: "Deployment", name: "web", namespace: "apps" }] });
    const stalled = { type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded" };
    world.cluster.edit(webRef, { status: { ...rolledOut, updatedReplicas: 0, conditions: [stalled] } });
    expect((await world.run()).kind).toBe("retrying");
    expect(isThere(world)).toBe(true);
    expect(world.inventory()).toContain(configId(older).id);

    rollOut(world);
    expect((await world.run()).kind).toBe("ready");
    expect(isThere(world)).toBe(false);
  });

  it("is looked at again at the retry interval where the spec asks for no health", async () => {
    const world = await aWorld({ retryInterval: "2m" });
    expect(await world.run()).toEqual({ kind: "ready", revision: "main@sha1:two", afterSeconds: 120 });
    expect(isThere(world)).toBe(true);
    rollOut(world);
    expect(await world.run()).toEqual({ kind: "ready", revision: "main@sha1:two" });
    expect(isThere(world)).toBe(false);
  });

  it("is no deletion in the sense of a budget", async () => {
    const world = await aWorld({ wait: true });
    world.cluster.edit(self, { metadata: { annotations: { "driftless.dev/prune-max-count": "0" } } });
    rollOut(world);
    expect((await world.run()).kind).toBe("ready");
    expect(isThere(world)).toBe(false);
    expect(world.condition("PrunePending")).toBeUndefined();
  });

  it("goes at once without a workload", async () => {
    const world = aKustomizeWorld();
    world.git.yaml = yamlOf(config(older));
    await world.run();
    world.git = { revision: "main@sha1:two", yaml: yamlOf(config(newer)), closure: "closure-2" };
    expect(await world.run()).toEqual({ kind: "ready", revision: "main@sha1:two" });
    expect(isThere(world)).toBe(false);
  });
});
