import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { clusterRoleArn, clusterRolePurposes, type ClusterRolePurpose } from "../../shared/config/cluster-roles.ts";
import { parseFleet } from "../../shared/config/parse-fleet.ts";
import { auditedFleet, print, resourcesOf, stack, statementsOf, synthesize, type Resource } from "./templates.ts";

const templates = await synthesize(auditedFleet());
const parsed = parseFleet(readFileSync("fleet.example.json", "utf8"));
if (!parsed.ok) throw new Error("the example is refused");
/** In the engine's account, with nothing chosen; and in another, locked down, with a key. */
const [production, staging] = parsed.fleet.clusters as [
  (typeof parsed.fleet.clusters)[0],
  (typeof parsed.fleet.clusters)[0],
];
const templateOf = ({ name }: { readonly name: string }) => stack(templates, `Driftless-prod-eu-cluster-${name}`);

function roleFor(purpose: ClusterRolePurpose, cluster = production): Resource {
  const roles = Object.values(resourcesOf(templateOf(cluster), "AWS::IAM::Role"));
  const found = roles.find((role) => role.Properties.RoleName === `driftless-prod-eu-${cluster.name}-${purpose}`);
  if (!found) throw new Error(`no role for ${purpose}`);
  return found;
}

const trustOf = (role: Resource) => role.Properties.AssumeRolePolicyDocument;

describe("ClusterStack", () => {
  it("has the four roles at the ARNs that the functions assume, and nothing but them and their entries", () => {
    for (const purpose of clusterRolePurposes) {
      const { Path, RoleName } = roleFor(purpose).Properties;
      expect(clusterRoleArn("prod-eu", production, purpose)).toBe(
        `arn:aws:iam::111122223333:role${String(Path)}${String(RoleName)}`,
      );
    }
    const types = Object.values(resourcesOf(templateOf(production))).map(({ Type }) => Type);
    expect(types.sort()).toEqual([
      ...Array<string>(3).fill("AWS::EKS::AccessEntry"),
      ...Array<string>(4).fill("AWS::IAM::Role"),
      "AWS::Logs::SubscriptionFilter",
    ]);
  });

  it("subscribes to the audit log where that is asked for, and leaves the engine's own requests out", () => {
    const subscriptions = (cluster: typeof production) =>
      Object.values(resourcesOf(templateOf(cluster), "AWS::Logs::SubscriptionFilter")).map(
        ({ Properties }) => Properties,
      );

    expect(subscriptions(production)).toMatchObject([
      {
        LogGroupName: "/aws/eks/production/cluster",
        DestinationArn: "arn:aws:lambda:eu-west-1:111122223333:function:prod-eu-audit",
        FilterPattern: expect.stringContaining(
          '$.user.username != "arn:aws:sts::111122223333:assumed-role/driftless-prod-eu-*"',
        ) as string,
      },
    ]);
    expect(subscriptions(staging)).toEqual([]);
  });

  it.each<[ClusterRolePurpose, string[]]>([
    ["apply", ["sweep", "reconcile"]],
    ["sweep", ["sweep"]],
    ["source", ["source"]],
    ["decrypt", ["reconcile"]],
  ])("lets into %s only %s, with the external id", (purpose, names) => {
    expect(trustOf(roleFor(purpose))).toMatchObject({
      Statement: [
        {
          Effect: "Allow",
          Action: "sts:AssumeRole",
          Principal: { AWS: expect.anything() as unknown },
          Condition: { StringEquals: { "sts:ExternalId": "driftless/prod-eu" } },
        },
      ],
    });
    const arns = JSON.stringify(trustOf(roleFor(purpose))).match(/functions\/driftless-prod-eu-\w+/g);
    expect(arns).toEqual(names.map((name) => `functions/driftless-prod-eu-${name}`));
  });

  it("trusts the engine's account where the cluster lives in another", () => {
    const trust = JSON.stringify(trustOf(roleFor("sweep", staging)));

    expect(trust).toContain(":iam::111122223333:root");
    expect(trust).toContain(":iam::111122223333:role/driftless/functions/driftless-prod-eu-sweep");
    expect(trust).not.toContain("444455556666");
  });

  it.each<ClusterRolePurpose>(["apply", "sweep", "source"])(
    "lets %s find the endpoint of this cluster only",
    (purpose) => {
      expect(statementsOf(roleFor(purpose))).toEqual([
        { Sid: "FindEndpoint", Effect: "Allow", Action: "eks:DescribeCluster", Resource: production.arn },
      ]);
    },
  );

  it("lets decrypt use the keys that the fleet names, none by default", () => {
    expect(statementsOf(roleFor("decrypt"))).toEqual([]);
    expect(statementsOf(roleFor("decrypt", staging))).toEqual([
      { Sid: "DecryptSops", Effect: "Allow", Action: "kms:Decrypt", Resource: staging.decryptionKeys?.[0] },
    ]);
  });

  const entries = (cluster = production) =>
    Object.values(resourcesOf(templateOf(cluster), "AWS::EKS::AccessEntry")).map(({ Properties }) => ({
      role: print(Properties.PrincipalArn).replace(/^<([A-Za-z]+?)[0-9A-F]{8}\.Arn>$/, "$1"),
      cluster: Properties.ClusterName,
      groups: Properties.KubernetesGroups,
      policies: (Properties.AccessPolicies as { PolicyArn: unknown }[] | undefined)?.map((each) =>
        print(each.PolicyArn).replace(/^.*\//, ""),
      ),
    }));

  it("gives each role the access it is for", () => {
    expect(entries()).toEqual([
      { role: "Apply", cluster: "production", groups: undefined, policies: ["AmazonEKSClusterAdminPolicy"] },
      { role: "Sweep", cluster: "production", groups: undefined, policies: ["AmazonEKSAdminViewPolicy"] },
      { role: "Source", cluster: "production", groups: ["driftless:source"], policies: undefined },
    ]);
  });

  it("gives apply a group instead of cluster-admin when locked down", () => {
    expect(entries(staging)[0]).toEqual({
      role: "Apply",
      cluster: "staging",
      groups: ["driftless:impersonate"],
      policies: undefined,
    });
  });

  it("scopes its policies to the cluster", () => {
    const policies = Object.values(resourcesOf(templateOf(production), "AWS::EKS::AccessEntry")).flatMap(
      ({ Properties }) => (Properties.AccessPolicies ?? []) as { AccessScope: unknown }[],
    );

    expect(policies.map(({ AccessScope }) => AccessScope)).toEqual([{ Type: "cluster" }, { Type: "cluster" }]);
  });
});
