import { beforeAll, describe, expect, it } from "vitest";

import { decryptFile } from "../../../shared/sops/decrypt-file.ts";
import { formatOfPath } from "../../../shared/sops/formats.ts";
import type { KeyOpeners } from "../../../shared/sops/keys/opener.ts";
import { hasVectors, publishedKeys, vector } from "./vectors.ts";

const decrypt = async (path: string, openers: KeyOpeners, verifyMac = true): Promise<string> => {
  const format = formatOfPath(path);
  const { plain } = await decryptFile({ where: path, bytes: vector(path) }, { input: format }, openers, { verifyMac });
  return Buffer.from(plain.reveal()).toString("latin1");
};

describe.skipIf(!hasVectors)("decryptFile", () => {
  let keys: KeyOpeners;
  beforeAll(async () => {
    keys = await publishedKeys();
  });

  it.each([
    ..."secret.age-pq.yaml secret.two-recipients.yaml secret.age-and-pgp.yaml secret.pgp.yaml".split(" "),
    ..."secret.shamir-2-of-3.yaml secret.encrypted-suffix.yaml secret.unencrypted-suffix.yaml".split(" "),
    ..."secret.unencrypted-regex.yaml secret.encrypted-comment.yaml secret.unencrypted-comment.yaml".split(" "),
    ..."types.all.yaml types.regex.yaml types.maconly.yaml multi.yaml doc.json app.env app.ini".split(" "),
    ..."blob.bin note.txt".split(" "),
  ])("gives %s byte for byte as sops does, and its MAC fits", async (name) => {
    const plain = await decrypt(`sops/generated/enc/${name}`, keys);

    expect(plain).toBe(vector(`sops/generated/dec/${name}`).toString("latin1"));
  });

  it.each([
    ..."example.yaml example.json example.ini example.txt".split(" "),
    ..."format.enc.yaml format.enc.env format.enc.ini format-2.enc.ini format.enc.json multiple_keys.yaml"
      .split(" ")
      .map((name) => `functional-tests/res/${name}`),
    ..."comments.enc.yaml comments_unencrypted_comments.yaml".split(" ").map((name) => `functional-tests/res/${name}`),
    "examples/all_in_one/config/secret.enc.json",
    "examples/per_file/config.enc/static_github.json",
  ])("gives sops' own %s byte for byte, and its MAC fits", async (name) => {
    const plain = await decrypt(`sops/getsops/${name}`, keys);

    expect(plain).toBe(vector(`sops/getsops-expected/${name}`).toString("latin1"));
  });

  it.each([
    ["value-removed.yaml", "mac-mismatch"],
    ["plain-value-changed.yaml", "mac-mismatch"],
    ["values-swapped.yaml", "bad-value"],
  ])("refuses %s", async (name, code) => {
    await expect(decrypt(`sops/generated/bad/${name}`, keys)).rejects.toMatchObject({ code });
  });

  it("refuses a file without MAC only where the MAC is asked for", async () => {
    const path = "sops/getsops/functional-tests/res/no_mac.yaml";

    await expect(decrypt(path, keys)).rejects.toMatchObject({ code: "mac-mismatch" });
    expect(await decrypt(path, keys, false)).toBe(
      vector("sops/getsops-expected/functional-tests/res/no_mac.yaml").toString("latin1"),
    );
  });
});
