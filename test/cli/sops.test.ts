import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { conclude } from "../../cli/conclude.ts";
import { createProgram } from "../../cli/program.ts";
import { encryptedSecret, identity, sshKey } from "../shared/sops/published-keys.ts";
import { aWorld, programPorts } from "./world.ts";

const directory = mkdtempSync(join(tmpdir(), "driftless-sops-"));
const plain = encryptedSecret.replace(/ENC\[[^\]]*\](?=\nsops:)/, "correct-horse").replace(/^sops:[^]*/m, "");

beforeAll(() => {
  writeFileSync(join(directory, "secret.yaml"), encryptedSecret);
  writeFileSync(join(directory, "changed.yaml"), encryptedSecret.replace("name: database", "name: other"));
  writeFileSync(join(directory, "plain.yaml"), plain);
  writeFileSync(join(directory, "age.txt"), `${identity.secret}\n`);
  writeFileSync(join(directory, "id_ed25519"), sshKey);
});
afterAll(() => rmSync(directory, { recursive: true }));

async function run(command: string, environment: Readonly<Record<string, string>> = {}) {
  const world = aWorld([]);
  const program = createProgram({ ...programPorts(world), workingDirectory: directory }, environment);
  const end = await program
    .parseAsync(command.split(" "), { from: "user" })
    .then(() => ({ exitCode: 0, text: "" }), conclude);
  return { stdout: world.stdout(), stderr: end.text, exitCode: end.exitCode };
}

describe("sops decrypt", () => {
  it.each([
    ["sops decrypt secret.yaml --key age.txt", {}],
    ["sops decrypt secret.yaml --key id_ed25519 --key age.txt", {}],
    ["sops decrypt secret.yaml", { SOPS_AGE_KEY: identity.secret }],
    ["sops decrypt secret.yaml", { SOPS_AGE_KEY_FILE: "age.txt" }],
  ])("prints the plain text: %s with %j", async (command, environment) => {
    expect(await run(command, environment)).toEqual({ stdout: plain, stderr: "", exitCode: 0 });
  });

  it("writes a file that only its owner reads", async () => {
    await run("sops decrypt secret.yaml --key age.txt --output out.json --output-type json");

    const file = join(directory, "out.json");
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ stringData: { password: "correct-horse" } });
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it.each([
    ["sops decrypt changed.yaml --key age.txt", "changed.yaml: the MAC does not fit the values"],
    ["sops decrypt plain.yaml --key age.txt", "plain.yaml: the file has no sops metadata"],
    ["sops decrypt secret.yaml", "no key opens the data key: age age1"],
    ["sops decrypt gone.yaml --key age.txt", "cannot read gone.yaml (ENOENT)"],
    ["sops decrypt secret.yaml --key age.txt --input-type toml", '"toml" is no format'],
    ["sops decrypt secret.yaml --key plain.yaml", "plain.yaml: line 1: it is no age identity"],
  ])("refuses %s, and prints no value", async (command, words) => {
    const end = await run(command);

    expect(end).toMatchObject({ stdout: "", exitCode: 1 });
    expect(end.stderr).toContain(words);
  });
});

describe("sops verify", () => {
  it("looks at all files, and prints no value", async () => {
    const end = await run("sops verify secret.yaml changed.yaml --key age.txt");

    expect(end).toMatchObject({ exitCode: 1 });
    expect(end.stdout).toMatch(
      /^secret\.yaml: every value decrypts and the MAC fits\nchanged\.yaml: the MAC does not fit/,
    );
    expect(end.stdout + end.stderr).not.toContain("correct-horse");
    expect(end.stderr).toContain("1 of 2 files did not pass");
  });
});
