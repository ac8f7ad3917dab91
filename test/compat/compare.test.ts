import { describe, expect, it } from "vitest";

import { compareEvents, compareObjects, compareValues } from "./compare.ts";
import { normalizeObject, withoutChance } from "./normalize.ts";
import type { Observation, SeenEvent } from "./observe.ts";

const place = { case: "a", step: 1 };
const seen = (objects: Record<string, Record<string, unknown>>, events: readonly SeenEvent[] = []): Observation => ({
  objects: new Map(Object.entries(objects)),
  events,
});

describe("compareValues", () => {
  it("names the path of each difference and counts what it looked at", () => {
    const found: unknown[] = [];
    const fields = compareValues(
      { a: { b: 1, c: "x" }, d: [1, 2] },
      { a: { b: 2, c: "x" }, d: [1] },
      [],
      (...difference) => found.push(difference),
    );

    expect(found).toEqual([
      ["a.b", 1, 2],
      ["d.1", 2, undefined],
    ]);
    expect(fields).toBe(4);
  });

  it.each([
    ["an empty map and no map", {}, undefined],
    ["a map and a list", { 0: "a" }, ["a"]],
    ["a number and its text", 1, "1"],
    ["null and nothing", null, undefined],
    ["an empty map and a filled one", {}, { a: 1 }],
  ])("tells apart %s", (_, left, right) => {
    const found: unknown[] = [];
    compareValues(left, right, ["x"], (path) => found.push(path));

    expect(found).toEqual(["x"]);
  });
});

describe("compareObjects", () => {
  it("reports an object that one side lacks once", () => {
    const { differences, objects } = compareObjects(place, seen({ "ConfigMap/a/a": { data: { a: 1 } } }), seen({}));

    expect(objects).toBe(1);
    expect(differences).toEqual([
      { ...place, object: "ConfigMap/a/a", path: "(object)", flux: { data: { a: 1 } }, driftless: undefined },
    ]);
  });
});

describe("compareEvents", () => {
  const event = (message: string, reason = "Progressing"): SeenEvent => ({
    object: "Kustomization/a/app",
    type: "Normal",
    reason,
    message,
    annotations: {},
  });

  it("pairs what is alike, so that another message is one difference", () => {
    const flux = seen({}, [event("x created"), event("y created")]);
    const driftless = seen({}, [event("y created"), event("z created")]);

    expect(compareEvents(place, flux, driftless).differences).toEqual([
      {
        ...place,
        object: "Event/Kustomization/a/app",
        path: "Normal Progressing.message",
        flux: "x created",
        driftless: "z created",
      },
    ]);
  });

  it("reports an event that has no counterpart", () => {
    const { differences } = compareEvents(place, seen({}, []), seen({}, [event("gone", "PruneFailed")]));

    expect(differences).toMatchObject([{ path: "Normal PruneFailed", flux: undefined, driftless: "gone" }]);
  });
});

describe("normalizeObject", () => {
  it("takes out identity and times, and keeps ownership by manager", () => {
    const object = {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: {
        name: "a",
        uid: "u-1",
        resourceVersion: "7",
        labels: { "controller-uid": "u-1" },
        managedFields: [
          { manager: "kube-controller-manager", operation: "Update" as const, subresource: "status" },
          { manager: "kustomize-controller", operation: "Apply" as const, time: "t", apiVersion: "v1", fieldsV1: {} },
        ],
      },
      status: { active: 1 },
    };

    expect(normalizeObject(object)).toEqual({
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: {
        name: "a",
        labels: { "controller-uid": "<uid>" },
        managedFields: { "kustomize-controller Apply": { apiVersion: "v1", fieldsV1: {} } },
      },
    });
  });
});

describe("withoutChance", () => {
  it.each([
    ["Health check passed in 23.9ms", "Health check passed in <duration>"],
    ["health check failed after 30.01s: timeout", "health check failed after <duration>: timeout"],
    ["finished in 1m2.5s, next run in 1h0m0s", "finished in <duration>, next run in 1h0m0s"],
    ["with a timeout of 30s", "with a timeout of 30s"],
    [
      "timeout waiting for: [Ghost/a/b status: 'Unknown': no matches, at all, ConfigMap/a/b status: 'NotFound']",
      "timeout waiting for: [ConfigMap/a/b status: 'NotFound', Ghost/a/b status: 'Unknown': no matches, at all]",
    ],
  ])("%s", (message, expected) => {
    expect(withoutChance(message)).toBe(expected);
  });
});
