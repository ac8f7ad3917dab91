import { describe, expect, it } from "vitest";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { findUnreadyByExpression, needsBuiltInCheck } from "../../../shared/kustomize/ready-expression.ts";

function kustomization(name: string, status?: Record<string, unknown>): KubeObject {
  return {
    apiVersion: "kustomize.toolkit.fluxcd.io/v1",
    kind: "Kustomization",
    metadata: { name, namespace: "flux-system", generation: 1, labels: { ring: "1" } },
    ...(status ? { status } : {}),
  };
}

const ask = (readyExpr: string, status?: Record<string, unknown>) =>
  findUnreadyByExpression({ readyExpr, self: kustomization("apps"), dep: kustomization("infra", status) });

describe("findUnreadyByExpression", () => {
  it("finds nothing when the expression holds", async () => {
    const text = "dep.status.conditions.exists(c, c.type == 'Ready') && self.metadata.labels == dep.metadata.labels";
    expect(await ask(text, { conditions: [{ type: "Ready", status: "False" }] })).toBeUndefined();
  });

  it("tells when it does not", async () => {
    expect(await ask("dep.metadata.generation > 1")).toBe(
      "dependency 'flux-system/infra' is not ready according to readyExpr eval",
    );
  });

  it("takes a field that is not there yet for not ready", async () => {
    expect(await ask("dep.status.phase == 'x'")).toBe(
      "failed to evaluate the CEL expression 'dep.status.phase == 'x'': no such key: phase",
    );
  });

  it.each([
    ["dep.status.ready", "CEL expression output type mismatch: expected bool, got dyn"],
    [
      "other.x == 1",
      "failed to parse the CEL expression 'other.x == 1': ERROR: <input>:1:1: undeclared reference to 'other' " +
        "(in container '')\n | other.x == 1\n | ^",
    ],
  ])("stalls on %s", async (text, why) => {
    await expect(ask(text)).rejects.toMatchObject({
      disposition: "stall",
      reason: "InvalidCELExpression",
      message:
        "Reconciliation failed terminally due to configuration error: terminal error: " +
        `failed to evaluate dependency infra: ${why}`,
    });
  });
});

describe("needsBuiltInCheck", () => {
  it("leaves a dependency to its expression unless the gate adds it to the check", () => {
    expect(needsBuiltInCheck("true")).toBe(false);
    expect(needsBuiltInCheck("true", true)).toBe(true);
    expect(needsBuiltInCheck(undefined)).toBe(true);
    expect(needsBuiltInCheck("")).toBe(true);
  });
});
