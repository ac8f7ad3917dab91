import { describe, expect, it } from "vitest";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { compileHealthExpressions, type HealthCheckExpr } from "../../../shared/health/expressions.ts";

const prefix = "Reconciliation failed terminally due to configuration error: ";

function issuer(status: Record<string, unknown>, apiVersion = "cert-manager.io/v1"): KubeObject {
  return { apiVersion, kind: "ClusterIssuer", metadata: { name: "le", generation: 2 }, status };
}

const ready: HealthCheckExpr = {
  apiVersion: "cert-manager.io/v1",
  kind: "ClusterIssuer",
  inProgress: "has(status.busy) && status.busy",
  failed: "status.conditions.filter(e, e.type == 'Ready').all(e, e.status == 'False')",
  current: "status.conditions.filter(e, e.type == 'Ready').all(e, e.status == 'True')",
};

const condition = (status: string) => ({ conditions: [{ type: "Ready", status }] });

describe("compileHealthExpressions", () => {
  it.each([
    ["Current", condition("True")],
    ["Failed", condition("False")],
    ["InProgress", condition("Unknown")],
    ["InProgress", { ...condition("False"), busy: true }],
    ["InProgress", { ...condition("True"), observedGeneration: 1 }],
    ["Current", { ...condition("True"), observedGeneration: 2 }],
    ["Current", { ...condition("True"), observedGeneration: "1" }],
    ["Unknown", {}],
  ])("finds %s for %j", async (status, given) => {
    const assess = await compileHealthExpressions([ready]);
    expect(assess(issuer(given))?.status).toBe(status);
  });

  it("says why the health is not known", async () => {
    const assess = await compileHealthExpressions([{ ...ready, inProgress: "" }]);
    expect(assess(issuer({}))?.message).toBe(
      `failed to evaluate the CEL expression '${ready.failed ?? ""}': no such key: conditions`,
    );
  });

  it("does not look at the version", async () => {
    const assess = await compileHealthExpressions([ready]);
    expect(assess(issuer(condition("True"), "cert-manager.io/v1alpha3"))?.status).toBe("Current");
  });

  it("answers for no other group or kind", async () => {
    const assess = await compileHealthExpressions([ready]);
    expect(assess(issuer(condition("True"), "example.com/v1"))).toBeUndefined();
    expect(assess({ ...issuer({}), kind: "Issuer" })).toBeUndefined();
  });

  it("prefers the entry of the kind to that of the group", async () => {
    const group = { apiVersion: "cert-manager.io/v1", current: "false", failed: "true" };
    const assess = await compileHealthExpressions([group, ready]);
    expect(assess(issuer(condition("True")))?.status).toBe("Current");
    expect(assess({ ...issuer({}), kind: "Issuer" })?.status).toBe("Failed");
  });

  it("answers for nothing without entries", async () => {
    const assess = await compileHealthExpressions(undefined);
    expect(assess(issuer({}))).toBeUndefined();
  });

  it.each([
    [[ready, ready], "duplicate custom health check for GroupKind ClusterIssuer.cert-manager.io at healthchecks[1]"],
    [
      [ready, { ...ready, apiVersion: "cert-manager.io/v2" }],
      "duplicate custom health check for GroupKind ClusterIssuer.cert-manager.io at healthchecks[1]",
    ],
    [
      [{ ...ready, current: "" }],
      "failed to create custom status evaluator for healthchecks[0]: expression Current not specified",
    ],
    [
      [ready, { apiVersion: "v1", kind: "Pod", current: "status." }],
      "failed to create custom status evaluator for healthchecks[1]: failed to parse the expression Current: " +
        "failed to parse the CEL expression 'status.': ERROR: <input>:1:8: Syntax error: no viable alternative at input '.'\n" +
        " | status.\n | .......^",
    ],
  ])("stalls on entries that Flux refuses", async (entries, message) => {
    await expect(compileHealthExpressions(entries)).rejects.toMatchObject({
      disposition: "stall",
      reason: "InvalidCELExpression",
      message: prefix + message,
    });
  });
});
