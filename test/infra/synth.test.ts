import { rmSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import {
  dummyBundles,
  environment,
  exampleFleet,
  run,
  synthesize,
  temporaryDirectory,
  templatesIn,
} from "./templates.ts";

/** Minutes, for a machine that does other things as well; seconds otherwise. */
const patience = 180_000;

describe("cdk synth", { timeout: patience }, () => {
  const byCli = temporaryDirectory();

  beforeAll(async () => {
    await run(process.execPath, ["build.mjs", "--quiet", "--only", "infra"]);
    const values = Object.entries({ ...exampleFleet, bundles: dummyBundles() }).flatMap(([key, value]) => [
      "-c",
      `${key}=${value}`,
    ]);
    // Fails on any finding of cdk-nag that is not acknowledged, and on what CloudFormation would refuse.
    await run("node_modules/.bin/cdk", ["synth", "--quiet", "--output", byCli, ...values], { env: environment });
  }, patience);

  afterAll(() => rmSync(byCli, { recursive: true }));

  it("makes one stack for the engine and one for each cluster", () => {
    expect(Object.keys(templatesIn(byCli))).toEqual([
      "Driftless-prod-eu-cluster-production",
      "Driftless-prod-eu-cluster-staging",
      "Driftless-prod-eu",
    ]);
  });

  it("makes the same templates as the app run without the CLI", async () => {
    expect(await synthesize()).toEqual(templatesIn(byCli));
  });

  it("says in one line what to do when the functions are not built", async () => {
    const failure = await synthesize({ bundles: "/nowhere" }).catch((error: unknown) => error);

    expect(failure).toMatchObject({ stderr: '/nowhere/webhook has no handler.mjs: run "npm run build" first\n' });
  });

  it("satisfies cfn-lint", async ({ skip }) => {
    const version = await run("cfn-lint", ["--version"]).catch(() => undefined);
    if (!version) return skip("cfn-lint is not on PATH (pip install cfn-lint)");
    const templates = Object.keys(templatesIn(byCli)).map((name) => join(byCli, `${name}.template.json`));

    // W3005: the CDK writes dependencies that references already imply.
    const { stdout } = await run("cfn-lint", ["--ignore-checks", "W3005", "--", ...templates]);

    expect(stdout).toBe("");
  });
});
