/** The real sops, where a developer has built it, encrypts what we decrypt. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { decryptFile } from "../../../shared/sops/decrypt-file.ts";
import { formatOfPath } from "../../../shared/sops/formats.ts";
import { createAgeOpener } from "../../../shared/sops/keys/age.ts";
import { parseAgeIdentities, parseSshIdentity } from "../../../shared/sops/keys/age-identities.ts";
import { identity, sshKey, sshPublicKey } from "./published-keys.ts";

const binary = process.env.DRIFTLESS_SOPS ?? join(homedir(), ".cache/driftless-real/bin/sops");
const isBuilt = existsSync(binary);
if (!isBuilt) console.warn("skipped: the real sops is not built");

const texts = [
  ["a.yaml", "# head\na: 1 # line\nb:\n  - x: |\n      y\n  - 2001-01-02\nc_unencrypted: é\n---\nd: 1e21\n"],
  ["a.json", '{"b": [1, 2.5, true, null, "<é>"], "8": {"c": "\\u2028"}}'],
  ["a.env", "# note\nA=b c\nD='e'\\nf\n"],
  ["a.ini", "; note\n[s]\nk = `x # y`\nlong = 2\n"],
  ["a.bin", "\u0000binary\u00ff"],
] as const;

const flags = [[], ["--mac-only-encrypted"], ["--encrypted-regex", "^(b|d)$"], ["--unencrypted-comment-regex", "note"]];

describe.skipIf(!isBuilt)("decryptFile", () => {
  const directory = isBuilt ? mkdtempSync(join(tmpdir(), "driftless-sops-")) : "";
  afterAll(() => {
    if (isBuilt) rmSync(directory, { recursive: true });
  });
  const openers = {
    age: createAgeOpener([...parseAgeIdentities(identity.secret, "identity"), parseSshIdentity(sshKey, "ssh")]),
  };

  it.each(
    texts.flatMap(([name, text]) =>
      [identity.recipient, sshPublicKey].flatMap((recipient) =>
        flags.map((more) => [name, more.join(" "), recipient, text] as const),
      ),
    ),
  )("gives %s with %s for %s as sops does", async (name, more, recipient, text) => {
    const file = join(directory, name);
    writeFileSync(file, text);
    const environment = {
      ...process.env,
      SOPS_AGE_KEY: identity.secret,
      SOPS_AGE_SSH_PRIVATE_KEY_FILE: join(directory, "ssh"),
    };
    writeFileSync(join(directory, "ssh"), sshKey, { mode: 0o600 });
    const sops = (...given: readonly string[]): Buffer =>
      execFileSync(binary, given, { env: environment, stdio: ["ignore", "pipe", "ignore"] });

    const encrypted = sops("--encrypt", "--age", recipient, ...(more === "" ? [] : more.split(" ")), file);
    writeFileSync(file, encrypted);
    const expected = sops("--decrypt", file);
    const { plain } = await decryptFile(
      { where: name, bytes: readFileSync(file) },
      { input: formatOfPath(name) },
      openers,
      { verifyMac: true },
    );

    expect(Buffer.from(plain.reveal())).toEqual(expected);
  });
});
