import { describe, expect, it } from "vitest";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { lookUp, parsePointer, withValue, without } from "../../../shared/ssa/json-pointer.ts";

const object: KubeObject = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "a", labels: { "app.kubernetes.io/name": "a", "~": "tilde" } },
  spec: { replicas: 1, nothing: null, containers: [{ name: "a" }, { name: "b" }] },
};
const pointer = (text: string) => parsePointer(text) ?? [];

describe("parsePointer", () => {
  it("unescapes the steps", () => {
    expect(parsePointer("/metadata/labels/app.kubernetes.io~1name/~01")).toEqual([
      "metadata",
      "labels",
      "app.kubernetes.io/name",
      "~1",
    ]);
  });

  it.each(["", "spec/replicas"])("gives undefined for %j", (text) => {
    expect(parsePointer(text)).toBeUndefined();
  });
});

describe("lookUp", () => {
  it.each([
    ["/spec/replicas", 1],
    ["/spec/nothing", null],
    ["/spec/containers/1/name", "b"],
    ["/metadata/labels/app.kubernetes.io~1name", "a"],
    ["/metadata/labels/~0", "tilde"],
  ])("finds %s", (text, value) => {
    expect(lookUp(object, pointer(text))).toEqual({ value });
  });

  it.each([
    "/spec/replicas/deeper",
    "/spec/absent/deeper",
    "/spec/containers/2",
    "/spec/containers/x",
    "/spec/toString",
  ])("leads nowhere with %s", (text) => {
    expect(lookUp(object, pointer(text))).toBeUndefined();
  });
});

describe("without", () => {
  it("takes fields and items out, one after the other, and leaves the object itself alone", () => {
    const before = structuredClone(object);
    const rest = without(object, ["/spec/replicas", "/spec/containers/0", "/metadata/labels/~0"].map(pointer));
    expect(rest.spec).toEqual({ nothing: null, containers: [{ name: "b" }] });
    expect(rest.metadata.labels).toEqual({ "app.kubernetes.io/name": "a" });
    expect(object).toEqual(before);
  });

  it("is the same object where a pointer leads nowhere", () => {
    expect(without(object, ["/spec/absent/deeper", "/spec/containers/9"].map(pointer))).toEqual(object);
  });
});

describe("withValue", () => {
  it("replaces what is there and adds nothing", () => {
    expect(withValue(object, pointer("/spec/containers/0/name"), "c").spec).toMatchObject({
      containers: [{ name: "c" }, { name: "b" }],
    });
    expect(withValue(object, pointer("/spec/absent"), 1)).toEqual(object);
  });
});
