import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { buildKustomization, cleanMessage } from "../../../shared/render/build.ts";
import { DEFAULT_RENDER_LIMITS } from "../../../shared/render/protocol.ts";
import { renderTools, temporaryDirectory } from "./tools.ts";

const directory = temporaryDirectory();
const { kubectl } = await renderTools(directory);
const root = join(directory, "tree");
mkdirSync(root);

/** Past the guard, as if it had overlooked something. */
const build = (kustomization: string) => {
  writeFileSync(join(root, "kustomization.yaml"), kustomization);
  return buildKustomization("", { kubectl, root, home: join(directory, "home"), limits: DEFAULT_RENDER_LIMITS });
};

describe("buildKustomization", () => {
  it("gives the child an environment without anything of ours", async () => {
    process.env.DRIFTLESS_TEST_SECRET = "leaked";
    const yaml = await build("configMapGenerator: [{name: a, files: [/proc/self/environ]}]");
    delete process.env.DRIFTLESS_TEST_SECRET;

    expect(yaml.toString()).toContain("PATH=/nonexistent");
    expect(yaml.toString()).not.toContain("leaked");
  });

  it("has no git for a remote base", async () => {
    await expect(build("resources: ['git@example.invalid:org/repo.git']")).rejects.toThrow(/no 'git' program on path/);
  });

  it("throws what is no build's fault", async () => {
    const options = { kubectl: "/nowhere/kubectl", root, home: join(directory, "home"), limits: DEFAULT_RENDER_LIMITS };

    await expect(buildKustomization("", options)).rejects.toThrow("/nowhere/kubectl cannot be run");
  });
});

describe("cleanMessage", () => {
  it("says that memory ran out", () => {
    expect(cleanMessage("fatal error: runtime: out of memory\n\ngoroutine 1", "/x")).toBe(
      "it needs more memory than a build may have",
    );
  });

  it("bounds what kustomize says", () => {
    expect(cleanMessage(`error: ${"x".repeat(100_000)}`, "/x")).toHaveLength(8192);
  });
});
