import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { emf, metrics } from "../../../shared/runtime/metrics.ts";

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

describe("the metrics", () => {
  it("are all emitted by something", () => {
    const sources = ["functions", "shared"].flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: "utf8" })
        .filter((file) => file.endsWith(".ts"))
        .map((file) => readFileSync(join(folder, file), "utf8")),
    );
    const emitted = (name: string) => sources.some((source) => source.includes(`emf(clock, "${name}",`));

    expect(Object.keys(metrics).filter((name) => !emitted(name))).toEqual([]);
  });
});
