import { describe, expect, it } from "vitest";

import type { ObjectRef } from "../../../shared/api/kube-object.ts";
import {
  findExcess,
  heldMessage,
  parseHeldMessage,
  planDigest,
  readBudget,
} from "../../../shared/kustomize/deletion-budget.ts";
import { configId, configRef } from "./kustomize-world.ts";

const refs = (count: number): readonly ObjectRef[] =>
  Array.from({ length: count }, (_, index) => configRef(`c${index}`));
const claim: ObjectRef = { apiVersion: "v1", kind: "PersistentVolumeClaim", namespace: "apps", name: "disk" };
const definition: ObjectRef = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  name: "dials.example.com",
};

const excess = (annotations: Readonly<Record<string, string>>, gone: readonly ObjectRef[], size = 100) => {
  const budget = readBudget(annotations);
  if (!budget) throw new Error("no budget");
  return findExcess(budget, gone, size);
};

describe("readBudget", () => {
  it("is none without its annotations", () => {
    expect(readBudget({ "driftless.dev/approve-prune": "x", "other/prune-max-count": "1" })).toBeUndefined();
    expect(readBudget()).toBeUndefined();
  });

  it.each([
    ["a count that is met", { "driftless.dev/prune-max-count": "3" }, 3, []],
    ["a count", { "driftless.dev/prune-max-count": "2" }, 3, ["driftless.dev/prune-max-count allows 2"]],
    ["no deletion at all", { "driftless.dev/prune-max-count": "0" }, 1, ["driftless.dev/prune-max-count allows 0"]],
    ["a share that is met", { "driftless.dev/prune-max-percent": "20" }, 20, []],
    ["a share", { "driftless.dev/prune-max-percent": "20" }, 21, ["driftless.dev/prune-max-percent allows 20% of 100"]],
    ["nothing of nothing", { "driftless.dev/prune-max-count": "many" }, 0, []],
  ])("reads %s", (_, annotations: Record<string, string>, count, reasons) => {
    expect(excess(annotations, refs(count))).toEqual(reasons);
  });

  it("guards kinds, of one group or of any, however they are written", () => {
    const protect = (text: string) => excess({ "driftless.dev/prune-protect": text }, [claim, definition]);
    expect(protect("Namespace")).toEqual([]);
    expect(protect("persistentvolumeclaim , Namespace")).toEqual([
      "driftless.dev/prune-protect guards PersistentVolumeClaim/apps/disk",
    ]);
    expect(protect("CustomResourceDefinition.apiextensions.k8s.io")).toEqual([
      "driftless.dev/prune-protect guards CustomResourceDefinition/dials.example.com",
    ]);
    expect(protect("CustomResourceDefinition.example.com")).toEqual([]);
  });

  it.each([
    [
      { "driftless.dev/prune-max-count": "ten" },
      'annotation driftless.dev/prune-max-count is "ten", want a whole number',
    ],
    [
      { "driftless.dev/prune-max-count": "-1" },
      'annotation driftless.dev/prune-max-count is "-1", want a whole number',
    ],
    [
      { "driftless.dev/prune-max-percent": "101" },
      'annotation driftless.dev/prune-max-percent is "101", want a whole number from 0 to 100',
    ],
    [
      { "driftless.dev/prune-protect": "v1/Secret" },
      'annotation driftless.dev/prune-protect names "v1/Secret", want Kind or Kind.group, separated by commas',
    ],
    [
      { "driftless.dev/prune-max-counts": "1" },
      "annotation driftless.dev/prune-max-counts is unknown, want one of driftless.dev/prune-max-count, driftless.dev/prune-max-percent, driftless.dev/prune-protect",
    ],
  ])("lets nothing go under %j", (annotations: Record<string, string>, reason) => {
    expect(excess(annotations, refs(1))).toEqual([reason]);
  });
});

describe("heldMessage", () => {
  it("names the first objects, the reasons and the command, and is read again", () => {
    const digest = planDigest("uid-1", [configId("a")]);
    const message = heldMessage(refs(7), ["one", "two"], { digest, name: "shop", namespace: "apps" });
    expect(message).toBe(
      `7 to be pruned, held back: ConfigMap/apps/c0, ConfigMap/apps/c1, ConfigMap/apps/c2, ConfigMap/apps/c3, ConfigMap/apps/c4 and 2 more; one; two; approve plan ${digest} with: driftless approve kustomization shop -n apps`,
    );
    expect(parseHeldMessage(message)).toEqual({ count: 7, digest });
    expect(parseHeldMessage("Applied revision: main")).toBeUndefined();
  });
});

describe("planDigest", () => {
  it("is of the set and of the incarnation", () => {
    const [a, b] = [configId("a"), configId("b")];
    expect(planDigest("u", [a, b])).toBe(planDigest("u", [b, a]));
    expect(planDigest("u", [a, b])).not.toBe(planDigest("u", [a]));
    expect(planDigest("u", [a, b])).not.toBe(planDigest("v", [a, b]));
  });
});
