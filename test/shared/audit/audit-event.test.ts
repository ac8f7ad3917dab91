import { describe, expect, it } from "vitest";

import { readAuditEvent } from "../../../shared/audit/audit-event.ts";
import { auditFilterPattern } from "../../../shared/audit/filter-pattern.ts";
import { indexOwned, isOfInterest, isOwned } from "../../../shared/audit/relevance.ts";
import { parseFilterPattern } from "../../../local/filter-pattern.ts";
import { ada, lineWith, recordedLines } from "./recorded.ts";

const changes = recordedLines
  .flatMap((line) => readAuditEvent(line) ?? [])
  .filter((change) => isOfInterest(change, "prod-eu"));

/** What the person of the recording did and the API server let happen, in its order. */
const done = [
  "create /namespaces//shop",
  "create /configmaps/shop/settings",
  "patch /configmaps/shop/settings",
  "create apps/deployments/shop/frontend",
  "patch apps/deployments/shop/frontend",
  "patch /configmaps/shop/settings",
  "delete /configmaps/shop/settings",
  "delete apps/deployments/shop/frontend",
  "deletecollection /configmaps/shop/",
];

describe("the audit log of a real API server", () => {
  it("tells what a person did: no look, no dry run, nothing that was refused, nothing of the engine or the controllers", () => {
    expect(
      changes.map(({ verb, group, resource, namespace, name }) => `${verb} ${group}/${resource}/${namespace}/${name}`),
    ).toEqual(done);
    expect(new Set(changes.map(({ actor }) => actor.user))).toEqual(new Set([ada]));
    expect(changes[2]).toMatchObject({
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/) as string,
      actor: {
        groups: ["system:masters", "system:authenticated"],
        sourceIPs: ["127.0.0.1"],
        userAgent: expect.stringContaining("kubectl") as string,
      },
    });
  });

  it("passes the subscription's filter exactly where a write of somebody else is told of", () => {
    const home = { partition: "aws", account: "111122223333" };
    const isDelivered = parseFilterPattern(auditFilterPattern("prod-eu", home));
    const delivered = recordedLines.filter(isDelivered);

    expect(delivered.every((line) => line.includes(ada))).toBe(true);
    expect(delivered.flatMap((line) => readAuditEvent(line) ?? [])).toEqual(changes);
    expect(auditFilterPattern("e".repeat(24), home).length).toBeLessThan(1024);
  });
});

describe("readAuditEvent", () => {
  it.each([
    ["no JSON", "E0101 something"],
    ["no object", "[]"],
    ["another stage", lineWith({ stage: "ResponseStarted" })],
    ["a refusal", lineWith({ responseStatus: { code: 403 } })],
    ["no object's reference", lineWith({ objectRef: undefined })],
    ["a status", lineWith({ objectRef: { resource: "deployments", name: "a", subresource: "status" } })],
    ["no user", lineWith({ user: { username: "" } })],
    ["a user that is no text", lineWith({ user: { username: ["a"] } })],
  ])("leaves out %s", (_, line) => {
    expect(readAuditEvent(line)).toBeUndefined();
  });

  it("takes names for what they are: cut, and without what a terminal obeys", () => {
    const change = readAuditEvent(
      lineWith({
        user: {
          username: `\u001b[31m${"x".repeat(5000)}\u202e`,
          groups: Array<unknown>(99).fill("g"),
          extra: { arn: ["a\nb"] },
        },
        userAgent: 7,
        sourceIPs: "none",
        requestReceivedTimestamp: "yesterday",
        stageTimestamp: undefined,
      }),
    );

    expect(change?.actor.user).toMatch(/^\[31mx{252}$/);
    expect(change).toMatchObject({ at: "", actor: { arn: "ab", userAgent: "", sourceIPs: [] } });
    expect(change?.actor.groups).toHaveLength(10);
  });
});

describe("isOwned", () => {
  const owned = indexOwned([
    "shop_settings__ConfigMap",
    "_shop__Namespace",
    "_a__b_rbac.authorization.k8s.io_ClusterRole",
  ]);
  const change = (line: string) => {
    const read = readAuditEvent(line);
    if (!read) throw new Error("no change");
    return isOwned(read, owned);
  };
  const of = (objectRef: object) => change(lineWith({ objectRef }));

  it("knows the objects of inventories, and Flux's own", () => {
    expect(of({ resource: "configmaps", namespace: "shop", name: "settings" })).toBe(true);
    expect(of({ resource: "configmaps", namespace: "shop", name: "other" })).toBe(false);
    expect(
      change(lineWith({ verb: "deletecollection", objectRef: { resource: "configmaps", namespace: "shop" } })),
    ).toBe(true);
    expect(of({ resource: "namespaces", namespace: "shop", name: "shop" })).toBe(true);
    expect(of({ resource: "clusterroles", apiGroup: "rbac.authorization.k8s.io", name: "a:b" })).toBe(true);
    expect(of({ resource: "kustomizations", apiGroup: "kustomize.toolkit.fluxcd.io", namespace: "x", name: "y" })).toBe(
      true,
    );
    // Whoever leaves the name to the server makes an object that is in no inventory.
    expect(change(lineWith({ verb: "create", objectRef: { resource: "pods", namespace: "shop" } }))).toBe(false);
    expect(of({ resource: "widgets", apiGroup: "eviltoolkit.fluxcd.io", name: "y" })).toBe(false);
  });
});
