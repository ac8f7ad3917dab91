import { describe, expect, it } from "vitest";

import type { ManagedFieldsEntry } from "../../../shared/api/kube-object.ts";
import { fold, needsTakeOver } from "../../../shared/ssa/field-managers.ts";

const entry = (
  manager: string,
  operation: "Apply" | "Update",
  fieldsV1: Record<string, unknown>,
  more: Partial<ManagedFieldsEntry> = {},
): ManagedFieldsEntry => ({
  manager,
  operation,
  apiVersion: "v1",
  fieldsType: "FieldsV1",
  fieldsV1,
  ...more,
});
const withFields = (...managedFields: readonly ManagedFieldsEntry[]) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "a", managedFields },
});

describe("needsTakeOver", () => {
  it.each([
    ["kubectl", "Apply", true],
    ["kubectl-client-side-apply", "Update", true],
    ["kubectl-edit", "Update", true],
    ["before-first-apply", "Update", true],
    ["kustomize-controller", "Update", true],
    ["kustomize-controller", "Apply", false],
    ["before-first-apply", "Apply", false],
    ["helm-controller", "Update", false],
    ["driftless", "Apply", true],
    ["driftless", "Update", false],
    ["driftless-2", "Apply", false],
  ] as const)("of %s %s is %s", (manager, operation, expected) => {
    expect(needsTakeOver(withFields(entry(manager, operation, {})))).toBe(expected);
  });

  it("leaves subresources to whoever wrote them", () => {
    expect(needsTakeOver(withFields(entry("kubectl-edit", "Update", {}, { subresource: "status" })))).toBe(false);
  });

  it.each(["Apply", "Update"] as const)("is true of %s by a manager with a prefix that is overridden", (operation) => {
    const object = withFields(entry("legacy-tool", operation, {}));
    expect([needsTakeOver(object), needsTakeOver(object, ["legacy"])]).toEqual([false, true]);
  });

  it.each([
    "kubectl.kubernetes.io/last-applied-configuration",
    "kustomize.toolkit.fluxcd.io/checksum",
    "fluxcd.io/sync-checksum",
  ])("is true of the annotation %s", (name) => {
    expect(
      needsTakeOver({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", annotations: { [name]: "x" } } }),
    ).toBe(true);
  });

  it("is true of the label of Flux 1", () => {
    expect(
      needsTakeOver({
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "a", labels: { "fluxcd.io/sync-gc-mark": "x" } },
      }),
    ).toBe(true);
  });
});

describe("fold", () => {
  const others = [entry("hpa", "Update", { "f:spec": { "f:replicas": {} } })];

  it("renames the first where there is no entry of ours, and puts it last", () => {
    const time = "2026-01-01T10:00:00Z";
    const before = [entry("kubectl-client-side-apply", "Update", { "f:data": { "f:a": {} } }, { time }), ...others];
    expect(fold(before, "v1", "kustomize-controller")).toEqual([
      ...others,
      entry("kustomize-controller", "Apply", { "f:data": { "f:a": {} } }, { time }),
    ]);
  });

  it("unites the fields with ours, a field itself written as a dot", () => {
    const ours = entry(
      "kustomize-controller",
      "Apply",
      { "f:data": { "f:a": {} }, "f:spec": {} },
      { time: "2026-01-01T10:00:00Z" },
    );
    const theirs = entry(
      "kubectl-edit",
      "Update",
      { "f:data": { "f:b": {} }, "f:spec": { "f:replicas": {} } },
      { time: "2026-02-01T10:00:00Z" },
    );
    const fields = { "f:data": { "f:a": {}, "f:b": {} }, "f:spec": { ".": {}, "f:replicas": {} } };
    expect(fold([ours, theirs], "v1", "kustomize-controller")).toEqual([{ ...ours, fieldsV1: fields }]);
  });
});
