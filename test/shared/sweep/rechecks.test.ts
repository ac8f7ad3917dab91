import { describe, expect, it } from "vitest";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { fluxObjects } from "../../../shared/sweep/due.ts";
import { findRechecks, type Rechecks } from "../../../shared/sweep/rechecks.ts";
import type { Surroundings } from "../../../shared/sweep/surroundings.ts";

const owner = (name: string) => ({
  apiVersion: "kustomize.toolkit.fluxcd.io/v1",
  kind: "Kustomization",
  metadata: { name, namespace: "apps" },
  spec: {},
  status: {
    conditions: [{ type: "Ready", status: "True" }],
    inventory: { entries: [{ id: "apps_a_apps_Deployment", v: "v1" }] },
  },
});
const owners = (count: number) =>
  fluxObjects(
    "one",
    Array.from({ length: count }, (_, index) => owner(`o${index}`)),
  );
const notReady = (object: KubeObject) => ({
  ...object,
  status: { conditions: [{ type: "Ready", status: "Unknown" }] },
});
const hour = 3600;
const start = 1_000 * 24 * hour;
const around = (changedAt: number): Surroundings => ({ "schema/apps": { digest: "x", changedAt } });

/** Sweeps each minute; gives how many were asked for in each. */
function sweeps(count: number, objects: ReturnType<typeof owners>, surroundings: (now: number) => Surroundings) {
  let rechecks: Rechecks | undefined;
  const asked: string[][] = [];
  for (let minute = 0; minute < count; minute += 1) {
    const now = start + minute * 60;
    const found = findRechecks(objects, rechecks, surroundings(now), now);
    rechecks = found.rechecks;
    asked.push([...found.keys]);
  }
  return asked;
}

describe("findRechecks", () => {
  it("asks for each owner once a day, at its own moment", () => {
    const asked = sweeps(24 * 60 + 1, owners(48), () => ({}));
    expect(asked.flat().sort()).toEqual(
      owners(48)
        .map(({ key }) => key)
        .sort(),
    );
    expect(Math.max(...asked.map((keys) => keys.length))).toBeLessThanOrEqual(3);
  });

  it("spreads a change of the surroundings over twenty sweeps", () => {
    const asked = sweeps(30, owners(100), (now) => around(now >= start + 300 ? start + 300 : 0));
    expect(asked.slice(0, 5).flat().length).toBeLessThanOrEqual(2);
    expect(new Set(asked.flat()).size).toBe(100);
    expect(Math.max(...asked.map((keys) => keys.length))).toBe(5);
  });

  it("asks for nobody more than once an hour, however often the surroundings change", () => {
    const asked = sweeps(180, owners(1), around);
    expect(asked.flat().length).toBeLessThanOrEqual(3);
  });

  it("leaves out who has nothing of what changed, and who is not ready", () => {
    const suspended = { ...owner("s"), spec: { suspend: true } };
    const objects = fluxObjects("one", [suspended]);
    expect(findRechecks(objects, { since: start, told: {} }, around(start + 1), start + 2).keys).toEqual([]);
    const other = { "schema/batch": { digest: "x", changedAt: start + 60 } };
    expect(sweeps(10, owners(1), () => other).flat().length).toBeLessThanOrEqual(1);
  });

  it("asks an owner once that is not ready while it is looked at, and all others too", () => {
    const all = owners(100);
    let rechecks: Rechecks = { since: start, told: {} };
    const asked: string[] = [];
    for (let minute = 1; minute <= 50; minute += 1) {
      const now = start + minute * 60;
      const running = new Set(asked.slice(-5));
      const objects = all.map(({ key, object }) => ({ key, object: running.has(key) ? notReady(object) : object }));
      const found = findRechecks(objects, rechecks, around(start + 30), now);
      rechecks = found.rechecks;
      asked.push(...found.keys);
    }
    expect([asked.length, new Set(asked).size]).toEqual([100, 100]);
  });

  it("asks for one that applies elsewhere once a day, whatever changed around here", () => {
    const [flux] = owners(1);
    if (!flux) throw new Error("no owner");
    const object = { ...flux.object, spec: { kubeConfig: { secretRef: { name: "spoke" } } } };
    expect(sweeps(24 * 60 + 1, [{ ...flux, object }], around).flat()).toEqual([flux.key]);
  });

  it("asks those first that waited longest", () => {
    const objects = owners(3);
    const [first, second, third] = objects.map(({ key }) => key);
    const told = { [String(first)]: start + 60, [String(second)]: start, [String(third)]: start + 30 };
    const now = start + 2 * hour;
    expect(findRechecks(objects, { since: start - hour, told }, around(now), now).keys).toEqual([second]);
  });

  it("forgets whom it asked when that is gone", () => {
    const now = start + 2 * hour;
    const { rechecks } = findRechecks(owners(1), { since: start, told: { gone: start } }, around(now), now);
    expect(rechecks.told).not.toHaveProperty("gone");
  });

  it("begins anew when the clock was set back", () => {
    const objects = owners(3);
    const { keys, rechecks } = findRechecks(objects, { since: start + hour, told: {} }, around(start), start);
    expect({ keys, rechecks }).toEqual({ keys: [], rechecks: { since: start, told: {} } });
  });
});
