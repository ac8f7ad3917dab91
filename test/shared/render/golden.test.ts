/** Builds every kustomization of real fleets and compares with standalone kustomize, which Flux embeds. */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, readdirSync, rmSync, writeFileSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, relative } from "node:path";
import { describe, expect, it } from "vitest";

import { render } from "../../../shared/render/render.ts";
import { artifactOf, filesBelow, renderTools, temporaryDirectory } from "./tools.ts";

const FLEETS = "../shared/fleets";
const KUSTOMIZE = join(homedir(), ".cache/driftless-real/bin/kustomize");
const available = existsSync(FLEETS) && existsSync(KUSTOMIZE);
const fleets = available ? readdirSync(FLEETS) : [];
const scratch = temporaryDirectory();

/** Builds per fleet: spread over its directories, for the suite must stay quick. `GOLDEN_BUILDS=1000` builds all. */
const BUILDS = Number(process.env.GOLDEN_BUILDS ?? 12);

/** What kustomize prints, with the two fields that Flux adds to the root; undefined where it refuses. */
function expectedOf(copy: string, directory: string, file: string): string | undefined {
  const path = join(copy, directory, file);
  const text = readFileSync(path, "utf8");
  const options = /^sortOptions:/m.test(text) ? "" : "\nsortOptions: {order: fifo}\n";
  const origin = /^resources:/m.test(text) ? "" : "\nbuildMetadata: [originAnnotations]\n";
  writeFileSync(path, text + options + origin);
  try {
    const args = ["build", "--load-restrictor", "LoadRestrictionsNone", join(copy, directory)];
    return execFileSync(KUSTOMIZE, args, { stdio: ["ignore", "pipe", "ignore"], env: { PATH: "/none" } }).toString();
  } catch {
    return undefined;
  } finally {
    writeFileSync(path, text);
  }
}

describe.skipIf(!available)("render of real fleets (skipped without ../shared/fleets and a kustomize binary)", () => {
  it.each(fleets)("equals kustomize in the directories of %s", { timeout: 240_000 }, async (fleet) => {
    const tools = await renderTools(scratch);
    const files = filesBelow(join(FLEETS, fleet));
    const artifact = await artifactOf(files);
    const copy = join(scratch, fleet);
    cpSync(join(FLEETS, fleet), copy, { recursive: true });
    const differences: string[] = [];
    let built = 0;

    const kustomizations = Object.keys(files)
      .filter((name) => /(^|\/)kustomization\.ya?ml$/.test(name))
      .filter((path) => !String(files[path]).includes("kind: Component"));
    const step = Math.max(1, kustomizations.length / BUILDS);

    for (let index = 0; index < kustomizations.length; index += step) {
      const path = kustomizations[Math.floor(index)]!;
      const directory = dirname(path);
      const expected = expectedOf(copy, directory, relative(directory, path));
      const result = await render({ ...artifact, path: directory }, tools);
      if (result.kind === "built") built += 1;
      const actual = result.kind === "built" ? result.yaml.toString() : undefined;
      if (actual !== expected) {
        differences.push(`${directory}: ${result.kind === "failed" ? result.message : "differs"}`);
      }
    }
    rmSync(copy, { recursive: true });

    expect(differences).toEqual([]);
    expect(built).toBeGreaterThan(0);
  });
});
