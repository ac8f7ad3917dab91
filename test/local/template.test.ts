import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { loadDeployment } from "../../local/template.ts";

const place = {
  account: "111122223333",
  region: "eu-west-1",
  gatewayUrl: "http://127.0.0.1:1",
  ingressUrl: "http://127.0.0.1:2",
};

describe("loadDeployment", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), "driftless-template-"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const write = (name: string, template: object) =>
    writeFileSync(path.join(directory, `${name}.template.json`), JSON.stringify(template));
  const queue = { Type: "AWS::SQS::Queue", Properties: { QueueName: "work" } };
  const outputs = (values: Record<string, unknown>, more: object = {}) => {
    const Outputs = Object.fromEntries(Object.entries(values).map(([name, Value]) => [name, { Value }]));
    write("app", { Resources: { Queue: queue }, Outputs, ...more });
    return loadDeployment(directory, place).outputs.get("app");
  };

  it.each([
    ["Ref of a queue", { Ref: "Queue" }, "http://127.0.0.1:1/111122223333/work"],
    ["GetAtt", { "Fn::GetAtt": ["Queue", "Arn"] }, "arn:aws:sqs:eu-west-1:111122223333:work"],
    ["GetAtt with a dot", { "Fn::GetAtt": "Queue.QueueName" }, "work"],
    ["Join", { "Fn::Join": ["/", ["a", { Ref: "AWS::Region" }]] }, "a/eu-west-1"],
    [
      "Sub",
      { "Fn::Sub": ["${AWS::AccountId} ${Queue.QueueName} ${own} ${!kept}", { own: "x" }] },
      "111122223333 work x ${kept}",
    ],
    ["Select of Split", { "Fn::Select": [5, { "Fn::Split": [":", { "Fn::GetAtt": ["Queue", "Arn"] }] }] }, "work"],
    ["If", { "Fn::If": ["Europe", "yes", { Ref: "AWS::NoValue" }] }, "yes"],
  ])("resolves %s", (_, value, expected) => {
    const Conditions = { Europe: { "Fn::Equals": [{ Ref: "AWS::Region" }, "eu-west-1"] } };
    expect(outputs({ Value: value }, { Conditions })).toEqual({ Value: expected });
  });

  it("resolves what other stacks export and put out", () => {
    write("base", {
      Resources: { Queue: queue },
      Outputs: { Arn: { Value: { "Fn::GetAtt": ["Queue", "Arn"] }, Export: { Name: "base:arn" } } },
    });
    const found = outputs({
      imported: { "Fn::ImportValue": "base:arn" },
      fetched: { "Fn::GetStackOutput": { StackName: "base", OutputName: "Arn" } },
    });
    expect(found).toEqual({
      imported: "arn:aws:sqs:eu-west-1:111122223333:work",
      fetched: "arn:aws:sqs:eu-west-1:111122223333:work",
    });
  });

  it("leaves out a resource whose condition is false", () => {
    write("app", {
      Conditions: { Never: { "Fn::Equals": ["a", "b"] } },
      Resources: { Queue: { ...queue, Condition: "Never" } },
    });
    expect(loadDeployment(directory, place).resources).toEqual([]);
  });

  it.each([
    [
      "a resource type",
      { Resources: { Stream: { Type: "AWS::Kinesis::Stream" } } },
      "has type AWS::Kinesis::Stream, which does not run on this machine",
    ],
    [
      "an attribute",
      { Resources: { Queue: queue }, Outputs: { Value: { Value: { "Fn::GetAtt": ["Queue", "Colour"] } } } },
      "attribute Colour of Queue",
    ],
    [
      "a function",
      { Resources: {}, Outputs: { Value: { Value: { "Fn::Cidr": ["10.0.0.0/8", 1] } } } },
      "Fn::Cidr in stack app is not resolved",
    ],
    [
      "a reference",
      { Resources: {}, Outputs: { Value: { Value: { Ref: "Gone" } } } },
      "refers to Gone, which it does not have",
    ],
  ])("names %s that it does not know", (_, template, words) => {
    write("app", template);
    expect(() => loadDeployment(directory, place)).toThrow(words);
  });
});
