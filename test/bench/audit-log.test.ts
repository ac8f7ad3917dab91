import { describe, expect, it } from "vitest";

import { countByUser } from "./audit-log.ts";
import { documentOf } from "./document.ts";
import { parseVersions } from "../real/versions.ts";

const event = (auditID: string, username: string, verb = "get") =>
  JSON.stringify({ auditID, verb, requestURI: "/api/v1/namespaces", user: { username } });

describe("countByUser", () => {
  it("counts a request once, also when it is told of again later", () => {
    const seen = new Set<string>();
    const first = countByUser([event("1", "a"), event("2", "b"), event("1", "a"), ""], seen);
    const later = countByUser([event("2", "b"), event("3", "b", "patch")], seen);

    expect([...first]).toEqual([
      ["a", ["get /api/v1/namespaces"]],
      ["b", ["get /api/v1/namespaces"]],
    ]);
    expect([...later]).toEqual([["b", ["patch /api/v1/namespaces"]]]);
  });
});

describe("parseVersions", () => {
  it("reads assignments and leaves comments", () => {
    expect(parseVersions("# FLUX=1\nFLUX=2.9.5\nETCD=3.6.16\n")).toEqual({ FLUX: "2.9.5", ETCD: "3.6.16" });
  });
});

describe("documentOf", () => {
  it("says on what and when the figures were measured", () => {
    const machine = {
      date: "2030-01-02",
      processor: "2 × some processor, 4 GiB",
      load: "0.1, 0.2, 0.3",
      software: "Node.js 24",
      peer: "flux 2.9.5",
      rounds: 3,
    };

    const text = documentOf([{ bench: "B3", metric: "requests", unit: "requests", driftless: 15 }], machine);

    for (const part of [
      "2030-01-02",
      "2 × some processor, 4 GiB",
      "Node.js 24",
      "flux 2.9.5",
      "| B3 | requests | 15 |",
    ])
      expect(text).toContain(part);
  });
});
