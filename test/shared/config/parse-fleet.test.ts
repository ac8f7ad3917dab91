import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { fleetLimits, formatFindings, parseFleet } from "../../../shared/config/parse-fleet.ts";

const arn = "arn:aws:eks:eu-west-1:111122223333:cluster/production";
const cluster = { name: "production", arn };
const sync = { url: "https://github.com/myorg/fleet-infra.git", path: "clusters/production" };

function findingsOf(fleet: unknown): string[] {
  const parsed = parseFleet(typeof fleet === "string" ? fleet : JSON.stringify(fleet));
  return parsed.ok ? [] : parsed.findings.map(({ path, message }) => `${path}: ${message}`);
}

const withCluster = (changes: Record<string, unknown>) => ({ engine: "e", clusters: [{ ...cluster, ...changes }] });
const withSync = (changes: Record<string, unknown>) => withCluster({ sync: { ...sync, ...changes } });

describe("parseFleet", () => {
  it("reads the example in the repository's root", () => {
    const parsed = parseFleet(readFileSync("fleet.example.json", "utf8"));

    expect(parsed).toMatchObject({ ok: true, fleet: { engine: "prod-eu", clusters: [{ name: "production" }, {}] } });
  });

  it("reads a fleet without clusters", () => {
    expect(parseFleet('{"engine":"e","clusters":[]}')).toEqual({ ok: true, fleet: { engine: "e", clusters: [] } });
  });

  it("takes every allowed value", () => {
    const parsed = parseFleet(
      JSON.stringify({
        engine: "e",
        account: "111122223333",
        clusters: [
          {
            ...cluster,
            arn: "arn:aws-us-gov:eks:us-gov-west-1:111122223333:cluster/a_B-9",
            sync: {
              url: "ssh://git@github.com/myorg/fleet",
              branch: "release/1.x",
              path: "./clusters/a",
              secretRef: "x",
            },
            drift: "within-a-minute",
            compatibility: "2.8",
            lockdown: true,
            takeOver: false,
            decryptionKeys: ["arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"],
          },
        ],
      }),
    );

    expect(parsed.ok).toBe(true);
  });

  it.each<[string, unknown, string]>([
    ["no JSON", "{", ": is not JSON"],
    ["a list", [], ": must be an object, not []"],
    ["null", null, ": must be an object, not null"],
    ["no engine", { clusters: [] }, "engine: is missing"],
    ["no clusters", { engine: "e" }, "clusters: is missing"],
    ["a misspelt field", { engine: "e", clusters: [], cluster: 1 }, "cluster: is not a field, did you mean clusters?"],
    ["an unknown field", { engine: "e", clusters: [], zzz: 1 }, "zzz: is not a field; the fields here are engine,"],
    ["an inherited name", '{"engine":"e","clusters":[],"constructor":1}', "constructor: is not a field"],
    ["a number as engine", { engine: 1, clusters: [] }, "engine: must be a string, not 1"],
    ["an engine in capitals", { engine: "Prod", clusters: [] }, "engine: must be lower-case"],
    ["an engine with a dash at its end", { engine: "prod-", clusters: [] }, "engine: must be lower-case"],
    ["a long engine", { engine: "e".repeat(25), clusters: [] }, "engine: has 25 characters; at most 24"],
    ["a short account", { engine: "e", account: "123", clusters: [] }, "account: must be an account number of 12"],
    ["clusters as an object", { engine: "e", clusters: {} }, "clusters: must be a list"],
    ["a cluster that is null", { engine: "e", clusters: [null] }, "clusters[0]: must be an object, not null"],
    ["a cluster without name", { engine: "e", clusters: [{ arn }] }, "clusters[0].name: is missing"],
    ["a dotted name", withCluster({ name: "a.b" }), "clusters[0].name: must be lower-case"],
    ["a long name", withCluster({ name: "c".repeat(64) }), "clusters[0].name: has 64 characters"],
    ["no ARN", { engine: "e", clusters: [{ name: "a" }] }, "clusters[0].arn: is missing"],
    [
      "another service's ARN",
      withCluster({ arn: "arn:aws:s3:::bucket" }),
      "clusters[0].arn: must be the ARN of an EKS",
    ],
    ["an ARN with more after it", withCluster({ arn: `${arn}/x` }), "clusters[0].arn: must be the ARN of an EKS"],
    [
      "an unknown drift",
      withCluster({ drift: "never" }),
      'clusters[0].drift: must be one of "within-a-minute", "at-interval"',
    ],
    ["a compatibility as number", withCluster({ compatibility: 2.1 }), "clusters[0].compatibility: must be a string"],
    ["an unknown compatibility", withCluster({ compatibility: "2.7" }), "clusters[0].compatibility: must be one of"],
    ["a hub outside the fleet", withCluster({ hubs: ["nowhere"] }), 'clusters[0].hubs[0]: "nowhere" is no cluster'],
    ["audit logs as text", withCluster({ auditLogs: "yes" }), "clusters[0].auditLogs: must be true or false"],
    [
      "the audit log of another account",
      { engine: "e", account: "999988887777", clusters: [{ name: "a", arn, auditLogs: true }] },
      "clusters[0].auditLogs: needs a cluster in the control plane's account 999988887777, not in",
    ],
    ["a hub as text", withCluster({ hubs: "a" }), "clusters[0].hubs: must be a list"],
    ["lockdown as text", withCluster({ lockdown: "true" }), 'clusters[0].lockdown: must be true or false, not "true"'],
    [
      "an alias of a key",
      withCluster({ decryptionKeys: ["arn:aws:kms:eu-west-1:111122223333:alias/a"] }),
      "clusters[0].decryptionKeys[0]: must be the ARN of a KMS key",
    ],
    ["every key", withCluster({ decryptionKeys: ["*"] }), "clusters[0].decryptionKeys[0]: must be the ARN"],
    ["a sync without url", withCluster({ sync: { path: "a" } }), "clusters[0].sync.url: is missing"],
    ["a sync without path", withCluster({ sync: { url: sync.url } }), "clusters[0].sync.path: is missing"],
    ["scp syntax", withSync({ url: "git@github.com:myorg/fleet.git" }), "clusters[0].sync.url: must be an http://"],
    ["a file URL", withSync({ url: "file:///etc" }), "clusters[0].sync.url: must be an http://"],
    ["an absolute path", withSync({ path: "/clusters" }), "clusters[0].sync.path: must be a path relative"],
    ["a path that leaves", withSync({ path: "a/../../b" }), "clusters[0].sync.path: must stay in the repository"],
    ["an empty path", withSync({ path: "" }), "clusters[0].sync.path: must be a path relative"],
    ["a branch with a blank", withSync({ branch: "a b" }), "clusters[0].sync.branch: is not a branch name"],
    ["a Secret in capitals", withSync({ secretRef: "Flux" }), "clusters[0].sync.secretRef: must be the name"],
    ["an unknown field of sync", withSync({ tag: "v1" }), "clusters[0].sync.tag: is not a field"],
  ])("refuses %s", (_, fleet, finding) => {
    expect(findingsOf(fleet)).toEqual([expect.stringContaining(finding)]);
  });

  it("never quotes a password that stands in a URL", () => {
    const findings = findingsOf(withSync({ url: "https://me:hunter2@github.com/myorg/fleet" }));

    expect(findings).toEqual([expect.stringContaining("must hold no credentials")]);
    expect(findings.join()).not.toContain("hunter2");
  });

  it("refuses one name or one cluster twice", () => {
    const findings = findingsOf({
      engine: "e",
      clusters: [cluster, { ...cluster, name: "b" }, { ...cluster, arn: `${arn}2` }],
    });

    expect(findings).toEqual([
      `clusters[2].name: is the same as clusters[0].name, "production"`,
      `clusters[1].arn: is the same as clusters[0].arn, "${arn}"`,
    ]);
  });

  it("asks for the engine's account when clusters live in several", () => {
    const other = { name: "b", arn: "arn:aws:eks:eu-west-1:444455556666:cluster/b" };

    expect(findingsOf({ engine: "e", clusters: [cluster, other] })).toEqual([
      expect.stringContaining("account: is missing"),
    ]);
    expect(findingsOf({ engine: "e", account: "111122223333", clusters: [cluster, other] })).toEqual([]);
  });

  it("refuses more clusters than it can name", () => {
    const clusters = Array.from({ length: fleetLimits.clusters + 1 }, (_, index) => ({
      name: `c${index}`,
      arn: `${arn}${index}`,
    }));

    expect(findingsOf({ engine: "e", clusters })).toEqual(["clusters: has 1001 entries; at most 1000 are allowed"]);
  });

  it("reports all findings at once", () => {
    const parsed = parseFleet(JSON.stringify({ engine: "E", clusters: [{ ...cluster, drift: "x" }], x: 1 }));

    expect(
      parsed.ok ||
        formatFindings(parsed.findings)
          .split("\n")
          .map((line) => line.split(":")[0]),
    ).toEqual(["x", "engine", "clusters[0].drift"]);
  });
});
