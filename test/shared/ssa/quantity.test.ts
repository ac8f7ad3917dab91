import { describe, expect, it } from "vitest";

import { withQuantities } from "../../../shared/ssa/go-quantities.ts";
import { canonicalQuantity } from "../../../shared/ssa/quantity.ts";

describe("canonicalQuantity", () => {
  // As resource.Quantity of apimachinery 0.36.3 prints them.
  it.each([
    ["1000", "1k"],
    ["1k", "1k"],
    ["0.5", "500m"],
    ["1500m", "1500m"],
    ["2000m", "2"],
    ["1000Mi", "1000Mi"],
    ["1024Mi", "1Gi"],
    ["0.5Gi", "512Mi"],
    ["1.5Gi", "1536Mi"],
    ["1e3", "1e3"],
    ["12e6", "12e6"],
    ["0", "0"],
    ["0Gi", "0"],
    ["100n", "100n"],
    ["0.1n", "1n"],
    ["1.0", "1"],
    ["1023Ki", "1023Ki"],
    ["1Ki", "1Ki"],
    ["0.5Ki", "512"],
    ["512", "512"],
    ["-1k", "-1k"],
    ["1E", "1E"],
    ["1Ei", "1Ei"],
    [".5", "500m"],
    ["1e-3", "1e-3"],
    ["123456789", "123456789"],
    ["1048576", "1048576"],
    ["0.001Mi", "1048576m"],
    ["1.5Ki", "1536"],
    ["1e4", "10e3"],
    ["100e-2", "1"],
    ["2048Mi", "2Gi"],
    ["0.5m", "500u"],
    ["1.2345678901", "1234567891n"],
    ["64Gi", "64Gi"],
    ["250m", "250m"],
  ])("prints %s as %s", (given, expected) => {
    expect(canonicalQuantity(given)).toBe(expected);
  });

  it("takes a number, and leaves what is none", () => {
    expect([2, "many", "", null, "1 Gi"].map(canonicalQuantity)).toEqual(["2", "many", "", null, "1 Gi"]);
  });
});

describe("withQuantities", () => {
  const metadata = { name: "a" };

  it("finds them in lists and maps of built-in kinds", () => {
    const container = (memory: string) => ({ name: "a", resources: { limits: { memory } } });
    const deployment = (memory: string) => ({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata,
      spec: { template: { spec: { containers: [container(memory)] } } },
    });
    expect(withQuantities(deployment("1024Mi"))).toEqual(deployment("1Gi"));
  });

  it("leaves what has the same path elsewhere", () => {
    const quota = { apiVersion: "example.org/v1", kind: "ResourceQuota", metadata, spec: { hard: { pods: "1000" } } };
    expect(withQuantities(quota)).toEqual(quota);
  });
});
