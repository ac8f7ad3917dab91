import { describe, expect, it } from "vitest";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import type { Outcome } from "../../../shared/kustomize/ports.ts";
import { aKustomizeWorld, config, configRef, deployment, rolledOut, self, yamlOf } from "./kustomize-world.ts";

const webRef = { apiVersion: "apps/v1", kind: "Deployment", namespace: "apps", name: "web" };
const phaseOf = (outcome: Outcome) => {
  if (outcome.kind !== "health") throw new Error(`the run ended as ${outcome.kind}`);
  return outcome.phase;
};

/** Deleted and made again by somebody, its finalizer notwithstanding. */
function remade(world: ReturnType<typeof aKustomizeWorld>): void {
  const { metadata, ...object } = world.object();
  world.cluster.remove(self);
  const { name, namespace, finalizers = [] } = metadata;
  world.cluster.put({ ...object, metadata: { name, namespace, finalizers } });
}

describe("health", () => {
  async function aWorldThatWaits(spec: Readonly<Record<string, unknown>> = {}) {
    const world = aKustomizeWorld({ wait: true, timeout: "2m", ...spec });
    world.git.yaml = yamlOf(deployment("web"), config("a"));
    return { world, first: await world.run() };
  }

  it("is waited for inside the run for ten seconds, then as a phase of the row", async () => {
    const { world, first } = await aWorldThatWaits();
    const start = Date.parse("2026-01-01T10:00:00Z");
    expect(world.clock.now() - start).toBeGreaterThan(9_000);
    expect(world.clock.now() - start).toBeLessThanOrEqual(10_000);
    expect(first).toEqual({
      kind: "health",
      revision: "main@sha1:one",
      afterSeconds: 5,
      phase: {
        phase: "health",
        phaseRev: "main@sha1:one",
        phaseOf: `server/${world.object().metadata.uid}`,
        phaseGen: 1,
        phaseStart: start,
        phaseUntil: start + 120_000,
        phaseDigest: "sha256:closure-1",
        phaseChanged: true,
        phaseHealthy: false,
      },
    });
    expect(world.condition("Reconciling")).toEqual([
      "True",
      "Progressing",
      "Running health checks for revision main@sha1:one with a timeout of 2m0s",
    ]);
    expect(world.condition("Ready")).toEqual(["Unknown", "Progressing", "Reconciliation in progress"]);
  });

  it("is looked at with growing pauses, and nothing else is done meanwhile", async () => {
    const { world, first } = await aWorldThatWaits({ timeout: "20m" });
    const phase = phaseOf(first);
    const pauses: number[] = [];
    world.cluster.forgetRequests();
    for (const seconds of [29, 60, 200, 400]) {
      world.clock.advance(phase.phaseStart + seconds * 1000 - world.clock.now());
      const outcome = await world.run({ ...phase });
      expect(phaseOf(outcome)).toEqual(phase);
      if (outcome.kind === "health") pauses.push(outcome.afterSeconds);
    }
    expect(pauses).toEqual([5, 10, 15, 30]);
    expect(world.builds).toHaveLength(1);
    expect(world.writes()).toEqual([]);
  });

  it("ends well in a later look, with the time since the apply", async () => {
    const { world, first } = await aWorldThatWaits();
    world.events.splice(0);
    world.cluster.edit(webRef, { status: rolledOut }, "kube-controller-manager");
    world.clock.advance(Date.parse("2026-01-01T10:00:42Z") - world.clock.now());
    expect(await world.run({ ...phaseOf(first) })).toEqual({ kind: "ready", revision: "main@sha1:one" });
    expect(world.condition("Healthy")).toEqual(["True", "Succeeded", "Health check passed in 42s"]);
    expect(world.events.map(({ message }) => message)).toContain("Health check passed in 42s");
    expect(world.status().history).toMatchObject([{ digest: "sha256:closure-1" }]);
    expect(world.builds).toHaveLength(1);
  });

  it("fails when the time is up, in Flux's words", async () => {
    const { world, first } = await aWorldThatWaits();
    world.clock.advance(Date.parse("2026-01-01T10:02:00Z") - world.clock.now());
    expect(await world.run({ ...phaseOf(first) })).toMatchObject({ kind: "retrying", afterSeconds: 600 });
    const timeout = "timeout waiting for: [Deployment/apps/web status: 'InProgress']";
    expect(world.condition("Ready")).toEqual([
      "False",
      "HealthCheckFailed",
      `health check failed after 2m0s: ${timeout} — Deployment/apps/web: no Pods exist yet`,
    ]);
    expect(world.condition("Healthy")).toEqual(["False", "HealthCheckFailed", timeout]);
    expect(world.status().lastAppliedRevision).toBeUndefined();
    expect(world.inventory()).toHaveLength(2);
  });

  it("fails at once when something cannot become healthy", async () => {
    const { world, first } = await aWorldThatWaits();
    const conditions = [{ type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded" }];
    world.cluster.edit(webRef, { status: { observedGeneration: 1, conditions } }, "kube-controller-manager");
    expect(await world.run({ ...phaseOf(first) })).toMatchObject({ kind: "retrying" });
    expect(world.condition("Ready")?.[2]).toContain(
      "failed early due to stalled resources: [Deployment/apps/web status: 'Failed']",
    );
  });

  it.each<[string, (world: ReturnType<typeof aKustomizeWorld>) => void]>([
    ["a new revision", (world) => void (world.git.revision = "main@sha1:two")],
    ["another spec", (world) => void world.cluster.edit(self, { spec: { timeout: "3m" } })],
    ["a request", (world) => world.request("now")],
    ["another API server", (world) => void (world.server = "restored")],
    ["another object of the name", remade],
  ])("is superseded by %s, which builds again and begins another wait", async (_, change) => {
    const { world, first } = await aWorldThatWaits();
    change(world);
    world.clock.advance(60_000);
    const { phaseStart } = phaseOf(await world.run({ ...phaseOf(first) }));
    expect(world.builds).toHaveLength(2);
    expect(phaseStart).toBeGreaterThan(phaseOf(first).phaseStart);
  });

  it.each([
    [true, ["Health checks canceled due to new reconciliation triggered by GitRepository/apps/shop"]],
    [false, []],
  ])("tells that a newer revision ended it where CancelHealthCheckOnNewRevision is %s", async (enabled, told) => {
    const { world, first } = await aWorldThatWaits();
    const { kustomize } = world.settings;
    const gates = { ...kustomize.gates, CancelHealthCheckOnNewRevision: enabled };
    world.settings = { ...world.settings, kustomize: { ...kustomize, gates } };
    world.git.revision = "main@sha1:two";

    await world.run({ ...phaseOf(first) });

    const canceled = world.events.filter(({ reason }) => reason === "HealthCheckCanceled");
    expect(canceled.map(({ message }) => message)).toEqual(told);
    expect(new Set(canceled.map(({ action }) => action))).toEqual(new Set(told.map(() => "HealthCheck")));
  });

  it("keeps its condition's message while nothing changes", async () => {
    const { world, first } = await aWorldThatWaits();
    world.cluster.edit(webRef, { status: rolledOut }, "kube-controller-manager");
    await world.run({ ...phaseOf(first) });
    const healthy = world.condition("Healthy");
    world.events.splice(0);
    world.clock.advance(600_000);
    expect(await world.run()).toMatchObject({ kind: "ready" });
    expect(world.condition("Healthy")).toEqual(healthy);
    expect(world.events.map(({ reason }) => reason)).toEqual(["ReconciliationSucceeded"]);
  });

  it("of listed objects alone counts without wait", async () => {
    const healthChecks = [{ kind: "Deployment", name: "web", namespace: "apps" }];
    const { first } = await aWorldThatWaits({ wait: false, healthChecks });
    expect(first.kind).toBe("health");
    const { first: none } = await aWorldThatWaits({ wait: false });
    expect(none.kind).toBe("ready");
  });

  describe("of a Job that its TTL deletes", () => {
    const job: KubeObject = {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { name: "migrate", namespace: "apps" },
      spec: { ttlSecondsAfterFinished: 5, template: { spec: { containers: [{ name: "a", image: "a" }] } } },
    };
    const jobRef = { apiVersion: "batch/v1", kind: "Job", namespace: "apps", name: "migrate" };

    async function aWorldWithAJob(object = job) {
      const world = aKustomizeWorld({ wait: true, timeout: "2m" });
      world.git.yaml = yamlOf(object);
      const first = await world.run();
      await world.cluster.delete(jobRef);
      return { world, phase: phaseOf(first) };
    }

    it("is good when it is gone, and it comes again with the interval", async () => {
      const { world, phase } = await aWorldWithAJob();
      expect(await world.run({ ...phase })).toMatchObject({ kind: "ready", afterSeconds: 600 });
      expect(world.condition("Healthy")?.[0]).toBe("True");
      expect(world.cluster.find(jobRef)).toBeUndefined();
      await world.run();
      expect(world.cluster.find(jobRef)).toBeDefined();
    });

    it("is not when another was deleted", async () => {
      const { world, phase } = await aWorldWithAJob({
        ...job,
        spec: { ...(job.spec as object), ttlSecondsAfterFinished: undefined },
      });
      expect(await world.run({ ...phase })).toMatchObject({ kind: "health" });
    });
  });

  it("is not asked again for what is healthy already", async () => {
    const world = aKustomizeWorld({ wait: true, timeout: "2m" });
    world.git.yaml = yamlOf(deployment("web"), deployment("slow"));
    world.cluster.forgetRequests();
    let looks = 0;
    const { sleep } = world.clock;
    Object.assign(world.clock, {
      sleep: async (millis: number) => {
        if ((looks += 1) === 1) world.cluster.edit(webRef, { status: rolledOut }, "kube-controller-manager");
        await sleep(millis);
      },
    });
    await world.run();
    const gets = world.cluster.requests.filter((request) => request === "get Deployment/apps/web");
    expect(looks).toBeGreaterThan(5);
    expect(gets.length).toBeLessThanOrEqual(3);
  });

  it("waits for a kind that nobody has defined, and names it", async () => {
    const healthChecks = [{ apiVersion: "nothere.example.com/v1", kind: "Ghost", name: "a", namespace: "apps" }];
    const { world, first } = await aWorldThatWaits({ wait: false, healthChecks });
    world.clock.advance(180_000);
    await world.run({ ...phaseOf(first) });
    expect(world.condition("Healthy")?.[2]).toBe(
      `timeout waiting for: [Ghost/apps/a status: 'Unknown': no matches for kind "Ghost" in group "nothere.example.com"]`,
    );
  });

  it("is told by the expressions of the spec, which replace the rules of a kind", async () => {
    const healthCheckExprs = [
      { apiVersion: "apps/v1", kind: "Deployment", current: "metadata.labels.healthy == 'yes'", failed: "false" },
    ];
    const { world, first } = await aWorldThatWaits({ healthCheckExprs });
    expect(world.condition("Ready")?.[0]).toBe("Unknown");
    world.cluster.edit(webRef, { metadata: { labels: { healthy: "yes" } } }, "somebody");
    expect(await world.run({ ...phaseOf(first) })).toMatchObject({ kind: "ready" });
  });

  it("stalls for an expression that does not compile", async () => {
    const world = aKustomizeWorld({ healthCheckExprs: [{ apiVersion: "v1", kind: "Pod", current: "status." }] });
    expect(await world.run()).toMatchObject({ kind: "stalled" });
    expect(world.condition("Stalled")?.[1]).toBe("InvalidCELExpression");
    expect(world.condition("Ready")?.[2]).toMatch(/^Reconciliation failed terminally due to configuration error: /);
  });

  it("never asks for ConfigMaps and the like, which are healthy when applied", async () => {
    const { world } = await aWorldThatWaits();
    expect(world.cluster.requests).not.toContain("get ConfigMap/apps/a");
    expect(world.cluster.find(configRef("a"))).toBeDefined();
  });
});
