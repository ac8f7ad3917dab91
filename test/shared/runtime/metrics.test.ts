import { describe, expect, it } from "vitest";

import { emf } from "../../../shared/runtime/metrics.ts";

const clock = { now: () => 1_795_600_000_000 };

describe("emf", () => {
  it("writes one line in the embedded metric format, with exactly the metric's dimensions", () => {
    const line = emf(
      clock,
      "DriftDetected",
      2,
      "Count",
      { Cluster: "production" },
      { object: "Deployment/apps/frontend" },
    );

    expect(line).not.toContain("\n");
    expect(JSON.parse(line)).toEqual({
      _aws: {
        Timestamp: 1_795_600_000_000,
        CloudWatchMetrics: [
          { Namespace: "Driftless", Dimensions: [["Cluster"]], Metrics: [{ Name: "DriftDetected", Unit: "Count" }] },
        ],
      },
      Cluster: "production",
      DriftDetected: 2,
      object: "Deployment/apps/frontend",
    });
  });

  it("writes a metric of the engine without dimensions", () => {
    const line = emf(clock, "ReconcileLagSeconds", 0.5, "Seconds", {});

    expect(JSON.parse(line)).toMatchObject({
      _aws: { CloudWatchMetrics: [{ Dimensions: [[]] }] },
      ReconcileLagSeconds: 0.5,
    });
  });

  it("lets no property stand for the value, a dimension or the metadata", () => {
    const line = emf(clock, "EngineFrozen", 1, "Count", { Cluster: "a" }, { EngineFrozen: 9, Cluster: "b", _aws: "x" });

    expect(JSON.parse(line)).toMatchObject({ EngineFrozen: 1, Cluster: "a", _aws: { Timestamp: 1_795_600_000_000 } });
  });
});
