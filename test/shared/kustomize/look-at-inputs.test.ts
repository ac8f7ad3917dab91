import { describe, expect, it } from "vitest";

import { aKustomizeWorld, config, configRef, deployment, rolledOut, yamlOf } from "./kustomize-world.ts";

/** Only the interval is over; one that was asked for has another number. */
const due = { reqSeq: 1, doneSeq: 1, attempts: 1 };

async function aSettledWorld(spec: Readonly<Record<string, unknown>> = {}) {
  const substituteFrom = [
    { kind: "ConfigMap", name: "settings" },
    { kind: "Secret", name: "keys", optional: true },
  ];
  const world = aKustomizeWorld({ postBuild: { substituteFrom }, ...spec });
  world.cluster.put(config("settings", "one"));
  world.git.yaml = yamlOf(config("web", "${value}"));
  await world.run();
  world.cluster.forgetRequests();
  world.builds.splice(0);
  world.statuses.splice(0);
  return world;
}

const valueOf = (world: { cluster: { find(ref: object): unknown } }) =>
  (world.cluster.find(configRef("web")) as { data?: { value?: string } }).data?.value;

describe("a look with the interval", () => {
  it("reads metadata alone and writes nothing while all is as it was", async () => {
    const world = await aSettledWorld();

    expect(await world.run(due)).toEqual({ kind: "ready", revision: "main@sha1:one", afterSeconds: 600 });
    expect(world.builds.map(({ knownClosure }) => knownClosure)).toEqual(["closure-1"]);
    expect(world.cluster.requests).toEqual(["list ConfigMap/apps", "list Secret/apps"]);
  });

  it("takes an edited ConfigMap over", async () => {
    const world = await aSettledWorld();
    world.cluster.edit(configRef("settings"), { data: { value: "two" } }, "kubectl");

    await world.run(due);

    expect(valueOf(world)).toBe("two");
  });

  it("takes a Secret over that was not there before", async () => {
    const world = await aSettledWorld();
    const data = { value: Buffer.from("secret").toString("base64") };
    world.cluster.put({ apiVersion: "v1", kind: "Secret", metadata: { name: "keys", namespace: "apps" }, data });

    await world.run(due);

    expect(valueOf(world)).toBe("secret");
  });

  it("takes over what a remote base holds now", async () => {
    const world = await aSettledWorld();
    world.git = { ...world.git, closure: "closure-2", yaml: yamlOf(config("web", "moved")) };

    await world.run(due);

    expect(valueOf(world)).toBe("moved");
  });

  it.each([
    ["somebody asked", { ...due, reqSeq: 2 }],
    ["a run before died", { ...due, attempts: 2 }],
    ["nothing is known of the row", {}],
  ])("is a whole run where %s", async (_, row) => {
    const world = await aSettledWorld();

    await world.run(row);

    expect(world.builds.map(({ knownClosure }) => knownClosure)).toEqual([undefined]);
  });

  it("is a whole run for a Job that its TTL deletes", async () => {
    const world = await aSettledWorld();
    const job = {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { name: "once", namespace: "apps" },
      spec: { ttlSecondsAfterFinished: 1, template: {} },
    };
    world.git = { ...world.git, closure: "closure-2", yaml: yamlOf(job) };
    await world.run();
    world.builds.splice(0);

    await world.run(due);

    expect(world.builds.map(({ knownClosure }) => knownClosure)).toEqual([undefined]);
  });

  it("follows a wait for health at once, for what changed meanwhile", async () => {
    const world = await aSettledWorld({ wait: true });
    world.git = { ...world.git, closure: "closure-2", yaml: yamlOf(config("web", "${value}"), deployment("web")) };
    const waiting = await world.run();
    if (waiting.kind !== "health") throw new Error(waiting.kind);
    world.cluster.edit(configRef("settings"), { data: { value: "two" } }, "kubectl");
    world.cluster.edit(
      { ...configRef("web"), apiVersion: "apps/v1", kind: "Deployment" },
      { status: rolledOut },
      "kubelet",
    );

    expect(await world.run({ ...due, reqSeq: 2, ...waiting.phase })).toMatchObject({ kind: "ready", afterSeconds: 1 });
    expect(await world.run(due)).toMatchObject({ kind: "ready", afterSeconds: 600 });
    expect(valueOf(world)).toBe("two");
  });

  it("says what fails", async () => {
    const world = await aSettledWorld({
      postBuild: { substituteFrom: [{ kind: "ConfigMap", name: "settings" }] },
    });
    await world.cluster.delete(configRef("settings"));

    expect(await world.run(due)).toMatchObject({ kind: "retrying" });
    expect(world.condition("Ready")?.[2]).toContain(
      "substitute from 'ConfigMap/settings' error: configmaps \"settings\" not found",
    );
  });
});
