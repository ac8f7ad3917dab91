import { describe, expect, it } from "vitest";

import {
  clusterRoleArn,
  clusterRoleName,
  clusterRolePatterns,
  clusterRolePurposes,
  mostAccountsNamed,
} from "../../../shared/config/cluster-roles.ts";

const home = { partition: "aws", account: "999988887777" };
const arn = "arn:aws-cn:eks:cn-north-1:111122223333:cluster/other-name";

describe("clusterRoleName", () => {
  it("names engine, cluster and purpose", () => {
    expect(clusterRoleName("prod-eu", "production", "apply")).toBe("driftless-prod-eu-production-apply");
  });

  it("stays within IAM's 64 characters, apart for clusters that begin alike, and within the pattern", () => {
    const engine = "e".repeat(24);
    for (const purpose of clusterRolePurposes) {
      const names = ["a", "b"].map((end) => clusterRoleName(engine, `${"c".repeat(62)}${end}`, purpose));
      const pattern = clusterRolePatterns({ engine, clusters: [] }, purpose, home)[0]?.split("/").at(-1) ?? "";
      const [before, after] = pattern.split("*") as [string, string];

      expect(new Set(names).size).toBe(2);
      for (const name of names) {
        expect(name.length).toBeLessThanOrEqual(64);
        expect(name.startsWith(before) && name.endsWith(after)).toBe(true);
      }
    }
  });

  it("leaves a name of exactly 64 characters as it is", () => {
    const name = clusterRoleName("e", "c".repeat(64 - "driftless-e--apply".length), "apply");

    expect(name).toMatch(/^driftless-e-c+-apply$/);
    expect(name).toHaveLength(64);
  });
});

describe("clusterRoleArn", () => {
  it("is in the cluster's partition and account, under the fleet's name of the cluster", () => {
    expect(clusterRoleArn("e", { name: "production", arn }, "decrypt")).toBe(
      "arn:aws-cn:iam::111122223333:role/driftless/driftless-e-production-decrypt",
    );
  });

  it("refuses what is no cluster", () => {
    expect(() => clusterRoleArn("e", { name: "a", arn: "x" }, "apply")).toThrow('"x" is not the ARN of an EKS cluster');
  });
});

describe("clusterRolePatterns", () => {
  const clusters = Array.from({ length: mostAccountsNamed + 1 }, (_, index) => ({
    name: `c${index}`,
    arn: `arn:aws:eks:eu-west-1:1111222233${String(index).padStart(2, "0")}:cluster/c`,
  }));

  it("names each account of the fleet once", () => {
    const fleet = { engine: "e", clusters: [...clusters.slice(0, 2), ...clusters.slice(0, 1)] };

    expect(clusterRolePatterns(fleet, "sweep", home)).toEqual([
      "arn:aws:iam::111122223300:role/driftless/driftless-e-*-sweep",
      "arn:aws:iam::111122223301:role/driftless/driftless-e-*-sweep",
    ]);
  });

  it("names the engine's account while there is no cluster", () => {
    expect(clusterRolePatterns({ engine: "e", clusters: [] }, "apply", home)).toEqual([
      "arn:aws:iam::999988887777:role/driftless/driftless-e-*-apply",
    ]);
  });

  it("fits a role's inline policy, with two purposes and room for the rest, however many accounts there are", () => {
    for (const count of [mostAccountsNamed, mostAccountsNamed + 1]) {
      const fleet = { engine: "e".repeat(24), clusters: clusters.slice(0, count) };
      const both = (["apply", "decrypt"] as const).flatMap((purpose) => clusterRolePatterns(fleet, purpose, home));

      expect(both).toHaveLength(count > mostAccountsNamed ? 2 : 2 * count);
      expect(JSON.stringify(both).length).toBeLessThan(5000);
    }
  });
});
