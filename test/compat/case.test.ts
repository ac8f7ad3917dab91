import { join } from "node:path";

import { describe, expect, it } from "vitest";

import type { KubeObject } from "../../shared/api/kube-object.ts";
import { listCases, loadCase } from "./case.ts";
import { findRestless } from "./settle.ts";

const folder = join(import.meta.dirname, "cases");

describe("the cases", () => {
  it.each(listCases(folder))("%s can be read and has something to reconcile", (name) => {
    const { steps, namespaces } = loadCase(folder, name);

    expect(namespaces[0]).toBe(name);
    expect(steps[0]?.objects.some(({ kind }) => kind === "Kustomization")).toBe(true);
  });
});

describe("findRestless", () => {
  const source = (revision: string): KubeObject => ({
    apiVersion: "source.toolkit.fluxcd.io/v1",
    kind: "GitRepository",
    metadata: { name: "repo", namespace: "a", generation: 1 },
    spec: {},
    status: { artifact: { revision }, conditions: [{ type: "Ready", status: "True", observedGeneration: 1 }] },
  });
  const app = (ready: Record<string, unknown>, status: Record<string, unknown> = {}): KubeObject => ({
    apiVersion: "kustomize.toolkit.fluxcd.io/v1",
    kind: "Kustomization",
    metadata: { name: "app", namespace: "a", generation: 1 },
    spec: { sourceRef: { kind: "GitRepository", name: "repo" }, dependsOn: [{ name: "first" }] },
    status: { conditions: [{ type: "Ready", observedGeneration: 1, ...ready }], ...status },
  });
  const rests = (one: KubeObject) => findRestless([source("r2")], [one], new Map()).length === 0;

  it.each([
    ["a Kustomization at the source's revision", app({ status: "True" }, { lastAppliedRevision: "r2" }), true],
    ["one at the revision before", app({ status: "True" }, { lastAppliedRevision: "r1" }), false],
    ["one that failed at the revision", app({ status: "False" }, { lastAttemptedRevision: "r2" }), true],
    ["one at work", app({ status: "Unknown" }), false],
    ["one of an older spec", app({ status: "True", observedGeneration: 0 }, { lastAppliedRevision: "r2" }), false],
    ["one that waits for what is not there", app({ status: "False", reason: "DependencyNotReady" }), true],
    ["one without a condition", { ...app({}), status: {} }, false],
  ])("%s", (_, one, expected) => {
    expect(rests(one)).toBe(expected);
  });

  it("waits for the revision that was pushed", () => {
    expect(findRestless([source("r1")], [], new Map([["GitRepository/a/repo", "r2"]]))).toHaveLength(1);
  });
});
