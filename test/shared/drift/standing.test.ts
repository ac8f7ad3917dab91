import { describe, expect, it } from "vitest";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { markOf, readGovernance } from "../../../shared/drift/mode.ts";
import {
  countStanding,
  endOf,
  findStanding,
  governedAs,
  isGovernedAnew,
  withStanding,
} from "../../../shared/drift/standing.ts";

const now = Date.parse("2026-01-01T12:00:00Z");
const plan = "0123456789abcdef0123456789abcdef";

function anObject(
  reason: "DriftWarned" | "DriftSnoozed" | "DriftFlapping",
  annotations: Readonly<Record<string, string>> = {},
  written = annotations,
): KubeObject {
  const mark = markOf(readGovernance(written, "warn", now));
  const standing = { reason, message: `1 object differs from Git: ConfigMap/a/b /data/x${endOf(mark, plan)}` };
  return {
    apiVersion: "kustomize.toolkit.fluxcd.io/v1",
    kind: "Kustomization",
    metadata: { name: "shop", namespace: "apps", annotations },
    status: withStanding({}, standing, { now, generation: 1 }),
  };
}

describe("withStanding", () => {
  it("says what stands, and nothing when nothing does", () => {
    const status = { conditions: [] };
    expect(withStanding(status, undefined, { now, generation: 1 })).toBe(status);
    const object = anObject("DriftWarned");
    expect(findStanding(object)).toMatchObject({ reason: "DriftWarned", plan });
    expect(withStanding(object.status as object, undefined, { now, generation: 1 })).toEqual({ conditions: [] });
  });
});

describe("isGovernedAnew", () => {
  it("is false while all is as it was", () => {
    expect(isGovernedAnew(anObject("DriftWarned"), "warn", now)).toBe(false);
    const snoozed = { "driftless.dev/drift-snooze": "2026-01-01T13:00:00Z a; mode b; plan c" };
    expect(isGovernedAnew(anObject("DriftSnoozed", snoozed), "warn", now)).toBe(false);
  });

  it.each([
    ["the approval of exactly this drift", { "driftless.dev/approve-drift": plan }, "warn", now],
    ["another mode", { "driftless.dev/drift": "at-interval" }, "warn", now],
    ["another default of the cluster", {}, "approve", now],
  ] as const)("is true for %s", (_, annotations, fallback, at) => {
    expect(isGovernedAnew(anObject("DriftWarned", annotations, {}), fallback, at)).toBe(true);
  });

  it("is true when a snooze is over", () => {
    const snoozed = { "driftless.dev/drift-snooze": "2026-01-01T13:00:00Z" };
    expect(isGovernedAnew(anObject("DriftSnoozed", snoozed), "warn", now + 3_600_000)).toBe(true);
  });

  it("is false for what a run knew that failed, until it is governed otherwise again", () => {
    const object = anObject("DriftWarned", { "driftless.dev/approve-drift": plan });
    const failed = governedAs(object, "warn", now);
    expect(isGovernedAnew(object, "warn", now, failed)).toBe(false);
    expect(isGovernedAnew(object, "approve", now, failed)).toBe(true);
    expect(isGovernedAnew(anObject("DriftWarned", {}, {}), "approve", now, failed)).toBe(true);
    expect(isGovernedAnew(object, "warn", now, "")).toBe(true);
  });

  it("passes over an approval of another drift", () => {
    const annotations = { "driftless.dev/approve-drift": "f".repeat(32) };
    expect(isGovernedAnew(anObject("DriftWarned", annotations), "warn", now)).toBe(false);
  });
});

describe("countStanding", () => {
  it("counts Kustomizations, but for what is snoozed", () => {
    const objects = [anObject("DriftWarned"), anObject("DriftSnoozed"), anObject("DriftFlapping")];
    expect(countStanding(objects)).toEqual({ uncorrected: 2, flapping: 1 });
  });
});
