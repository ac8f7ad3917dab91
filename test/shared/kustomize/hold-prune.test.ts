import { describe, expect, it } from "vitest";

import { KubeError } from "../../../shared/kubernetes/cluster.ts";
import { readBudget } from "../../../shared/kustomize/deletion-budget.ts";
import { findPending } from "../../../shared/kustomize/prune-pending.ts";
import type { KubeObject, ObjectRef } from "../../../shared/api/kube-object.ts";
import { formatId } from "../../../shared/inventory/id.ts";
import {
  aKustomizeWorld,
  config,
  configRef,
  deployment,
  type KustomizeWorld,
  self,
  yamlOf,
} from "./kustomize-world.ts";

const names = ["a", "b", "c", "d"] as const;

/** Four ConfigMaps applied; Git then keeps the first alone. */
async function aShrunkWorld(
  annotations: Readonly<Record<string, string>>,
  spec: Readonly<Record<string, unknown>> = {},
): Promise<KustomizeWorld> {
  const world = aKustomizeWorld(spec);
  world.cluster.edit(self, { metadata: { annotations } });
  world.git.yaml = yamlOf(...names.map((name) => config(name)));
  await world.run();
  push(world, "a");
  return world;
}

function push(world: KustomizeWorld, ...kept: readonly string[]): void {
  const { revision = "" } = world.git;
  world.git = {
    revision: `${revision}+`,
    yaml: yamlOf(...kept.map((name) => config(name))),
    closure: `of ${kept.join()}`,
  };
}

const planOf = (world: KustomizeWorld) => findPending(world.object())?.plan;
const approve = (world: KustomizeWorld, digest = planOf(world)?.digest ?? "") =>
  world.cluster.edit(self, { metadata: { annotations: { "driftless.dev/approve-prune": digest } } }, "flux");
const there = (world: KustomizeWorld) => names.filter((name) => world.cluster.find(configRef(name)));
const deletes = (world: KustomizeWorld) => world.cluster.requests.filter((request) => request.startsWith("delete "));
const warnings = (world: KustomizeWorld) => world.events.filter(({ type }) => type === "Warning");
const two = { "driftless.dev/prune-max-count": "2" };

describe("a prune over its budget", () => {
  it("waits while the rest of the run goes on", async () => {
    const world = await aShrunkWorld(two);
    world.git.yaml = yamlOf(config("a", "2"));
    const outcome = await world.run();

    expect(outcome).toMatchObject({ kind: "ready" });
    expect(there(world)).toEqual([...names]);
    expect(world.cluster.find(configRef("a"))?.data).toEqual({ value: "2" });
    expect(world.inventory()).toEqual(names.map((name) => `apps_${name}__ConfigMap`));
    expect(world.condition("Ready")?.[0]).toBe("True");
    const digest = planOf(world)?.digest ?? "";
    expect(world.condition("PrunePending")).toEqual([
      "True",
      "DeletionBudgetExceeded",
      `3 to be pruned, held back: ConfigMap/apps/b, ConfigMap/apps/c, ConfigMap/apps/d; driftless.dev/prune-max-count allows 2; approve plan ${digest} with: driftless approve kustomization shop -n apps`,
    ]);
    expect(warnings(world).map(({ reason }) => reason)).toEqual(["DeletionBudgetExceeded"]);
  });

  it("says so once for each plan", async () => {
    const world = await aShrunkWorld(two);
    await world.run();
    push(world, "a");
    await world.run();
    expect(warnings(world)).toHaveLength(1);
    push(world);
    await world.run();
    expect(warnings(world)).toHaveLength(2);
  });

  it("goes when exactly that plan is approved, and uses the approval up", async () => {
    const world = await aShrunkWorld(two);
    await world.run();
    approve(world);
    await world.run();
    expect(there(world)).toEqual(["a"]);
    expect(world.inventory()).toEqual(["apps_a__ConfigMap"]);
    expect(world.condition("PrunePending")).toBeUndefined();
    expect(world.object().metadata.annotations).toEqual(two);
    expect(await world.state()).not.toHaveProperty("approved");
    expect(await world.state()).not.toHaveProperty("held");
  });

  it("waits on under the approval of another plan", async () => {
    const world = await aShrunkWorld(two);
    await world.run();
    const { digest } = planOf(world) ?? {};
    push(world);
    approve(world, digest);
    await world.run();
    expect(deletes(world)).toEqual([]);
    expect(planOf(world)).toMatchObject({ count: 4 });
    expect(planOf(world)?.digest).not.toBe(digest);
  });

  it("is none any more when the objects come back", async () => {
    const world = await aShrunkWorld(two);
    await world.run();
    push(world, ...names);
    await world.run();
    expect(world.condition("PrunePending")).toBeUndefined();
    expect(deletes(world)).toEqual([]);
  });

  it("goes on without a question after the first of what was approved is gone", async () => {
    const world = await aShrunkWorld({ "driftless.dev/prune-max-count": "0" });
    await world.run();
    approve(world);
    world.cluster.failNext("delete ConfigMap/apps/c", new KubeError(409, "Conflict", "not now"));
    expect(await world.run()).toMatchObject({ kind: "retrying" });
    expect(there(world)).toEqual(["a", "c"]);
    expect(world.condition("PrunePending")).toBeUndefined();
    await world.run();
    expect(there(world)).toEqual(["a"]);
  });

  it("counts nothing that is gone, taken over or kept by its annotation", async () => {
    const world = await aShrunkWorld({ "driftless.dev/prune-max-count": "0" });
    world.cluster.remove(configRef("b"));
    world.cluster.edit(configRef("c"), { metadata: { labels: { "kustomize.toolkit.fluxcd.io/name": "other" } } });
    world.cluster.edit(configRef("d"), {
      metadata: { annotations: { "kustomize.toolkit.fluxcd.io/prune": "disabled" } },
    });
    await world.run();
    expect(world.condition("PrunePending")).toBeUndefined();
    expect(world.inventory()).toEqual(["apps_a__ConfigMap"]);
    expect(there(world)).toEqual(["a", "c", "d"]);
  });

  it("fails closed where an annotation cannot be read", async () => {
    const world = await aShrunkWorld({ "driftless.dev/prune-max-count": "ten" });
    await world.run();
    expect(deletes(world)).toEqual([]);
    expect(world.condition("PrunePending")?.slice(0, 2)).toEqual(["True", "InvalidDeletionBudget"]);
    expect(world.condition("PrunePending")?.[2]).toContain('driftless.dev/prune-max-count is "ten"');
  });

  it("is not asked for its health", async () => {
    const world = aKustomizeWorld({ wait: true }, {});
    world.cluster.edit(self, { metadata: { annotations: { "driftless.dev/prune-protect": "Deployment" } } });
    world.git.yaml = yamlOf(config("a"), deployment("web"));
    expect(await world.run()).toMatchObject({ kind: "health" });
    push(world, "a");
    expect(await world.run()).toMatchObject({ kind: "ready" });
    expect(world.inventory()).toEqual(["apps_a__ConfigMap", "apps_web_apps_Deployment"]);
  });
});

describe("a prune without a budget", () => {
  it("costs no request more than one within its budget needs", async () => {
    const free = await aShrunkWorld({});
    free.cluster.forgetRequests();
    await free.run();
    const within = await aShrunkWorld({ "driftless.dev/prune-max-count": "3" });
    within.cluster.forgetRequests();
    await within.run();
    expect(within.cluster.requests).toEqual(free.cluster.requests);
    expect(readBudget(free.object().metadata.annotations)).toBeUndefined();
    expect(there(free)).toEqual(["a"]);
  });
});

describe("the deletion of a Kustomization over its budget", () => {
  const isThere = (world: KustomizeWorld) => world.cluster.find(self) !== undefined;

  async function aDeletedWorld(annotations: Readonly<Record<string, string>>): Promise<KustomizeWorld> {
    const world = await aShrunkWorld(annotations);
    await world.cluster.delete(self, {});
    return world;
  }

  it("keeps its finalizer and everything else", async () => {
    const world = await aDeletedWorld(two);
    expect(await world.run()).toEqual({ kind: "waiting", afterSeconds: 600 });
    expect(await world.run()).toEqual({ kind: "waiting", afterSeconds: 600 });
    expect(there(world)).toEqual([...names]);
    expect(world.condition("PrunePending")?.[1]).toBe("DeletionBudgetExceeded");
    expect(warnings(world)).toHaveLength(1);
  });

  it("goes on with approval", async () => {
    const world = await aDeletedWorld(two);
    await world.run();
    approve(world);
    expect(await world.run()).toEqual({ kind: "gone" });
    expect(there(world)).toEqual([]);
    expect(isThere(world)).toBe(false);
  });

  it("is free when it is suspended, as ever", async () => {
    const world = await aDeletedWorld(two);
    await world.run();
    world.cluster.edit(self, { spec: { suspend: true } });
    expect(await world.run()).toEqual({ kind: "gone" });
    expect(there(world)).toEqual([...names]);
  });
});

describe("a parent whose child's deletion waits", () => {
  const child: KubeObject = {
    apiVersion: self.apiVersion,
    kind: self.kind,
    metadata: { name: "child", namespace: "apps", finalizers: ["finalizers.fluxcd.io"] },
    spec: {},
  };
  const childRef: ObjectRef = { ...self, name: "child" };

  it("is ready, says so, and keeps what the child needs", async () => {
    const world = aKustomizeWorld();
    world.git.yaml = yamlOf(config("a"), config("b"), child);
    await world.run();
    push(world, "a");
    expect(await world.run()).toMatchObject({ kind: "waiting", afterSeconds: 5 });
    const pending = {
      type: "PrunePending",
      status: "True",
      reason: "DeletionBudgetExceeded",
      message: "over",
      observedGeneration: world.cluster.find(childRef)?.metadata.generation,
      lastTransitionTime: "2026-01-01T00:00:00Z",
    };
    world.cluster.edit(childRef, { status: { conditions: [pending] } });

    expect(await world.run()).toMatchObject({ kind: "ready" });
    expect(world.condition("PrunePending")).toEqual([
      "True",
      "ChildHeldBack",
      "the rest of the prune waits for Kustomization/apps/child, which must be approved first",
    ]);
    expect(world.inventory()).toEqual(["apps_a__ConfigMap", "apps_b__ConfigMap", formatId(childRef)]);

    world.cluster.edit(childRef, { metadata: { finalizers: null } });
    await world.run();
    expect(there(world)).toEqual(["a"]);
    expect(world.condition("PrunePending")).toBeUndefined();
  });
});
