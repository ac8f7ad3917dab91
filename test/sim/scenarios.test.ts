/** What must hold in particular situations, each on the whole engine under a virtual clock. */
import { describe, expect, it } from "vitest";

import type { KubeObject } from "../../shared/api/kube-object.ts";
import { conditionsOf } from "../../shared/health/fields.ts";
import { noFaults } from "./kernel.ts";
import {
  configMap,
  deployment,
  kustomization,
  kustomizeVersion,
  namespace,
  print,
  tenantFiles,
} from "./chaos/manifests.ts";
import { isClean, verify } from "./chaos/verify.ts";
import { createSimWorld, type SimWorld } from "./chaos/world.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const clean = { lost: [], orphans: [], stuck: [] };

const files = (...entries: readonly (readonly [path: string, text: string])[]) => new Map(entries);
const app = (value: string) =>
  files(
    ["clusters/a/app.yaml", print(kustomization("app", "app"))],
    ["app/app.yaml", print(namespace("shop"), configMap("settings", "shop", { value }))],
  );

async function deployed(world: SimWorld, content: ReadonlyMap<string, string>): Promise<void> {
  world.push(content);
  await world.run(4 * MINUTE);
  expect(verify(world)).toEqual(clean);
}

const setting = async (world: SimWorld): Promise<unknown> =>
  ((await find(world, "v1", "ConfigMap", "shop", "settings"))?.data as { value?: unknown } | undefined)?.value;

const find = async (
  world: SimWorld,
  apiVersion: string,
  kind: string,
  inNamespace: string,
  name: string,
): Promise<KubeObject | undefined> =>
  await world.clusters.get("a")?.cluster.get({ apiVersion, kind, namespace: inNamespace, name });

const readyOf = (object: KubeObject | undefined) => object && conditionsOf(object).find(({ type }) => type === "Ready");

/** Milliseconds of virtual time until it holds; fails when it never does. */
async function until(
  world: SimWorld,
  limit: number,
  holds: () => Promise<boolean> | boolean,
  pause = SECOND,
): Promise<number> {
  const start = world.simulation.now();
  while (!(await holds())) {
    if (world.simulation.now() - start > limit) throw new Error(`it does not hold after ${limit / SECOND} s`);
    await world.run(pause);
  }
  return world.simulation.now() - start;
}

describe("a worker that is killed", () => {
  it.each([1, 2, 3, 4])(
    "one second into a run with a push meanwhile delays it by no more than 90 s, seed %i",
    async (seed) => {
      const world = createSimWorld({ seed });
      await deployed(world, app("one"));
      const runs = () => [...world.processes.values()].filter(({ name }) => name.startsWith("reconcile-"));

      world.push(app("two"));
      // Runs may be shorter than a second.
      await until(world, MINUTE, () => runs().length > 0, 20);
      world.simulation.after(SECOND, "it dies", () => {
        for (const process of runs()) process.kill();
      });
      world.simulation.after(SECOND / 2, "a push meanwhile", () => world.push(app("three")));
      await world.run(SECOND);
      const passed = await until(world, 3 * MINUTE, async () => (await setting(world)) === "three");

      expect(passed).toBeLessThanOrEqual(90 * SECOND);
      await world.run(10 * MINUTE);
      expect(verify(world)).toEqual(clean);
    },
  );
});

describe("a wait for health of half an hour", () => {
  const waits = (image: string) =>
    files(
      ["clusters/a/slow.yaml", print(kustomization("slow", "slow", { wait: true, timeout: "30m", interval: "1h" }))],
      ["slow/slow.yaml", print(namespace("shop"), deployment("slow", "shop", image))],
    );
  const begin = async () => {
    const world = createSimWorld({ seed: 5 });
    world.push(waits("registry.example.com/web:never-ready"));
    await world.run(25 * MINUTE);
    expect(readyOf(await find(world, kustomizeVersion, "Kustomization", "flux-system", "slow"))).toMatchObject({
      status: "Unknown",
      reason: "Progressing",
    });
    return world;
  };

  it("ends ready when the workload becomes ready, with nothing in a dead-letter queue", async () => {
    const world = await begin();

    // By hand, without replicas; it is corrected as drift as soon as the Kustomization has become ready.
    const ref = { apiVersion: "apps/v1", kind: "Deployment", namespace: "shop", name: "slow" };
    const patch = { spec: { replicas: 0 } };
    await world.clusters.get("a")?.cluster.mergePatch(ref, patch, { fieldManager: "kubectl-edit" });
    const passed = await until(world, MINUTE, async () => {
      const slow = await find(world, kustomizeVersion, "Kustomization", "flux-system", "slow");
      return readyOf(slow)?.reason === "ReconciliationSucceeded";
    });

    expect(passed).toBeLessThanOrEqual(45 * SECOND);
    expect(world.queues.counts.dead).toBe(0);
  });

  it("fails at its timeout otherwise, with nothing in a dead-letter queue", async () => {
    const world = await begin();

    await world.run(7 * MINUTE);

    const slow = await find(world, kustomizeVersion, "Kustomization", "flux-system", "slow");
    expect(readyOf(slow)).toMatchObject({ status: "False", reason: "HealthCheckFailed" });
    expect(world.queues.counts.dead).toBe(0);
    expect(world.crashes).toEqual([]);
  });

  it("ends at once when a newer revision comes", async () => {
    const world = await begin();

    world.push(waits("registry.example.com/web:2"));
    await world.run(90 * SECOND);

    expect(verify(world)).toEqual(clean);
  });
});

describe("a tenant of three levels", () => {
  it.each([1, 2, 3])("leaves nothing behind when it is removed in one commit, seed %i", async (seed) => {
    const world = createSimWorld({ seed });
    const tenant = files(...app("one"), ...tenantFiles("tenant", "1", ["a"], "shop"));
    await deployed(world, tenant);
    expect(await find(world, "v1", "ConfigMap", "tenant", "leaf-1")).toBeDefined();

    world.push(app("one"));
    await world.run(3 * MINUTE);

    expect(verify(world)).toEqual(clean);
    const left = world.clusters.get("a")?.store.list("/namespaces") ?? [];
    expect(left.map(({ metadata }) => (metadata as { name: string }).name)).not.toContain("tenant");
    const rows = world.table
      .items()
      .filter(({ pk, vpk }) => typeof pk === "string" && pk.includes("tenant") && vpk !== undefined);
    expect(rows).toEqual([]);
  });

  it("comes back when it is added again at once", async () => {
    const world = createSimWorld({ seed: 4 });
    const tenant = files(...app("one"), ...tenantFiles("tenant", "1", ["a"], "shop"));
    await deployed(world, tenant);

    world.push(app("one"));
    await world.run(4 * SECOND);
    world.push(tenant);
    await world.run(6 * MINUTE);

    expect(verify(world)).toEqual(clean);
  });
});

describe("an account with ten concurrent executions", () => {
  it("deploys a hundred Kustomizations, and nothing becomes a dead letter", async () => {
    const world = createSimWorld({ seed: 1, account: 10 });
    const fleet = new Map<string, string>();
    for (let i = 0; i < 100; i++) {
      const dependsOn = i % 10 === 0 ? [] : [{ name: `app-${i - 1}` }];
      fleet.set(`clusters/a/app-${i}.yaml`, print(kustomization(`app-${i}`, `apps/${i}`, { dependsOn })));
      fleet.set(`apps/${i}/app.yaml`, print(namespace(`ns-${i}`), configMap("settings", `ns-${i}`, { value: `${i}` })));
    }

    world.push(fleet);
    await until(world, 30 * MINUTE, async () => {
      if (world.simulation.now() % (10 * SECOND) >= SECOND) return false;
      return isClean(verify(world));
    });

    expect(world.queues.counts.dead).toBe(0);
    expect(world.crashes).toEqual([]);
  });
});

describe("a schedule, an index and messages that cannot be relied on", () => {
  it("a push is applied although no tick comes for an hour", async () => {
    const world = createSimWorld({ seed: 1 });
    await deployed(world, app("one"));

    world.weather.ticksStopped = true;
    await world.run(30 * MINUTE);
    world.push(app("two"));
    const passed = await until(world, 10 * MINUTE, async () => (await setting(world)) === "two");
    await world.run(30 * MINUTE);

    expect(passed).toBeLessThanOrEqual(20 * SECOND);
    world.weather.ticksStopped = false;
    await world.run(5 * MINUTE);
    expect(verify(world)).toEqual(clean);
  });

  it("a push is applied by the poll when its webhook is lost", async () => {
    const world = createSimWorld({ seed: 2 });
    await deployed(world, app("one"));

    world.weather.webhookLost = 1;
    world.push(app("two"));
    await until(world, 2 * MINUTE, async () => (await setting(world)) === "two");
    await world.run(30 * SECOND);

    expect(verify(world)).toEqual(clean);
  });

  it.each([
    ["an index that is 5 s late", { indexLagMs: 5_000 }, {}],
    ["messages that come twice", {}, { doubled: 1 }],
    ["messages that come half a minute late", {}, { lateMs: 30_000 }],
    ["messages of which a third is lost", {}, { lost: 0.33 }],
  ])("%s makes no difference in the end", async (_, weather, faults) => {
    const world = createSimWorld({ seed: 3 });
    Object.assign(world.weather, weather);
    world.queues.setFaults({ lost: 0, doubled: 0, lateMs: 0, ...faults });
    world.push(files(...app("one"), ...tenantFiles("tenant", "1", ["a"], "shop")));
    await world.run(10 * MINUTE);

    world.push(app("two"));
    await world.run(20 * MINUTE);

    expect(verify(world)).toEqual(clean);
  });

  it("an API server that has too many requests for an hour is a wait, and no message becomes a dead letter", async () => {
    const world = createSimWorld({ seed: 6 });
    await deployed(world, app("one"));

    world.weather.outages.set("a", "overloaded");
    world.push(app("two"));
    await world.run(60 * MINUTE);
    world.weather.outages.clear();
    await until(world, 2 * MINUTE, async () => (await setting(world)) === "two");

    expect(world.queues.counts.dead).toBe(0);
    expect(world.crashes).toEqual([]);
    expect(world.simulation.faults()).toEqual(noFaults);
  });
});
