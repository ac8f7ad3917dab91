import { describe, expect, it } from "vitest";

import { withCommonMetadata } from "../../../shared/ssa/common-metadata.ts";
import { ownerName, withOwner } from "../../../shared/ssa/owner.ts";

const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", labels: { app: "a", team: "b" } } };

describe("withCommonMetadata", () => {
  it("adds labels and annotations, in place of those of the same name", () => {
    expect(withCommonMetadata(object, { labels: { team: "c" }, annotations: { note: "x" } }).metadata).toEqual({
      name: "a",
      labels: { app: "a", team: "c" },
      annotations: { note: "x" },
    });
  });

  it("overwrites the owner's labels too", () => {
    const owned = withOwner(object, { name: "shop", namespace: "apps" });
    expect(withCommonMetadata(owned, { labels: { [ownerName]: "other" } }).metadata.labels?.[ownerName]).toBe("other");
  });

  it.each([{}, { labels: {}, annotations: {} }])("leaves the object as it is with %j", (common) => {
    expect(withCommonMetadata(object, common)).toBe(object);
  });
});
