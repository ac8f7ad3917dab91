import { gzipSync } from "node:zlib";

import { describe, expect, it } from "vitest";

import { findActor } from "../../../shared/audit/actors.ts";
import { findCulprit, type FoundChange } from "../../../shared/audit/culprit.ts";
import { handleAuditLog } from "../../../shared/audit/handle.ts";
import { readLogEvents } from "../../../shared/audit/log-events.ts";
import { createOwnedObjects } from "../../../shared/audit/owned-objects.ts";
import { indexOwned } from "../../../shared/audit/relevance.ts";
import type { Fleet } from "../../../shared/config/fleet.ts";
import { saveMemory } from "../../../shared/sweep/memory.ts";
import { recordRest } from "../../../shared/runtime/cluster-record.ts";
import { createMemoryBlobs } from "../../engine/memory-blobs.ts";
import { fakeClock } from "../../fakes/fake-clock.ts";
import { createMemoryTable } from "../../fakes/memory-table.ts";
import { ada, lineWith, recordedLines } from "./recorded.ts";

const arn = "arn:aws:eks:eu-west-1:111122223333:cluster/main";
const fleet: Fleet = {
  engine: "prod-eu",
  clusters: [
    { name: "production", arn, auditLogs: true },
    { name: "silent", arn: arn.replace("main", "silent") },
  ],
};
const settings = { apiVersion: "v1", kind: "ConfigMap", namespace: "shop", name: "settings" };

function aWorld() {
  const clock = fakeClock();
  const table = createMemoryTable({ now: clock.now });
  const triggered: string[] = [];
  const logs: object[] = [];
  const deliver = (lines: readonly string[], logGroup = "/aws/eks/main/cluster", owner = "111122223333") =>
    handleAuditLog(
      fleet,
      { owner, logGroup, lines },
      {
        table,
        clock,
        log: (event, fields = {}) => logs.push({ event, ...fields }),
        trigger: async (key, why) => void triggered.push(`${key} ${why}`),
        owned: async () => indexOwned(["shop_settings__ConfigMap"]),
      },
    );
  return { clock, table, triggered, logs, deliver };
}

describe("a delivery of audit log lines", () => {
  it("has the cluster swept once, and keeps who changed what last", async () => {
    const { table, triggered, logs, deliver } = aWorld();
    await deliver(recordedLines);

    expect(triggered).toEqual(["production/sweep audit"]);
    expect(await findActor(table, "production", settings)).toMatchObject({ user: ada, verb: "delete" });
    expect(logs).toMatchObject([{ event: "changed by hand", key: "production/sweep", user: ada }]);
  });

  it("has nothing swept for objects that Git does not describe, nor for another log", async () => {
    const { triggered, deliver } = aWorld();
    await deliver([lineWith({ objectRef: { resource: "configmaps", namespace: "shop", name: "other" } })]);
    await deliver(recordedLines, "/aws/eks/silent/cluster");
    await deliver(recordedLines, "/aws/eks/main/cluster", "444455556666");
    await deliver([]);

    expect(triggered).toEqual([]);
  });

  it("does not wake a sweep that rests, and keeps who it was", async () => {
    const { clock, table, triggered, deliver } = aWorld();
    await recordRest(table, "production", clock.now() / 1000 + 600);
    await deliver([lineWith({})]);
    expect(triggered).toEqual([]);
    expect(await findActor(table, "production", settings)).toMatchObject({ user: ada });
  });

  it("leaves a cluster to its regular sweep where somebody writes all the time", async () => {
    const { clock, triggered, deliver } = aWorld();
    for (let at = 0; at < 25; at += 1) await deliver([lineWith({})]);
    expect(triggered).toHaveLength(10);
    clock.advance(60_000);
    await deliver([lineWith({})]);
    expect(triggered).toHaveLength(11);
  });
});

describe("findActor", () => {
  it("finds nobody for another object, another kind of the same name, or an earlier change", async () => {
    const { table, deliver } = aWorld();
    await deliver([lineWith({})]);
    const at = (await findActor(table, "production", settings))?.at ?? "";

    expect(await findActor(table, "production", settings, at)).toMatchObject({ user: ada });
    expect(await findActor(table, "production", settings, "2999-01-01T00:00:00Z")).toBeUndefined();
    expect(await findActor(table, "production", { ...settings, kind: "Secret" })).toBeUndefined();
    expect(await findActor(table, "production", { ...settings, name: "other" })).toBeUndefined();
    expect(await findActor(table, "staging", settings)).toBeUndefined();
  });
});

describe("findCulprit", () => {
  it.each<[string, Partial<FoundChange>, boolean]>([
    ["who patched what is changed since", { times: ["2026-01-01T09:59:58Z", "2026-01-01T10:00:02Z"] }, true],
    ["who patched what tells no time", {}, true],
    ["nobody for what was changed later by somebody else", { times: ["2026-01-01T10:00:03Z"] }, false],
    ["nobody for what was deleted", { isDeleted: true }, false],
    ["who patched what tells a time that is none", { times: ["soon"] }, true],
  ])("finds %s", async (_, change, found) => {
    const { table, deliver } = aWorld();
    await deliver([lineWith({ requestReceivedTimestamp: "2026-01-01T10:00:00.900000Z" })]);

    const culprit = await findCulprit(table, "production", { ref: settings, isDeleted: false, times: [], ...change });
    expect(culprit?.user).toBe(found ? ada : undefined);
  });
});

describe("createOwnedObjects", () => {
  it("reads what the last sweep remembers, and keeps what has just been changed", async () => {
    const clock = fakeClock();
    const blobs = createMemoryBlobs();
    const owned = createOwnedObjects({ blobs, clock });
    expect((await owned("production")).size).toBe(0);

    const memory = { v: 1 as const, server: "s", clean: { shop_settings__ConfigMap: "u 1", shop_b__Secret: "v 1" } };
    await saveMemory(blobs, "production", memory);
    expect(await owned("production")).toContain("/shop/settings");
    await saveMemory(blobs, "production", { ...memory, clean: { shop_b__Secret: "v 1" } });
    clock.advance(31_000);
    expect(await owned("production")).toContain("/shop/settings");
  });
});

describe("readLogEvents", () => {
  const packed = (value: unknown) => ({
    awslogs: { data: gzipSync(typeof value === "string" ? value : JSON.stringify(value)).toString("base64") },
  });

  it("unpacks lines, and passes over the message that tries the subscription", async () => {
    const delivery = { messageType: "DATA_MESSAGE", owner: "1", logGroup: "g", logEvents: [{ message: "a" }, 7, {}] };
    expect(await readLogEvents(packed(delivery))).toEqual({ owner: "1", logGroup: "g", lines: ["a"] });
    expect(await readLogEvents(packed({ ...delivery, messageType: "CONTROL_MESSAGE" }))).toBeUndefined();
  });

  it.each<[string, unknown]>([
    ["another event", {}],
    ["no gzip", { awslogs: { data: "AAAA" } }],
    ["no JSON", packed("x")],
    ["no log group", packed({ messageType: "DATA_MESSAGE" })],
    ["a bomb", packed("0".repeat(65 * 1024 * 1024))],
  ])("refuses %s", async (_, event) => {
    await expect(readLogEvents(event)).rejects.toThrow();
  });
});
