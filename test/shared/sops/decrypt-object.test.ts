import { createCipheriv, createSecretKey } from "node:crypto";

import { describe, expect, it } from "vitest";

import { decryptFields, decryptObject, isEncryptedObject } from "../../../shared/sops/decrypt-object.ts";
import { readEncrypted } from "../../../shared/sops/decrypt-file.ts";
import { hasVectors, publishedKeys, vector } from "./vectors.ts";

const raw = Buffer.alloc(32, "k");
const key = createSecretKey(raw);

function encrypt(text: string, path: string, type: string): string {
  const iv = Buffer.alloc(32, path);
  const cipher = createCipheriv("aes-256-gcm", raw, iv).setAAD(Buffer.from(path));
  const content = Buffer.concat([cipher.update(text), cipher.final()]).toString("base64");
  const tag = cipher.getAuthTag().toString("base64");
  return `ENC[AES256_GCM,data:${content},iv:${iv.toString("base64")},tag:${tag},type:${type}]`;
}

const suffix = { selector: { rule: "unencrypted_suffix", pattern: "_unencrypted" } } as const;

describe("decryptFields", () => {
  it("gives every type of value back, and leaves what is plain", () => {
    const fields = {
      list: [encrypt("a", "list:", "str"), { deep: encrypt("42", "list:deep:", "int") }],
      big: encrypt("9007199254740993", "big:", "int"),
      float: encrypt("1.5", "float:", "float"),
      flag: encrypt("True", "flag:", "bool"),
      when: encrypt("2026-01-02T00:00:00Z", "when:", "time"),
      empty: "",
      nothing: null,
      note_unencrypted: "plain",
    };

    expect(decryptFields(fields, suffix, key)).toEqual({
      list: ["a", { deep: 42 }],
      big: 9007199254740993n,
      float: 1.5,
      flag: true,
      when: "2026-01-02T00:00:00Z",
      empty: "",
      nothing: null,
      note_unencrypted: "plain",
    });
  });

  it.each([
    ["a value that moved", { other: encrypt("a", "name:", "str") }, "the value at other cannot be decrypted"],
    ["a value that is plain", { name: "correct-horse" }, "not encrypted"],
    ["a number where ciphertext should be", { name: 1 }, "not encrypted"],
    ["an unknown type", { name: encrypt("a", "name:", "blob") }, "a type that SOPS does not know"],
    ["a number that is none", { name: encrypt("correct-horse", "name:", "int") }, "is none"],
    ["a boolean that is none", { name: encrypt("correct-horse", "name:", "bool") }, "is none"],
    ["what is no base64", { name: encrypt("a", "name:", "str").replace("iv:", "iv:?") }, "not valid base64"],
  ])("refuses %s, and does not print it", (_, fields, words) => {
    const decrypt = () => decryptFields(fields, suffix, key);

    expect(decrypt).toThrow(words);
    expect(decrypt).not.toThrow("correct-horse");
  });

  it("decrypts by form where comments decided, for the build left none", () => {
    const fields = { a: encrypt("x", "a:", "str"), b: "plain" };
    const selector = { rule: "encrypted_comment_regex", pattern: "sops:enc" } as const;

    expect(decryptFields(fields, { selector }, key)).toEqual({ a: "x", b: "plain" });
  });
});

describe.skipIf(!hasVectors)("decryptObject", () => {
  it("decrypts an object without asking for its MAC, and says which object it could not", async () => {
    const openers = await publishedKeys();
    const text = vector("sops/generated/enc/doc.json").toString();
    const object = JSON.parse(text) as Record<string, unknown>;
    const where = "Secret/apps/doc";

    const plain = await decryptObject({ where, object: { ...object, added_unencrypted: 1 } }, openers);

    expect(isEncryptedObject(object)).toBe(true);
    expect(plain).toEqual({
      ...(JSON.parse(vector("sops/generated/dec/doc.json").toString()) as object),
      added_unencrypted: 1,
    });
    await expect(decryptObject({ where, object }, {})).rejects.toThrow(
      /^Secret\/apps\/doc: no key opens the data key: age /,
    );
    expect(readEncrypted(Buffer.from(text), "json").metadata.version).toBe("3.13.3");
  });
});
