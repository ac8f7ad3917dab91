import { describe, expect, it } from "vitest";

import { concludeHealth, type AssessedObject } from "../../../shared/health/conclude-health.ts";
import type { HealthStatus } from "../../../shared/health/result.ts";

const deployment = (name: string, status: HealthStatus): AssessedObject => ({
  ref: { apiVersion: "apps/v1", kind: "Deployment", namespace: "golden", name },
  health: { status, message: "" },
});

describe("concludeHealth", () => {
  it("is current when all are", () => {
    expect(concludeHealth([deployment("web", "Current")])).toEqual({ kind: "current" });
  });

  it("waits in Flux's words for those that are not", () => {
    const conclusion = concludeHealth([
      deployment("web", "Current"),
      deployment("never", "InProgress"),
      deployment("gone", "NotFound"),
    ]);

    expect(conclusion).toEqual({
      kind: "waiting",
      message:
        "timeout waiting for: [Deployment/golden/never status: 'InProgress', Deployment/golden/gone status: 'NotFound']",
      open: [deployment("never", "InProgress").ref, deployment("gone", "NotFound").ref],
    });
  });

  it("fails at the first failure and names only what failed", () => {
    expect(concludeHealth([deployment("slow", "InProgress"), deployment("bad", "Failed")])).toEqual({
      kind: "failed",
      message: "failed early due to stalled resources: [Deployment/golden/bad status: 'Failed']",
      open: [deployment("bad", "Failed").ref],
    });
  });

  it("waits for the rest without failFast, and fails when only failures are left", () => {
    const bad = deployment("bad", "Failed");

    expect(concludeHealth([deployment("slow", "InProgress"), bad], { failFast: false }).kind).toBe("waiting");
    expect(concludeHealth([deployment("done", "Current"), bad], { failFast: false }).kind).toBe("failed");
  });

  it("takes a vanished Job with a time to live for finished", () => {
    expect(concludeHealth([{ ...deployment("migrate", "NotFound"), vanishesWhenDone: true }])).toEqual({
      kind: "current",
    });
  });
});
