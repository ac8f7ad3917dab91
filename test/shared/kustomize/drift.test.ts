/** Drift as a run finds it: named, and corrected or left as the Kustomization and its cluster want it. */
import { describe, expect, it } from "vitest";

import { findStanding } from "../../../shared/drift/standing.ts";
import { KubeError } from "../../../shared/kubernetes/cluster.ts";
import {
  aKustomizeWorld,
  config,
  configId,
  configRef,
  deployment,
  key,
  type KustomizeWorld,
  self,
  yamlOf,
} from "./kustomize-world.ts";

const minute = 60_000;
const due = { reqSeq: 1, doneSeq: 1, attempts: 1 };

async function applied(annotations: Readonly<Record<string, string>> = {}): Promise<KustomizeWorld> {
  const world = aKustomizeWorld();
  world.git.yaml = yamlOf(config("a"), config("b"));
  annotate(world, annotations);
  await world.run();
  world.events.splice(0);
  return world;
}

const annotate = (world: KustomizeWorld, annotations: Readonly<Record<string, string | null>>) =>
  void world.cluster.edit(self, { metadata: { annotations } }, "kubectl-annotate");
const edit = (world: KustomizeWorld, value: string, manager = "kubectl-edit") =>
  void world.cluster.edit(configRef("a"), { data: { value } }, manager);
const valueOf = (world: KustomizeWorld) =>
  (world.cluster.find(configRef("a"))?.data as { value?: string } | undefined)?.value;
const record = async (world: KustomizeWorld) => await world.driftRecords.load(key);
const reasonOf = (world: KustomizeWorld) => world.condition("Drifted")?.[1];
const planOf = (world: KustomizeWorld) => findStanding(world.cluster.find(self) ?? world.object())?.plan ?? "";

describe("drift that is corrected", () => {
  it("is named: object, field, both values, who and when", async () => {
    const world = await applied();
    world.clock.advance(minute);
    edit(world, "by hand");

    await world.run();

    expect(valueOf(world)).toBe("1");
    const { past = [], standing, plan } = (await record(world)) ?? {};
    expect([standing, plan]).toEqual([[], ""]);
    expect(past).toMatchObject([{ ...configId("a"), kind: "changed", end: "corrected" }]);
    expect(past[0]?.fields).toEqual([
      {
        pointer: "/data/value",
        git: "1",
        live: "by hand",
        manager: "kubectl-edit",
        operation: "Update",
        time: "2026-01-01T10:01:00Z",
      },
    ]);
    expect(world.condition("Drifted")).toBeUndefined();
    expect(world.drifts).toEqual([1]);
  });

  it("is told in an event and in the log, without a value", async () => {
    const world = await applied();
    edit(world, "by hand");
    await world.run();
    const event = world.events.find(({ reason }) => reason === "DriftDetected");
    expect(event).toMatchObject({
      type: "Warning",
      message: "ConfigMap/apps/a /data/value by kubectl-edit at 2026-01-01T10:00:00Z: corrected",
    });
    expect(world.logs.find(({ event: name }) => name === "drift")?.fields).toMatchObject({
      object: "ConfigMap/apps/a",
      what: "/data/value by kubectl-edit at 2026-01-01T10:00:00Z",
      end: "corrected",
    });
  });

  it("names the user where the audit log does", async () => {
    const world = await applied();
    const seen = { groups: [], sourceIPs: [], userAgent: "kubectl", verb: "patch", at: "2026-01-01T10:00:00Z" };
    world.culprit = { user: "ada", ...seen };
    edit(world, "by hand");
    await world.run();
    expect((await record(world))?.past).toMatchObject([{ ...configId("a"), actor: { user: "ada" } }]);
    expect(world.logs.find(({ event: name }) => name === "drift")?.fields).toMatchObject({
      what: "/data/value by kubectl-edit at 2026-01-01T10:00:00Z (ada)",
    });
  });

  it("is an object that was deleted", async () => {
    const world = await applied();
    world.cluster.remove(configRef("a"));
    await world.run();
    expect(valueOf(world)).toBe("1");
    expect((await record(world))?.past).toMatchObject([{ ...configId("a"), kind: "deleted", fields: [] }]);
  });

  it("costs the table nothing while there is none", async () => {
    const world = await applied();
    await world.run();
    expect(await record(world)).toBeUndefined();
    expect((await world.state()).drifting).toBeUndefined();
  });

  it("is no drift where Git has changed the object", async () => {
    const world = await applied();
    edit(world, "by hand");
    world.git = { ...world.git, revision: "main@sha1:two", closure: "closure-2", yaml: yamlOf(config("a", "2")) };
    await world.run();
    expect(valueOf(world)).toBe("2");
    expect(await record(world)).toBeUndefined();
    expect(world.drifts).toEqual([]);
  });

  it("is told once when the worker dies after the write", async () => {
    const world = await applied();
    edit(world, "by hand");
    world.cluster.failNext("patch-status", new KubeError(0, "Unreachable", "no answer"));
    await world.run().catch(() => undefined);
    expect(valueOf(world)).toBe("1");
    await world.run({ attempts: 2 });
    expect((await record(world))?.past).toHaveLength(1);
    expect((await record(world))?.standing).toEqual([]);
  });

  it("stands when its correction is refused, and is corrected later", async () => {
    const world = await applied();
    edit(world, "by hand");
    world.cluster.failNext("apply ConfigMap/apps/a", new KubeError(422, "Invalid", "a policy says no"));
    await world.run();
    expect(reasonOf(world)).toBe("DriftCorrectionFailed");
    await world.run();
    expect(valueOf(world)).toBe("1");
    expect(world.condition("Drifted")).toBeUndefined();
    expect((await record(world))?.past).toHaveLength(1);
  });
});

describe("the mode warn", () => {
  const warn = { "driftless.dev/drift": "warn" };

  it("leaves what a hand has added, and within a minute it would go", async () => {
    const world = await applied(warn);
    const added = () => world.cluster.find(configRef("a"))?.data;
    world.cluster.edit(configRef("a"), { data: { extra: "mine" } }, "kubectl-edit");
    await world.run();
    expect(added()).toEqual({ value: "1", extra: "mine" });
    expect(reasonOf(world)).toBe("DriftWarned");
    expect((await record(world))?.standing).toMatchObject([
      { kind: "changed", fields: [{ pointer: "/data/extra", git: null, live: "mine", manager: "kubectl-edit" }] },
    ]);
    annotate(world, { "driftless.dev/drift": null });
    await world.run();
    expect(added()).toEqual({ value: "1" });
    expect(world.condition("Drifted")).toBeUndefined();
  });

  it("leaves drift and stays ready", async () => {
    const world = await applied(warn);
    edit(world, "by hand");
    const outcome = await world.run();
    expect(outcome).toEqual({ kind: "ready", revision: "main@sha1:one" });
    expect(valueOf(world)).toBe("by hand");
    expect(world.condition("Ready")?.[0]).toBe("True");
    expect(world.condition("Drifted")).toEqual([
      "True",
      "DriftWarned",
      `1 object differs from Git: ConfigMap/apps/a /data/value by kubectl-edit at 2026-01-01T10:00:00Z; left until what Git describes changes; mode warn; plan ${planOf(world)}`,
    ]);
    expect((await record(world))?.standing).toMatchObject([{ ...configId("a"), reason: "DriftWarned" }]);
    expect(world.writes().filter((line) => line.startsWith("apply"))).toHaveLength(2);
  });

  it("tells of it once, and again when it changes", async () => {
    const world = await applied(warn);
    edit(world, "by hand");
    await world.run();
    world.request("now");
    await world.run();
    expect(world.events.filter(({ reason }) => reason === "DriftDetected")).toHaveLength(1);
    const since = (await record(world))?.standing[0]?.since;
    world.clock.advance(minute);
    edit(world, "again");
    await world.run();
    expect(world.events.filter(({ reason }) => reason === "DriftDetected")).toHaveLength(2);
    expect(world.drifts).toEqual([1, 1]);
    expect((await record(world))?.standing[0]).toMatchObject({ since, fields: [{ live: "again" }] });
  });

  it("corrects with the next change of what Git describes", async () => {
    const world = await applied(warn);
    edit(world, "by hand");
    await world.run();
    world.git = { ...world.git, revision: "main@sha1:two" };
    await world.run();
    expect(valueOf(world)).toBe("by hand");
    world.git = {
      ...world.git,
      revision: "main@sha1:three",
      closure: "c",
      yaml: yamlOf(config("a"), config("b", "2")),
    };
    await world.run();
    expect(valueOf(world)).toBe("1");
    expect(world.condition("Drifted")).toBeUndefined();
    expect((await record(world))?.past).toMatchObject([{ end: "corrected" }]);
  });

  it("leaves it also after a run that failed", async () => {
    const world = await applied(warn);
    edit(world, "by hand");
    await world.run();
    world.cluster.remove(configRef("b"));
    world.cluster.failNext("dry-run ConfigMap/apps/b", new KubeError(500, "InternalError", "a webhook is down"));
    await world.run();
    expect(world.condition("Ready")?.[0]).toBe("False");
    expect(reasonOf(world)).toBe("DriftWarned");
    await world.run();
    expect(valueOf(world)).toBe("by hand");
    expect(world.cluster.find(configRef("b"))).toBeUndefined();
    expect((await record(world))?.standing).toHaveLength(2);
  });

  it("forgets what somebody puts back", async () => {
    const world = await applied(warn);
    edit(world, "by hand");
    await world.run();
    edit(world, "1", "someone");
    await world.run();
    expect(world.condition("Drifted")).toBeUndefined();
    expect((await record(world))?.past).toMatchObject([{ end: "reverted" }]);
    expect((await world.state()).drifting).toBeUndefined();
  });

  it("takes back what kubectl owns although nothing differs", async () => {
    const world = await applied(warn);
    edit(world, "by hand");
    edit(world, "1");
    await world.run();
    expect(world.condition("Drifted")).toBeUndefined();
    expect((await record(world))?.past).toMatchObject([{ kind: "ownership", end: "corrected" }]);
    const owners = world.cluster.find(configRef("a"))?.metadata.managedFields ?? [];
    expect(owners.map(({ manager }) => manager)).not.toContain("kubectl-edit");
  });

  it("does not call unhealthy what is left deleted", async () => {
    const world = aKustomizeWorld({ wait: true });
    annotate(world, warn);
    world.git.yaml = yamlOf(deployment("web"));
    await world.run();
    world.cluster.remove({ apiVersion: "apps/v1", kind: "Deployment", namespace: "apps", name: "web" });
    const outcome = await world.run();
    expect(outcome.kind).toBe("ready");
    expect((await world.state()).drifting).toEqual({ objects: { apps_web_apps_Deployment: "unseen" } });
  });
});

describe("the mode at-interval", () => {
  const atInterval = { "driftless.dev/drift": "at-interval" };

  it("corrects an interval after the drift was first seen, whatever happens in between", async () => {
    const world = await applied(atInterval);
    edit(world, "by hand");
    expect(await world.run()).toMatchObject({ kind: "ready", afterSeconds: 600 });
    expect(reasonOf(world)).toBe("DriftAwaitsInterval");
    world.clock.advance(4 * minute);
    edit(world, "again");
    expect(await world.run()).toMatchObject({ kind: "ready", afterSeconds: 360 });
    expect(valueOf(world)).toBe("again");
    world.clock.advance(6 * minute);
    expect(await world.run(due)).toEqual({ kind: "ready", revision: "main@sha1:one" });
    expect(valueOf(world)).toBe("1");
  });

  it("corrects at once when somebody asks for a run", async () => {
    const world = await applied(atInterval);
    edit(world, "by hand");
    await world.run();
    world.request("now");
    await world.run();
    expect(valueOf(world)).toBe("1");
  });
});

describe("the mode approve", () => {
  const approve = { "driftless.dev/drift": "approve" };

  it("corrects exactly what was approved, once", async () => {
    const world = await applied(approve);
    edit(world, "by hand");
    await world.run();
    expect(reasonOf(world)).toBe("DriftAwaitsApproval");
    world.request("now");
    await world.run();
    expect(valueOf(world)).toBe("by hand");
    annotate(world, { "driftless.dev/approve-drift": planOf(world) });
    await world.run();
    expect(valueOf(world)).toBe("1");
    expect(world.object().metadata.annotations?.["driftless.dev/approve-drift"]).toBeUndefined();
    edit(world, "by hand");
    await world.run();
    expect(valueOf(world)).toBe("by hand");
  });

  it("does not take the approval of another drift", async () => {
    const world = await applied(approve);
    edit(world, "by hand");
    await world.run();
    annotate(world, { "driftless.dev/approve-drift": planOf(world) });
    edit(world, "something newer");
    await world.run();
    expect(valueOf(world)).toBe("something newer");
    expect(reasonOf(world)).toBe("DriftAwaitsApproval");
  });

  it("is what an unreadable mode means, and the condition says so", async () => {
    const world = await applied({ "driftless.dev/drift": "wran" });
    edit(world, "by hand");
    await world.run();
    expect(valueOf(world)).toBe("by hand");
    expect(world.condition("Drifted")?.[2]).toContain('annotation driftless.dev/drift is "wran", want one of');
  });
});

describe("a snooze", () => {
  it("holds correction and alarm until it is over, and the cluster's mode goes on then", async () => {
    const world = await applied({ "driftless.dev/drift-snooze": "2026-01-01T11:00:00Z a load test" });
    edit(world, "by hand");
    expect(await world.run()).toMatchObject({ kind: "ready", afterSeconds: 3600 });
    expect([reasonOf(world), world.drifts, valueOf(world)]).toEqual(["DriftSnoozed", [], "by hand"]);
    expect(world.condition("Drifted")?.[2]).toContain("snoozed until 2026-01-01T11:00:00Z (a load test)");
    world.clock.advance(60 * minute);
    await world.run(due);
    expect(valueOf(world)).toBe("1");
  });

  it("does not hold a change of Git", async () => {
    const world = await applied({ "driftless.dev/drift-snooze": "2026-01-01T11:00:00Z a load test" });
    edit(world, "by hand");
    await world.run();
    world.git = { ...world.git, revision: "main@sha1:two", closure: "c", yaml: yamlOf(config("a", "2")) };
    await world.run();
    expect(valueOf(world)).toBe("2");
  });
});

describe("a controller that rewrites a field", () => {
  it("is corrected three times, then with the interval, at most five times an hour", async () => {
    const world = await applied();
    const corrections: number[] = [];
    const start = world.clock.now();
    for (let second = 0; second < 3 * 3600; second += 60) {
      edit(world, `rewritten ${second}`, "autotuner");
      await world.run();
      if (valueOf(world) === "1") corrections.push(second);
      world.clock.advance(minute);
    }
    expect(world.clock.now() - start).toBe(3 * 3_600_000);
    expect(corrections.slice(0, 5)).toEqual([0, 60, 120, 780, 1440]);
    for (const from of corrections)
      expect(corrections.filter((at) => at >= from && at < from + 3600).length).toBeLessThanOrEqual(5);
    expect(corrections.length).toBeGreaterThan(10);
  });

  it("is named beside us in an event of its own and in the condition", async () => {
    const world = await applied();
    for (let round = 0; round < 4; round += 1) {
      edit(world, `rewritten ${round}`, "autotuner");
      await world.run();
    }
    expect(reasonOf(world)).toBe("DriftFlapping");
    expect(world.condition("Drifted")?.[2]).toContain(
      "autotuner rewrites what kustomize-controller corrects, the next correction is due at 2026-01-01T10:10:00Z",
    );
    const flapping = world.events.filter(({ reason }) => reason === "DriftFlapping");
    expect(flapping.map(({ message }) => message)).toEqual([
      expect.stringContaining("autotuner and kustomize-controller rewrite it in turns"),
    ]);
  });

  it("does not wear out the patience with another manager", async () => {
    const world = await applied();
    for (const manager of ["autotuner", "autotuner", "autotuner", "kubectl-edit"]) {
      edit(world, `by ${manager}`, manager);
      await world.run();
    }
    expect(valueOf(world)).toBe("1");
  });

  it("is counted although the worker dies before it says so", async () => {
    const world = await applied();
    for (let round = 0; round < 3; round += 1) {
      edit(world, `rewritten ${round}`, "autotuner");
      world.cluster.failNext("patch-status", new KubeError(0, "Unreachable", "no answer"));
      await world.run().catch(() => undefined);
      expect(valueOf(world)).toBe("1");
    }
    edit(world, "rewritten", "autotuner");
    await world.run();
    expect(reasonOf(world)).toBe("DriftFlapping");
  });
});

describe("a Secret", () => {
  const secret = (token: string) => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "login", namespace: "apps" },
    type: "Opaque",
    data: { token: Buffer.from(token).toString("base64") },
  });

  it("never shows a value: neither in record, condition, events nor log", async () => {
    const world = await applied({ "driftless.dev/drift": "warn" });
    world.git = { ...world.git, revision: "main@sha1:two", closure: "c", yaml: yamlOf(secret("hunter2")) };
    await world.run();
    const stolen = Buffer.from("stolen!").toString("base64");
    const ref = { apiVersion: "v1", kind: "Secret", namespace: "apps", name: "login" };
    world.cluster.edit(ref, { data: { token: stolen } }, "kubectl-edit");
    await world.run();
    const field = (await record(world))?.standing[0]?.fields[0];
    expect(field).toMatchObject({
      pointer: "/data/token",
      git: expect.stringMatching(/^hmac:[0-9a-f]{12}$/) as string,
      live: expect.stringMatching(/^hmac:[0-9a-f]{12}$/) as string,
      manager: "kubectl-edit",
    });
    expect(field?.git).not.toBe(field?.live);
    const said = JSON.stringify([await record(world), world.status(), world.events, world.logs]);
    for (const value of ["hunter2", "stolen!"].flatMap((text) => [text, Buffer.from(text).toString("base64")]))
      expect(said).not.toContain(value);
  });
});
