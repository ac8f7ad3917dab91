/** An edit by hand on a real API server: its own audit log tells of it, and the cluster is swept at once. */
import { closeSync, openSync, readSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { findActor } from "../../shared/audit/actors.ts";
import { auditFilterPattern } from "../../shared/audit/filter-pattern.ts";
import { handleAuditLog } from "../../shared/audit/handle.ts";
import { createOwnedObjects } from "../../shared/audit/owned-objects.ts";
import { createCluster, type OpenCluster } from "../../shared/kubernetes/create-cluster.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { parseFilterPattern } from "../../local/filter-pattern.ts";
import { configMap, kustomization, namespace } from "../engine/cases/deploy.ts";
import { clusterName, createLiveWorld, type LiveWorld } from "../engine/live-world.ts";
import { missingForCluster, type RealCluster, startRealCluster } from "../real/up.ts";

const missing = missingForCluster();
if (missing) console.warn(`skipped: ${missing}`);

const role = (session: string) => `arn:aws:sts::111122223333:assumed-role/${session}`;
const arn = "arn:aws:eks:eu-west-1:111122223333:cluster/production";
const isDelivered = parseFilterPattern(auditFilterPattern("test", { partition: "aws", account: "111122223333" }));

describe.skipIf(missing !== undefined)("the audit log of a real API server", () => {
  let real: RealCluster;
  let world: LiveWorld;
  let ada: OpenCluster;
  let offset = 0;

  const connect = async (user: string) => {
    const { cert, key } = await real.certificateOf(user);
    return { server: real.url, ca: real.ca, clientCertificate: cert, clientKey: key };
  };

  /** Whole lines that were written since the last call, as the subscription lets them pass. */
  const delivered = (): readonly string[] => {
    const file = openSync(real.auditLog, "r");
    const bytes = Buffer.alloc(16 << 20);
    const length = readSync(file, bytes, 0, bytes.length, offset);
    closeSync(file);
    const text = bytes.toString("utf8", 0, length);
    const end = text.lastIndexOf("\n") + 1;
    offset += Buffer.byteLength(text.slice(0, end));
    return text.slice(0, end).split("\n").filter(isDelivered);
  };

  beforeAll(async () => {
    real = await startRealCluster({ audit: true });
    world = await createLiveWorld(await connect(role("driftless-test-p/s")));
    ada = createCluster(await connect(role("Admin/ada")));
    world.repository.commit({
      "clusters/production/apps.yaml": kustomization("apps", "./apps"),
      "apps/ns.yaml": namespace("shop"),
      "apps/settings.yaml": configMap("settings", "shop", { color: "green" }),
    });
    await world.sweep();
    await world.sweep();
  }, 180_000);

  afterAll(async () => {
    await ada.close();
    await world.close();
    await real.stop();
  });

  it("has an edit by hand found within five seconds, by the name of who made it, and is silent about the engine", async () => {
    const { table, blobs } = world;
    const owned = createOwnedObjects({ blobs, clock: systemClock });
    const asked: string[] = [];
    const look = async () => {
      const ports = { table, clock: systemClock, log: () => undefined, owned };
      const trigger = async (key: string) => void asked.push(key);
      const fleet = { engine: "test", clusters: [{ name: clusterName, arn, auditLogs: true }] };
      const lines = delivered();
      await handleAuditLog(
        fleet,
        { owner: "111122223333", logGroup: "/aws/eks/production/cluster", lines },
        { ...ports, trigger },
      );
    };
    await pause(500);
    await look();
    expect(asked).toEqual([]);

    const settings = { apiVersion: "v1", kind: "ConfigMap", namespace: "shop", name: "settings" };
    const editedAt = Date.now();
    await ada.mergePatch(settings, { data: { color: "red" } }, { fieldManager: "kubectl-edit" });
    while (asked.length === 0 && Date.now() - editedAt < 10_000) {
      await look();
      await pause(20);
    }
    expect(Date.now() - editedAt).toBeLessThan(5_000);
    expect(asked).toEqual([`${clusterName}/sweep`]);

    await world.sweep();
    expect((await ada.get(settings))?.data).toEqual({ color: "green" });
    expect(await findActor(table, clusterName, settings)).toMatchObject({ user: role("Admin/ada"), verb: "patch" });
    await pause(500);
    await look();
    expect(asked).toHaveLength(1);
  }, 60_000);
});
