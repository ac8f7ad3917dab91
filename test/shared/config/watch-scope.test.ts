import { describe, expect, it } from "vitest";

import { everything, isWatched } from "../../../shared/config/watch-scope.ts";

const apps = { metadata: { name: "apps", namespace: "team", labels: { shard: "one" } } };

describe("isWatched", () => {
  it.each([
    ["all", [everything], true],
    ["its namespace", [{ namespace: "team", labelSelector: "" }], true],
    ["another namespace", [{ namespace: "flux-system", labelSelector: "" }], false],
    ["its shard", [{ namespace: "", labelSelector: "shard in (one,two)" }], true],
    ["objects without a shard", [{ namespace: "", labelSelector: "!shard" }], false],
    ["its shard elsewhere", [{ namespace: "flux-system", labelSelector: "shard=one" }], false],
    [
      "it by one of two",
      [
        { namespace: "", labelSelector: "!shard" },
        { namespace: "", labelSelector: "shard=one" },
      ],
      true,
    ],
    ["nothing", [], false],
  ])("tells whether somebody watches when a controller watches %s", (_, scopes, watched) => {
    expect(isWatched(scopes, apps)).toBe(watched);
  });
});
