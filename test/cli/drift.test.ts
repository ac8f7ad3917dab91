import { describe, expect, it } from "vitest";

import type { CliPorts } from "../../cli/ports.ts";
import { createProgram } from "../../cli/program.ts";
import { markOf, readGovernance } from "../../shared/drift/mode.ts";
import { type DriftRecord, emptyRecord } from "../../shared/drift/record.ts";
import { endOf } from "../../shared/drift/standing.ts";
import { aKustomization, aWorld, programPorts, type World } from "./world.ts";

const plan = "0123456789abcdef0123456789abcdef";
const tenMinutesAgo = Date.parse("2026-01-01T09:50:00Z");
const field = {
  pointer: "/data/color",
  git: "green",
  live: "a very long value that goes on\nand on and on and on",
  manager: "kubectl-edit",
  operation: "Update",
  time: "2026-01-01T09:49:58Z",
};
const record: DriftRecord = {
  ...emptyRecord("server"),
  plan,
  standing: [
    {
      ...{ id: "shop_settings__ConfigMap", v: "v1", kind: "changed", digest: "d1", since: tenMinutesAgo },
      ...{ fields: [field], more: 2, reason: "DriftAwaitsApproval" },
    },
    {
      id: "shop_web_apps_Deployment",
      v: "v1",
      kind: "deleted",
      digest: "d2",
      since: tenMinutesAgo,
      fields: [],
      reason: "DriftFlapping",
    },
  ],
  past: [
    {
      ...{ id: "shop_old__ConfigMap", v: "v1", kind: "changed", digest: "d3", since: tenMinutesAgo },
      ...{ fields: [{ pointer: "/data/x", git: "1", live: null }], end: "corrected", at: tenMinutesAgo + 60_000 },
    },
  ],
};

const key = (namespace: string, name: string) => `local/kustomize.toolkit.fluxcd.io/Kustomization/${namespace}/${name}`;
const drifts: NonNullable<CliPorts["drifts"]> = async () => [{ key: key("flux-system", "apps"), record }];

function drifted() {
  const message = `1 object differs from Git: ConfigMap/shop/settings /data/color${endOf(markOf(readGovernance({}, "approve", 0)), plan)}`;
  const condition = { type: "Drifted", status: "True", reason: "DriftAwaitsApproval", message };
  return aKustomization("apps", { status: { conditions: [condition] } });
}

const run = (world: World, ...args: readonly string[]) =>
  createProgram(programPorts(world), {}).parseAsync([...args], { from: "user" });
const columns = (text: string) => text.split("\n").map((line) => line.split("\t").map((cell) => cell.trim()));
const annotations = (world: World) => world.cluster.objects().map(({ metadata }) => metadata.annotations);

describe("drift", () => {
  it("prints a line for each field: both values, who, since when, and what is done about it", async () => {
    const world = aWorld([], { drifts });
    await run(world, "drift", "-A");
    expect(columns(world.stdout())).toEqual([
      ["NAMESPACE", "KUSTOMIZATION", "OBJECT", "FIELD", "GIT", "LIVE", "MANAGER", "SINCE", "ACTION"],
      [
        ...["flux-system", "apps", "ConfigMap/shop/settings", "/data/color", "green"],
        ...["a very long value that goes on and on a…", "kubectl-edit", "10m", "awaits approval", ""],
      ],
      ["flux-system", "apps", "ConfigMap/shop/settings", "(2 more)", "-", "-", "-", "10m", "awaits approval", ""],
      ["flux-system", "apps", "Deployment/shop/web", "(deleted)", "-", "-", "-", "10m", "flapping", ""],
      [""],
    ]);
  });

  it("keeps to a namespace, a Kustomization and a kind, and tells of the past when asked", async () => {
    const elsewhere = aWorld([], { drifts });
    await run(elsewhere, "drift", "-n", "other");
    expect([elsewhere.stdout(), elsewhere.stderr()]).toEqual(["", "✔ nothing differs from Git\n"]);
    const world = aWorld([], { drifts });
    await run(world, "drift", "apps", "--kind", "configmap", "--history");
    const objects = columns(world.stdout()).slice(1, -1);
    expect(objects.map((cells) => [cells[1], cells.at(-2)])).toEqual([
      ["ConfigMap/shop/settings", "awaits approval"],
      ["ConfigMap/shop/settings", "awaits approval"],
      ["ConfigMap/shop/old", "corrected 9m ago"],
    ]);
  });

  it("prints a list as JSON", async () => {
    const world = aWorld([], { drifts });
    await run(world, "drift", "-o", "json");
    const list = JSON.parse(world.stdout()) as unknown[];
    expect(list[0]).toMatchObject({
      ...{ cluster: "local", namespace: "flux-system", kustomization: "apps", object: "ConfigMap/shop/settings" },
      ...{ kind: "changed", fields: [field], more: 2, since: "2026-01-01T09:50:00Z", standing: true },
    });
  });

  it("ends with 1 for what stands, where that was asked for, and not for what is past", async () => {
    await expect(run(aWorld([], { drifts }), "drift", "--exit-code")).rejects.toMatchObject({
      message: "2 objects differ from Git",
      exitCode: 1,
    });
    const past = async () => [{ key: key("flux-system", "apps"), record: { ...record, standing: [] } }];
    await run(aWorld([], { drifts: past }), "drift", "--history", "--exit-code");
  });

  it("prints the conditions where the engine's table cannot be reached", async () => {
    const world = aWorld([drifted(), aKustomization("fine")]);
    await run(world, "drift");
    expect(world.stdout()).toContain("1 object differs from Git: ConfigMap/shop/settings /data/color");
    expect(world.stdout()).not.toContain("fine");
    expect(world.stderr()).toContain("no values are shown");
    await expect(run(aWorld([]), "drift", "--history")).rejects.toThrow("set DRIFTLESS_TABLE");
  });
});

describe("approve drift", () => {
  it("shows what differs and approves exactly that", async () => {
    const questions: string[] = [];
    const world = aWorld([drifted()], { drifts, confirm: async (question) => questions.push(question) > 0 });
    await run(world, "approve", "drift", "kustomization", "apps");
    expect(world.stdout()).toContain("/data/color");
    expect(questions).toEqual(["Have this corrected on local"]);
    expect(annotations(world)).toEqual([{ "driftless.dev/approve-drift": plan }]);
    expect(world.triggered).toEqual(["local/Kustomization/apps"]);
  });

  it("does nothing when the person says no, or nothing differs", async () => {
    const world = aWorld([drifted()]);
    await expect(run(world, "approve", "drift", "ks", "apps")).rejects.toThrow("aborting");
    await expect(run(aWorld([aKustomization("apps")]), "approve", "drift", "ks", "apps", "-y")).rejects.toThrow(
      "Kustomization/flux-system/apps has no drift that stands",
    );
    expect(world.cluster.writes).toEqual([]);
  });
});

describe("snooze", () => {
  it("notes until when and why, and wakes the engine", async () => {
    const world = aWorld([aKustomization("apps")]);
    await run(world, "snooze", "kustomization", "apps", "--for", "2h", "--reason", " a load\ntest ");
    expect(annotations(world)).toEqual([{ "driftless.dev/drift-snooze": "2026-01-01T12:00:00Z a load test" }]);
    expect(world.triggered).toEqual(["local/Kustomization/apps"]);
    await run(world, "snooze", "ks", "apps", "--until", "2026-01-02T00:00:00+01:00", "--reason", "longer");
    expect(annotations(world)).toEqual([{ "driftless.dev/drift-snooze": "2026-01-01T23:00:00Z longer" }]);
    await run(world, "snooze", "ks", "apps", "--end");
    expect(annotations(world)[0]?.["driftless.dev/drift-snooze"] ?? null).toBeNull();
  });

  it.each([
    [["--for", "2h"], "--reason"],
    [["--reason", "x"], "say how long"],
    [["--for", "2h", "--until", "2026-01-02T00:00:00Z", "--reason", "x"], "say how long"],
    [["--until", "2025-01-01T00:00:00Z", "--reason", "x"], "ends in the future"],
  ])("refuses %j", async (flags, words) => {
    const world = aWorld([aKustomization("apps")]);
    await expect(run(world, "snooze", "ks", "apps", ...flags)).rejects.toThrow(words);
    expect(world.cluster.writes).toEqual([]);
  });
});
