/** Drift of more objects than the record lists: it is governed as that of a few. */
import { describe, expect, it } from "vitest";

import { findStanding } from "../../../shared/drift/standing.ts";
import { KubeError } from "../../../shared/kubernetes/cluster.ts";
import { aKustomizeWorld, config, configRef, key, type KustomizeWorld, self, yamlOf } from "./kustomize-world.ts";

const minute = 60_000;
const names = Array.from({ length: 105 }, (_, index) => `c${String(index).padStart(3, "0")}`);

/** All of them edited by hand. */
async function edited(mode: string): Promise<KustomizeWorld> {
  const world = aKustomizeWorld();
  world.git.yaml = yamlOf(...names.map((name) => config(name)));
  world.cluster.edit(self, { metadata: { annotations: { "driftless.dev/drift": mode } } }, "kubectl-annotate");
  await world.run();
  for (const name of names) world.cluster.edit(configRef(name), { data: { value: "by hand" } }, "kubectl-edit");
  return world;
}

/** And seen. */
async function drifted(mode: string): Promise<KustomizeWorld> {
  const world = await edited(mode);
  await world.run();
  return world;
}

const left = (world: KustomizeWorld) =>
  names.filter((name) => (world.cluster.find(configRef(name))?.data as { value?: string }).value === "by hand").length;
const planOf = (world: KustomizeWorld) => findStanding(world.cluster.find(self) ?? world.object())?.plan ?? "";
const tellings = (world: KustomizeWorld) => world.events.filter(({ reason }) => reason === "DriftDetected").length;

describe("drift of more objects than the record lists", () => {
  it("is corrected an interval after it was first seen, whatever happens in between", async () => {
    const world = await drifted("at-interval");
    world.clock.advance(6 * minute);
    expect(await world.run()).toMatchObject({ kind: "ready", afterSeconds: 240 });
    expect([left(world), tellings(world), world.drifts]).toEqual([names.length, 1, [names.length]]);
    world.clock.advance(4 * minute);
    expect(await world.run()).toEqual({ kind: "ready", revision: "main@sha1:one" });
    expect(left(world)).toBe(0);
  });

  it("keeps its plan through a run that fails, and is corrected whole when that is approved", async () => {
    const world = await drifted("approve");
    const plan = planOf(world);
    world.cluster.failNext("dry-run ConfigMap/apps/c000", new KubeError(500, "InternalError", "a webhook is down"));
    await world.run();
    expect([world.condition("Ready")?.[0], planOf(world)]).toEqual(["False", plan]);
    expect((await world.driftRecords.load(key))?.more).toBe(names.length - 100);
    world.cluster.edit(self, { metadata: { annotations: { "driftless.dev/approve-drift": plan } } }, "flux");
    await world.run();
    expect(left(world)).toBe(0);
    expect(tellings(world)).toBe(2);
  });

  it("is forgotten when it is over", async () => {
    const world = await drifted("warn");
    expect(Object.keys((await world.state()).drifting?.standing ?? {})).toHaveLength(names.length);
    for (const name of names) world.cluster.edit(configRef(name), { data: { value: "1" } }, "someone");
    await world.run();
    expect((await world.state()).drifting).toBeUndefined();
    expect(world.condition("Drifted")).toBeUndefined();
  });

  it("is not called refused where the deadline comes before the end of its correction", async () => {
    const world = await edited("within-a-minute");
    world.looksBeforeDeadline = 2;
    expect((await world.run()).kind).toBe("continued");
    expect(left(world)).toBe(names.length - 50);
    world.looksBeforeDeadline = Infinity;
    expect((await world.run()).kind).toBe("ready");
    expect(left(world)).toBe(0);
    const ends = world.logs.filter(({ event }) => event === "drift").map(({ fields }) => fields.end);
    expect(ends).toEqual(names.map(() => "corrected"));
    expect(world.drifts).toEqual([names.length]);
  });
});
