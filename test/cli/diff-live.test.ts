import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import { describe, expect, it } from "vitest";

import { withArtifact } from "../../cli/local-build/fetch-artifact.ts";
import { createProgram } from "../../cli/program.ts";
import { aGitRepository, aKustomization, aWorld, programPorts } from "./world.ts";

/** A tar with one file, as POSIX has it. */
function archiveOf(name: string, text: string): Buffer {
  const header = Buffer.alloc(512);
  header.write(name);
  header.write("0000644\0", 100);
  header.write(`${text.length.toString(8).padStart(11, "0")}\0`, 124);
  header.write("        ", 148);
  header.write("0", 156);
  header.write("ustar\0", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  const content = Buffer.alloc(512);
  content.write(text);
  return gzipSync(Buffer.concat([header, content, Buffer.alloc(1024)]));
}

const archive = archiveOf("apps/settings.yaml", "kind: ConfigMap\n");
const digest = `sha256:${createHash("sha256").update(archive).digest("hex")}`;
const url = "s3://bucket/artifacts/a.tar.gz";
const source = (artifact: Readonly<Record<string, string>>) =>
  aGitRepository("fleet", { status: { artifact: { revision: "main@sha1:one", url, digest, ...artifact } } });
const fetchArtifact = async (asked: string) => {
  expect(asked).toBe(url);
  return archive;
};

describe("withArtifact", () => {
  it("puts the files down for as long as they are needed", async () => {
    const seen = await withArtifact(source({}), fetchArtifact, async ({ directory, revision }) => ({
      directory,
      revision,
      text: readFileSync(join(directory, "apps/settings.yaml"), "utf8"),
    }));
    expect(seen).toMatchObject({ revision: "main@sha1:one", text: "kind: ConfigMap\n" });
    expect(existsSync(seen.directory)).toBe(false);
  });

  it.each([
    ["an archive that is not the one", { digest: "sha256:other" }, "failed to verify archive"],
    ["a source that has stored nothing", { url: "" }, "GitRepository/flux-system/fleet has not stored an artifact yet"],
  ])("refuses %s", async (_, artifact, words) => {
    await expect(withArtifact(source(artifact), fetchArtifact, async () => "done")).rejects.toThrow(words);
  });
});

describe("diff kustomization --live", () => {
  const run = (...args: readonly string[]) => {
    const world = aWorld([aKustomization("apps"), source({})], { fetchArtifact });
    const tools = { kubectl: "/nowhere/kubectl", scratch: "/nowhere" };
    return createProgram(programPorts(world, tools), {}).parseAsync(["diff", "kustomization", ...args], {
      from: "user",
    });
  };

  it.each([
    [["apps", "--live", "--path", "."], "--live takes neither --path nor --kustomization-file"],
    [["apps", "--live", "--kustomization-file", "x.yaml"], "--live takes neither --path nor --kustomization-file"],
    [["--live"], "kustomization name is required"],
  ])("refuses %j", async (args, words) => {
    await expect(run(...args)).rejects.toMatchObject({ message: words, exitCode: 2 });
  });
});
