/**
 * The alarms that the template declares, over the metrics that the engine writes: a hand edit and a sweep that stops, with
 * minutes that pass at once.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createAlarmWatch } from "../../local/alarm-watch.ts";
import { createMetricStore } from "../../local/metrics.ts";
import { createSandbox, type Sandbox } from "../../local/sandbox/create-sandbox.ts";
import { loadDeployment, type Resource } from "../../local/template.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { stack, synthesize } from "../infra/templates.ts";
import { configMap, kustomization, namespace } from "./cases/deploy.ts";
import { createLiveWorld, type LiveWorld } from "./live-world.ts";

let sandbox: Sandbox;
let world: LiveWorld;
let ahead = 0;
const clock = { ...systemClock, now: () => systemClock.now() + ahead };
const metrics = createMetricStore();
let watch: ReturnType<typeof createAlarmWatch>;

async function alarmsOfTemplate(): Promise<readonly Resource[]> {
  const folder = mkdtempSync(join(tmpdir(), "driftless-alarms-"));
  const template = stack(await synthesize(), "Driftless-prod-eu");
  writeFileSync(join(folder, "Driftless-prod-eu.template.json"), JSON.stringify(template));
  const place = { account: "1", region: "eu-west-1", gatewayUrl: "http://gateway", ingressUrl: "http://ingress" };
  const deployment = loadDeployment(folder, place);
  rmSync(folder, { recursive: true });
  return deployment.ofType("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm");
}

/** One minute later, with the tick that AWS starts then, and the workers unless they are away. */
async function minute(workers: "at work" | "away" = "at work"): Promise<void> {
  ahead += 60_000;
  if (workers === "at work") await world.settle();
  await world.tick();
}

/** Of an alarm by its short name, in the order of its changes since the last look. */
function changes(): string[] {
  return watch.look(clock.now()).changes.map(({ name, from, to }) => `${name.replace(/^.*-/, "")} ${from} ${to}`);
}

beforeAll(async () => {
  sandbox = createSandbox();
  const { url, caPem, adminToken } = await sandbox.start();
  const connection = { server: url, ca: caPem, token: async () => adminToken };
  world = await createLiveWorld(connection, { clock, emit: (line) => metrics.recordLine(line) });
  watch = createAlarmWatch(await alarmsOfTemplate(), metrics);
  world.repository.commit({
    "clusters/production/apps.yaml": kustomization("apps", "./apps"),
    "apps/ns.yaml": namespace("shop"),
    "apps/settings.yaml": configMap("settings", "shop", { color: "green" }),
  });
  await world.sweep();
}, 120_000);

afterAll(async () => {
  await world.close();
  await sandbox.stop();
});

const settings = { apiVersion: "v1", kind: "ConfigMap", namespace: "shop", name: "settings" };

describe("the alarms of the template", () => {
  it("go from OK to ALARM and back for one edit by hand", async () => {
    await minute();
    expect(changes()).toEqual(expect.arrayContaining(["DriftDetected INSUFFICIENT_DATA OK"]));

    await world.cluster.mergePatch(settings, { data: { color: "red" } }, { fieldManager: "kubectl-edit" });
    await minute();
    expect((await world.cluster.get(settings))?.data).toEqual({ color: "green" });
    expect(changes().sort()).toEqual(["Drift OK ALARM", "DriftDetected OK ALARM"]);

    await minute();
    expect(changes().sort()).toEqual(["Drift ALARM OK", "DriftDetected ALARM OK"]);
  }, 60_000);

  it("do not ring for what Git changes", async () => {
    world.repository.commit({ "apps/settings.yaml": configMap("settings", "shop", { color: "blue" }) });
    await world.trigger("GitRepository", "flux-system");
    await minute();

    expect((await world.cluster.get(settings))?.data).toEqual({ color: "blue" });
    expect(changes()).toEqual([]);
    expect(metrics.points.filter(({ name }) => name === "ApplyLagSeconds").at(-1)?.values[0]).toBeLessThan(60);
  }, 60_000);

  it("say within ten minutes that a cluster is not swept any more, and when it is again", async () => {
    const rung: string[] = [];
    for (let passed = 1; passed <= 9; passed += 1) {
      await minute("away");
      rung.push(...changes());
    }
    expect(rung).toEqual(expect.arrayContaining(["SweepAge OK ALARM", "FleetUnhealthy OK ALARM"]));

    await minute();
    await minute();
    expect(changes()).toEqual(expect.arrayContaining(["SweepAge ALARM OK", "FleetUnhealthy ALARM OK"]));
  }, 60_000);
});
