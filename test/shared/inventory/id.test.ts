import { existsSync, readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { formatId, parseId, refOfId } from "../../../shared/inventory/id.ts";

interface Case {
  readonly name: string;
  readonly input: string;
  readonly error: boolean;
  readonly expected: {
    readonly namespace: string;
    readonly name: string;
    readonly group: string;
    readonly kind: string;
  } | null;
}

const vectors = "../shared/vectors/objectid.json";
const cases = existsSync(vectors)
  ? (JSON.parse(readFileSync(vectors, "utf8")) as { cases: readonly Case[] }).cases
  : [];

describe.skipIf(cases.length === 0)("ids of fluxcd/cli-utils", () => {
  it.each(cases)("$name", ({ input, error, expected }) => {
    expect(parseId(input)).toEqual(error ? undefined : expected);
    if (expected)
      expect(formatId({ apiVersion: expected.group === "" ? "v1" : `${expected.group}/v1`, ...expected })).toBe(input);
  });
});

describe("formatId", () => {
  it.each([
    [{ apiVersion: "v1", kind: "ConfigMap", namespace: "shop", name: "a" }, "shop_a__ConfigMap"],
    [{ apiVersion: "v1", kind: "Namespace", name: "shop" }, "_shop__Namespace"],
    [
      { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", name: "system:a" },
      "_system__a_rbac.authorization.k8s.io_ClusterRole",
    ],
  ])("writes %j", (ref, id) => {
    expect(formatId(ref)).toBe(id);
    expect(refOfId({ id, v: "v1" })).toEqual(ref);
  });
});

describe("refOfId", () => {
  it("says which entry cannot be read", () => {
    expect(() => refOfId({ id: "nonsense", v: "v1" })).toThrow('inventory entry "nonsense" is not of the form');
  });
});
