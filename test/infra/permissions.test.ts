import { describe, expect, it } from "vitest";

import { functionNames, functionsThatAssume, permissions, type FunctionName } from "../../infra/permissions.ts";
import { list, print, resourcesOf, stack, statementsOf, synthesize, type Resource } from "./templates.ts";

const template = stack(await synthesize(), "Driftless-prod-eu");
const roles = resourcesOf(template, "AWS::IAM::Role");

function roleOf(name: FunctionName): Resource {
  const found = Object.values(roles).find((role) => role.Properties.RoleName === `driftless-prod-eu-${name}`);
  if (!found) throw new Error(`no role of ${name}`);
  return found;
}

/** Logical ids without the digest at their end, so that the expectations can be read. */
const readable = (text: string) => text.replace(/<([A-Za-z]+?)[0-9A-F]{8}(\.\w+)?>/g, "<$1$2>");

/** `action resource` for all that a function may do. */
function grantsOf(name: FunctionName): string[] {
  return statementsOf(roleOf(name))
    .flatMap(({ Action, Resource: resources }) =>
      list(Action).flatMap((action) =>
        list(resources).map((resource) => `${String(action)} ${readable(print(resource))}`),
      ),
    )
    .sort();
}

const cross = (actions: string, resources: string) =>
  actions.split(" ").flatMap((action) => resources.split(" ").map((resource) => `${action} ${resource}`));

const table = "<StoreTable.Arn>";
const bucket = "<StoreBucket.Arn>";
const rows = "dynamodb:GetItem dynamodb:PutItem dynamodb:UpdateItem dynamodb:Query";
const consume = "sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes";
const role = (purpose: string) =>
  ["111122223333", "444455556666"]
    .map((account) => `arn:<Partition>:iam::${account}:role/driftless/driftless-prod-eu-*-${purpose}`)
    .join(" ");
const key = cross("kms:Decrypt kms:GenerateDataKey", "<StoreKey.Arn>");
const log = (id: string) => cross("logs:CreateLogStream logs:PutLogEvents", `<${id}Log.Arn>`);
const queues = "<SourceQueue.Arn> <ReconcileQueue.Arn> <SweepQueue.Arn>";

/** Written by hand a second time: a right that is added must be added here as well. */
const expected: Record<FunctionName, string[]> = {
  webhook: [
    ...cross(rows, table),
    ...cross("sqs:SendMessage", "<SourceQueue.Arn>"),
    ...cross("secretsmanager:GetSecretValue", "<SecretsWebhook>"),
    ...log("Webhook"),
  ],
  audit: [
    ...cross("dynamodb:GetItem dynamodb:PutItem dynamodb:UpdateItem", table),
    ...cross("s3:GetObject", `${bucket}/sweep/*`),
    ...cross("s3:ListBucket", bucket),
    ...cross("kms:Decrypt", "<StoreKey.Arn>"),
    ...cross("sqs:SendMessage", "<SweepQueue.Arn>"),
    ...log("Audit"),
  ],
  tick: [
    ...cross("dynamodb:Query", `${table}/index/due`),
    ...cross("dynamodb:GetItem dynamodb:UpdateItem", table),
    ...cross("sqs:SendMessage", queues),
    ...log("Tick"),
  ],
  sweep: [
    ...cross(consume, "<SweepQueue.Arn>"),
    ...cross("dynamodb:GetItem dynamodb:UpdateItem", table),
    ...cross("dynamodb:Query", `${table}/index/view`),
    ...cross("s3:GetObject", `${bucket}/state/*`),
    ...cross("s3:GetObject s3:PutObject", `${bucket}/sweep/*`),
    ...cross("s3:ListBucket", bucket),
    ...key,
    ...cross("sts:AssumeRole", `${role("sweep")} ${role("apply")}`),
    ...cross("sqs:SendMessage", queues),
    ...log("Sweep"),
  ],
  source: [
    ...cross(consume, "<SourceQueue.Arn>"),
    ...cross("dynamodb:GetItem dynamodb:PutItem dynamodb:UpdateItem dynamodb:DeleteItem", table),
    ...cross("dynamodb:Query", `${table}/index/ref`),
    ...cross("s3:GetObject s3:PutObject", `${bucket}/artifacts/*`),
    ...cross("s3:ListBucket", bucket),
    ...key,
    ...cross("secretsmanager:GetSecretValue", "<SecretsDigest>"),
    ...cross("sts:AssumeRole", role("source")),
    ...cross("sqs:SendMessage", "<SourceQueue.Arn> <ReconcileQueue.Arn>"),
    ...log("Source"),
  ],
  reconcile: [
    ...cross(consume, "<ReconcileQueue.Arn>"),
    ...cross(`${rows} dynamodb:DeleteItem`, table),
    ...cross("s3:GetObject", `${bucket}/artifacts/*`),
    ...cross(
      "s3:GetObject s3:PutObject",
      `${bucket}/rendered/* ${bucket}/bases/* ${bucket}/state/* ${bucket}/handoff/*`,
    ),
    ...cross("s3:DeleteObject", `${bucket}/handoff/* ${bucket}/state/*`),
    ...cross("s3:ListBucket", bucket),
    ...key,
    ...cross("secretsmanager:GetSecretValue", "<SecretsDigest>"),
    ...cross("lambda:InvokeFunction", "arn:<Partition>:lambda:<Region>:<AccountId>:function:prod-eu-render"),
    ...cross("sts:AssumeRole", role("apply")),
    ...cross("sqs:SendMessage", "<SourceQueue.Arn> <ReconcileQueue.Arn>"),
    ...log("Reconcile"),
  ],
  render: log("Render"),
};

describe("the function roles", () => {
  it.each(functionNames)("let %s do what it needs and nothing else", (name) => {
    const grants = grantsOf(name);

    expect(grants).toEqual([...expected[name]].sort());
  });

  it("are one for each function, and no policy is attached from elsewhere", () => {
    const functions = Object.values(resourcesOf(template, "AWS::Lambda::Function"));
    const used = functions.map((each) => print(each.Properties.Role));

    expect(new Set(used).size).toBe(functionNames.length);
    expect(resourcesOf(template, "AWS::IAM::Policy")).toEqual({});
    for (const each of Object.values(roles)) expect(each.Properties).not.toHaveProperty("ManagedPolicyArns");
  });

  it("hold no wildcard in an action and none that is a whole resource", () => {
    for (const each of Object.values(roles)) {
      for (const { Effect, Action, Resource: resources, Sid } of statementsOf(each)) {
        expect(Effect).toBe("Allow");
        expect(Sid).toMatch(/^[A-Za-z0-9]+$/);
        for (const action of list(Action)) expect(action).toMatch(/^[a-z0-9]+:[A-Z][A-Za-z]+$/);
        for (const resource of list(resources)) expect(print(resource)).not.toBe("*");
      }
    }
  });

  it("use the key through S3 only", () => {
    const uses = Object.values(roles)
      .flatMap(statementsOf)
      .filter(({ Action }) => list(Action).some((action) => String(action).startsWith("kms:")));

    expect(uses).toHaveLength(4);
    for (const { Condition } of uses) {
      const { StringEquals } = Condition as { StringEquals: Record<string, unknown> };
      expect(print(StringEquals["kms:ViaService"])).toBe("s3.<Region>.<URLSuffix>");
    }
  });

  it("leave half of an inline policy's 10,240 characters for a fleet in many accounts", () => {
    for (const each of Object.values(roles)) {
      const text = statementsOf(each)
        .filter(({ Action }) => Action !== "sts:AssumeRole")
        // References become ARNs of about 90 characters.
        .map((statement) => print(statement).replace(/\{"Fn::GetAtt":[^}]*\}/g, "x".repeat(90)))
        .join();

      expect(text.length).toBeLessThan(5000);
    }
  });
});

describe("functionsThatAssume", () => {
  it("names who may enter a cluster as what", () => {
    expect(functionsThatAssume("apply")).toEqual(["sweep", "reconcile"]);
    expect(functionsThatAssume("sweep")).toEqual(["sweep"]);
    expect(functionsThatAssume("source")).toEqual(["source"]);
    expect(functionsThatAssume("decrypt")).toEqual(["reconcile"]);
  });

  it("leaves webhook, audit, tick and render outside", () => {
    for (const name of ["webhook", "audit", "tick", "render"] as const) {
      expect(JSON.stringify(permissions[name])).not.toContain("sts:");
    }
  });
});
