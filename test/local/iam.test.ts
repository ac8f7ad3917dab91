import { describe, expect, it } from "vitest";

import { contextOf, evaluate, parsePolicy } from "../../local/iam.ts";

const policy = (...statements: readonly object[]) => parsePolicy({ Statement: statements }, "test");
const allow = (Action: string | readonly string[], Resource: string | readonly string[] = "*", more: object = {}) => ({
  Effect: "Allow",
  Action,
  Resource,
  ...more,
});
const deny = (Action: string, more: object = {}) => ({ Effect: "Deny", Action, Resource: "*", ...more });
const role = "arn:aws:iam::111122223333:role/worker";

function decide(
  request: { action: string; resource?: string; context?: Record<string, string | readonly string[]> },
  policies: {
    identity?: readonly object[];
    resource?: readonly object[];
    boundary?: readonly object[];
    delegated?: boolean;
  },
) {
  const { action, resource = "arn:aws:s3:::bucket/key", context = {} } = request;
  const { identity = [], resource: own = [], boundary, delegated = false } = policies;
  return evaluate(
    { action, resource, principals: [role], context: contextOf({ "aws:SecureTransport": "true", ...context }) },
    {
      ...{ identity: policy(...identity), resource: policy(...own), delegated, account: "111122223333" },
      ...(boundary === undefined ? {} : { boundary: policy(...boundary) }),
    },
  ).allowed;
}

describe("evaluate", () => {
  it.each([
    ["refuses what nothing allows", "s3:GetObject", [], false],
    ["allows a pattern of actions", "s3:GetObject", [allow("s3:Get*")], true],
    ["ignores the case of actions", "s3:GetObject", [allow("S3:getobject")], true],
    ["matches resources with * and ?", "s3:GetObject", [allow("s3:GetObject", "arn:aws:s3:::buck?t/*")], true],
    ["keeps other resources out", "s3:GetObject", [allow("s3:GetObject", "arn:aws:s3:::bucket/other")], false],
    ["lets a deny win", "s3:GetObject", [allow("*"), deny("s3:GetObject")], false],
    ["reads NotAction", "s3:GetObject", [{ Effect: "Allow", NotAction: "iam:*", Resource: "*" }], true],
    [
      "reads NotResource",
      "s3:GetObject",
      [{ Effect: "Allow", Action: "*", NotResource: "arn:aws:s3:::bucket/*" }],
      false,
    ],
  ])("%s", (_, action, identity, expected) => {
    expect(decide({ action }, { identity })).toBe(expected);
  });

  it.each([
    [
      "StringEquals",
      { StringEquals: { "kms:ViaService": "s3.eu-west-1.amazonaws.com" } },
      { "kms:ViaService": "s3.eu-west-1.amazonaws.com" },
      true,
    ],
    ["StringEquals without the key", { StringEquals: { "kms:ViaService": "s3" } }, {}, false],
    ["StringEqualsIfExists without the key", { StringEqualsIfExists: { "kms:ViaService": "s3" } }, {}, true],
    ["StringLike", { StringLike: { "s3:prefix": ["state/*", "sweep/*"] } }, { "s3:prefix": "sweep/a" }, true],
    ["StringNotEquals", { StringNotEquals: { "aws:PrincipalAccount": "1" } }, { "aws:PrincipalAccount": "2" }, true],
    [
      "ArnEquals with a wildcard",
      { ArnEquals: { "aws:PrincipalArn": "arn:aws:iam::*:role/w*" } },
      { "aws:PrincipalArn": role },
      true,
    ],
    [
      "ArnLike across a colon",
      { ArnLike: { "aws:PrincipalArn": "arn:aws:*:role/worker" } },
      { "aws:PrincipalArn": role },
      false,
    ],
    ["Bool", { Bool: { "aws:SecureTransport": "false" } }, {}, false],
    ["Null", { Null: { "sts:ExternalId": "true" } }, {}, true],
    [
      "ForAllValues",
      { "ForAllValues:StringEquals": { "dynamodb:LeadingKeys": ["a"] } },
      { "dynamodb:LeadingKeys": ["a", "b"] },
      false,
    ],
    [
      "ForAnyValue",
      { "ForAnyValue:StringEquals": { "dynamodb:LeadingKeys": ["a"] } },
      { "dynamodb:LeadingKeys": ["a", "b"] },
      true,
    ],
  ])("evaluates %s", (_, Condition, context, expected) => {
    expect(decide({ action: "s3:GetObject", context }, { identity: [allow("*", "*", { Condition })] })).toBe(expected);
  });

  it("allows by the resource's own policy, and lets it deny", () => {
    const own = { Principal: { AWS: role } };
    expect(decide({ action: "sqs:SendMessage" }, { resource: [allow("sqs:SendMessage", "*", own)] })).toBe(true);
    expect(
      decide({ action: "sqs:SendMessage" }, { identity: [allow("*")], resource: [deny("sqs:*", { Principal: "*" })] }),
    ).toBe(false);
  });

  it("asks a key's policy first: the account in it means the identity's policies", () => {
    const root = { Principal: { AWS: "arn:aws:iam::111122223333:root" } };
    const request = { action: "kms:Decrypt" };
    expect(decide(request, { delegated: true, identity: [allow("kms:Decrypt")] })).toBe(false);
    expect(decide(request, { delegated: true, resource: [allow("kms:*", "*", root)] })).toBe(false);
    expect(
      decide(request, { delegated: true, identity: [allow("kms:Decrypt")], resource: [allow("kms:*", "*", root)] }),
    ).toBe(true);
  });

  it("stays within the permissions boundary", () => {
    const identity = [allow("*")];
    expect(decide({ action: "s3:GetObject" }, { identity, boundary: [allow("s3:*")] })).toBe(true);
    expect(decide({ action: "sqs:SendMessage" }, { identity, boundary: [allow("s3:*")] })).toBe(false);
  });
});

describe("parsePolicy", () => {
  it.each([
    [
      "a condition operator",
      allow("*", "*", { Condition: { DateLessThan: { "aws:CurrentTime": "2026" } } }),
      "condition operator DateLessThan",
    ],
    ["a policy variable", allow("*", "arn:aws:s3:::bucket/${aws:username}"), "policy variable"],
    ["NotPrincipal", allow("*", "*", { NotPrincipal: "*" }), "NotPrincipal"],
  ])("refuses %s that it cannot evaluate", (_, statement, words) => {
    expect(() => policy(statement)).toThrow(words);
  });
});
