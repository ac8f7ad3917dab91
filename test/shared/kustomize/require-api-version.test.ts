import { describe, expect, it } from "vitest";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { requireApiVersion } from "../../../shared/kustomize/require-api-version.ts";

const withoutVersion = (fields: Readonly<Record<string, unknown>>) => fields as unknown as KubeObject;

describe("requireApiVersion", () => {
  it("passes on an object that has one", () => {
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" } };

    expect(requireApiVersion(object)).toBe(object);
  });

  it.each([undefined, "", 1])("refuses %j with the object in Go's order", (apiVersion) => {
    const object = withoutVersion({
      metadata: { name: "a" },
      kind: "Thing",
      ...(apiVersion === undefined ? {} : { apiVersion }),
    });

    expect(() => requireApiVersion(object)).toThrow(
      /^failed to decode Kubernetes apiVersion, kind and name from: \{.*"kind":"Thing","metadata":\{"name":"a"\}\}$/,
    );
  });

  it("writes characters of HTML as Go does", () => {
    const object = withoutVersion({ kind: "Thing", metadata: { name: "a" }, spec: "<b> & c" });

    expect(() => requireApiVersion(object)).toThrow('"spec":"\\u003cb\\u003e \\u0026 c"}');
  });

  it("keeps the values of a Secret to itself", () => {
    const object = withoutVersion({
      kind: "Secret",
      metadata: { name: "a" },
      data: { k: "aHVzaA==" },
      stringData: { l: "hush" },
    });

    expect(() => requireApiVersion(object)).toThrow(/"data":\{"k":"\*\*\*"\},.*"stringData":\{"l":"\*\*\*"\}\}$/);
  });
});
