import { describe, expect, it } from "vitest";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { KubeError } from "../../../shared/kubernetes/cluster.ts";
import { changedAround, lookAround, type Surroundings } from "../../../shared/sweep/surroundings.ts";
import { listing } from "../../fakes/followers.ts";
import { createMemoryCluster } from "../../fakes/memory-cluster.ts";

const minute = 60_000;
const turns = 9;
const groups = new Set(["", "apps", "example.com"]);

function aWorld() {
  const cluster = createMemoryCluster();
  cluster.publish("/version", { gitVersion: "v1.36.3" });
  cluster.publish("/openapi/v3", {
    paths: {
      version: { serverRelativeURL: "/openapi/v3/version?hash=0" },
      "api/v1": { serverRelativeURL: "/openapi/v3/api/v1?hash=1" },
      "apis/apps/v1": { serverRelativeURL: "/openapi/v3/apis/apps/v1?hash=1" },
      "apis/other.io/v1": { serverRelativeURL: "/openapi/v3/apis/other.io/v1?hash=1" },
    },
  });
  cluster.put(webhook("first"));
  let seen: Surroundings = {};
  let now = 1_000 * turns * minute;
  const round = async () => {
    cluster.forgetRequests();
    for (let turn = 0; turn < turns; turn += 1, now += minute)
      seen = await lookAround(seen, groups, { cluster, follower: listing(cluster), now });
    return seen;
  };
  const changed = () =>
    Object.entries(seen)
      .filter(([, { changedAt }]) => changedAt > 0)
      .map(([name]) => name);
  return { cluster, round, changed, seen: () => seen };
}

function webhook(caBundle: string, path = "/mutate"): KubeObject {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "MutatingWebhookConfiguration",
    metadata: { name: "hook" },
    webhooks: [{ name: "hook.example.com", clientConfig: { caBundle, service: { name: "hook", path } }, rules: [] }],
  };
}

describe("lookAround", () => {
  it("reads one part in each sweep, and calls nothing changed that it sees first", async () => {
    const { cluster, round, changed } = aWorld();
    const seen = await round();
    expect(Object.keys(seen).sort()).toEqual([
      "admission/MutatingWebhookConfiguration",
      "admission/ValidatingAdmissionPolicy",
      "admission/ValidatingAdmissionPolicyBinding",
      "admission/ValidatingWebhookConfiguration",
      "schema/",
      "schema/apps",
      "version",
    ]);
    // Policies that mutate are not served here.
    expect(cluster.requests).toHaveLength(turns - 2);
    expect(changed()).toEqual([]);
    expect(await round()).toBe(seen);
  });

  it("does not mind a certificate that is written anew", async () => {
    const { cluster, round } = aWorld();
    const seen = await round();
    cluster.put(webhook("second"));
    expect(await round()).toBe(seen);
  });

  it("keeps what it knew of a part that is answered with 429", async () => {
    const { cluster, round } = aWorld();
    const seen = await round();
    cluster.failNext("list MutatingWebhook", new KubeError(429, "TooManyRequests", "storage is (re)initializing"));
    expect(await round()).toBe(seen);
  });

  it("sees another server, another schema, another webhook", async () => {
    const { cluster, round, changed, seen } = aWorld();
    await round();
    cluster.publish("/version", { gitVersion: "v1.37.0" });
    cluster.put(webhook("first", "/elsewhere"));
    cluster.publish("/openapi/v3", {
      paths: { "api/v1": { serverRelativeURL: "?hash=1" }, "apis/apps/v1": { serverRelativeURL: "?hash=2" } },
    });
    await round();
    expect(changed().sort()).toEqual(["admission/MutatingWebhookConfiguration", "schema/", "schema/apps", "version"]);
    expect(changedAround(seen(), new Set(["batch"]))).toBe(changedAround(seen(), new Set(["apps"])));
  });

  it("concerns with a schema only those who have objects of its group", () => {
    const surroundings = {
      "schema/apps": { digest: "a", changedAt: 5 },
      "definition/example.com": { digest: "b", changedAt: 7 },
    };
    expect(changedAround(surroundings, new Set(["apps"]))).toBe(5);
    expect(changedAround(surroundings, new Set(["example.com"]))).toBe(7);
    expect(changedAround(surroundings, new Set([""]))).toBe(0);
  });
});
