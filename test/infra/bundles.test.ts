import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { functionNames } from "../../infra/permissions.ts";
import { resourcesOf, run, stack, synthesize, temporaryDirectory } from "./templates.ts";

const patience = 120_000;
/** Away from the clone, where no package is installed. */
const elsewhere = temporaryDirectory();

const filesOf = (name: string) =>
  (readdirSync(join("dist/functions", name), { recursive: true }) as string[]).filter((path) => path.includes(".mjs"));

describe("the bundles of the functions", { timeout: patience }, () => {
  const variables = new Map<string, Record<string, string>>();

  beforeAll(async () => {
    await run(process.execPath, ["build.mjs", "--quiet", "--only", "functions"]);
    cpSync("dist/functions", elsewhere, { recursive: true });
    writeFileSync(join(elsewhere, "fleet.json"), '{"engine":"e","clusters":[]}');
    const functions = resourcesOf(stack(await synthesize(), "Driftless-prod-eu"), "AWS::Lambda::Function");
    for (const { Properties } of Object.values(functions)) {
      const { Variables } = Properties.Environment as { Variables: Record<string, unknown> };
      const given = Object.keys(Variables).map((name): [string, string] => [name, "https://example.invalid/x"]);
      variables.set(String(Properties.FunctionName).replace("prod-eu-", ""), Object.fromEntries(given));
    }
  }, patience);

  afterAll(() => rmSync(elsewhere, { recursive: true }));

  it.each(functionNames)("%s starts alone, with the variables that the stack gives it and no others", async (name) => {
    const start = `import("./${name}/handler.mjs").then(({ handler }) => process.stdout.write(typeof handler))`;
    const fleet = variables.get(name)?.DRIFTLESS_FLEET_FILE === undefined ? {} : { DRIFTLESS_FLEET_FILE: "fleet.json" };

    const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", start], {
      cwd: elsewhere,
      env: { AWS_REGION: "eu-west-1", ...variables.get(name), ...fleet },
    });

    expect(stdout).toBe("function");
  });

  it("are the same when built again, and leave no chunk of an older build", async () => {
    const stale = "dist/functions/render/handler-chunks/stale-AAAAAAAA.mjs";
    const before = Object.fromEntries(
      filesOf("render").map((path) => [path, readFileSync(join("dist/functions/render", path))]),
    );
    cpSync("dist/functions/render/handler.mjs", stale);

    await run(process.execPath, ["build.mjs", "--quiet", "--only", "render"]);

    expect(existsSync(stale)).toBe(false);
    expect(filesOf("render").sort()).toEqual(Object.keys(before).sort());
    for (const [path, bytes] of Object.entries(before)) {
      expect(readFileSync(join("dist/functions/render", path)).equals(bytes)).toBe(true);
    }
  });
});

describe("build.mjs", () => {
  it("says what there is when nothing fits", async () => {
    const failure = await run(process.execPath, ["build.mjs", "--only", "nothing"]).catch((error: unknown) => error);

    expect(failure).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("there is: audit, reconcile, render") as string,
    });
  });
});
