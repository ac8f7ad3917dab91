import { describe, expect, it } from "vitest";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { parseJson } from "../../../shared/kubernetes/json.ts";
import { hasDrifted } from "../../../shared/ssa/drift.ts";

const live: KubeObject = {
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "a", resourceVersion: "1", labels: { a: "1" } },
  data: { a: "1", b: "2" },
  status: { seen: 1 },
};

describe("hasDrifted", () => {
  it.each<[string, Partial<KubeObject>, boolean]>([
    ["the order of fields", { data: { b: "2", a: "1" } }, false],
    ["the status", { status: { seen: 2 } }, false],
    [
      "versions and managers",
      { metadata: { name: "a", resourceVersion: "2", labels: { a: "1" }, managedFields: [] } },
      false,
    ],
    ["empty annotations", { metadata: { name: "a", labels: { a: "1" }, annotations: {} } }, false],
    ["a label", { metadata: { name: "a", labels: { a: "2" } } }, true],
    ["an annotation", { metadata: { name: "a", labels: { a: "1" }, annotations: { a: "1" } } }, true],
    ["a field", { data: { a: "1" } }, true],
    ["a field beside spec and data", { immutable: true }, true],
  ])("of %s", (_, change, expected) => {
    expect(hasDrifted(live, { ...live, ...change })).toBe(expected);
  });

  it("tells integers apart that a double cannot", () => {
    const at = (text: string) => ({ ...live, spec: parseJson(`{"n":${text}}`) });
    expect(hasDrifted(at("9223372036854775807"), at("9223372036854775806"))).toBe(true);
    expect(hasDrifted(at("9223372036854775807"), at("9223372036854775807"))).toBe(false);
  });
});
