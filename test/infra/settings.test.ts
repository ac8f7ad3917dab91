import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { readSettings } from "../../infra/settings.ts";
import { temporaryDirectory } from "./templates.ts";

const read = (context: Record<string, unknown> = {}) => readSettings((key) => context[key]);

describe("readSettings", () => {
  it("has a default for everything", () => {
    expect(read()).toMatchObject({
      ingress: "http-api",
      concurrency: 2,
      bundles: expect.stringMatching(/dist\/functions$/) as string,
    });
  });

  it("reads the fleet file that the context names", () => {
    expect(read({ fleet: "fleet.example.json" }).fleet.clusters.map(({ name }) => name)).toEqual([
      "production",
      "staging",
    ]);
  });

  it("lists what is wrong with the fleet file, and where", () => {
    const path = join(temporaryDirectory(), "fleet.json");
    writeFileSync(path, '{"engine":"E","clusters":1}');

    expect(() => read({ fleet: path })).toThrow(
      /fleet\.json cannot be used:\nengine: must be .*\nclusters: must be a list/,
    );
  });

  it("takes numbers as the command line gives them", () => {
    expect(read({ concurrency: "10" }).concurrency).toBe(10);
  });

  it.each([
    [{ fleet: "nowhere.json" }, /context "fleet" names .*nowhere\.json, which does not exist/],
    [{ ingress: "rest" }, 'context "ingress" must be "http-api" or "function-url", not "rest"'],
    [{ concurrency: 1 }, 'context "concurrency" must be a whole number from 2 to 1000, not 1'],
    [{ concurrency: "2.5" }, 'context "concurrency" must be'],
    [{ alarmTopic: "alarms" }, 'context "alarmTopic" must be the ARN of an SNS topic, not "alarms"'],
  ])("refuses %j", (context, message) => {
    expect(() => read(context)).toThrow(message);
  });
});
