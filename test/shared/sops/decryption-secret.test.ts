import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { readDecryptionSecret } from "../../../shared/sops/decryption-secret.ts";
import { detectFormat, formatOfPath, hasMarker } from "../../../shared/sops/formats.ts";
import { encryptedSecret, identity } from "./published-keys.ts";
import { hasVectors, vector, vectorPath } from "./vectors.ts";

const secret = "Secret flux-system/sops";
const read = (entries: Readonly<Record<string, string | Uint8Array>>) =>
  readDecryptionSecret(
    Object.fromEntries(
      Object.entries(entries).map(([name, text]) => [name, typeof text === "string" ? Buffer.from(text) : text]),
    ),
    secret,
  );

describe("readDecryptionSecret", () => {
  it("tells keys by the names of their entries, and passes over others", async () => {
    const keys = await read({
      "a.agekey": identity.secret,
      "sops.vault-token": "token\n",
      "sops.aws-kms": "aws_access_key_id: AKIA\naws_secret_access_key: abc\n",
      "sops.azure-kv": new Uint8Array(Buffer.from('\ufeff{"tenant": "t", "appId": "a", "password": "p"}', "utf16le")),
      "sops.gcp-kms": '{"client_email": "robot@example.com", "private_key": "pem"}',
      "age.txt": "correct-horse",
    });

    expect(keys).toMatchObject({
      age: [{ name: identity.recipient }],
      pgp: [],
      vaultToken: "token",
      aws: { accessKeyId: "AKIA", secretAccessKey: "abc" },
      azure: { tenantId: "t", clientId: "a", clientSecret: "p" },
      gcp: { clientEmail: "robot@example.com", privateKey: "pem" },
    });
  });

  it.each([
    ["a.agekey", "correct-horse", "line 1: it is no age identity"],
    ["a.asc", "correct-horse", "no armored OpenPGP private key"],
    ["sops.aws-kms", "correct-horse: [", "no mapping in YAML or JSON"],
    ["sops.aws-kms", "correct-horse: 1", "the field aws_access_key_id is missing"],
    ["sops.azure-kv", "clientCertificate: correct-horse", "certificates are not supported"],
  ])("refuses a bad entry %s, and does not print it", async (name, text, words) => {
    const error = await read({ [name]: text }).catch((caught: unknown) => caught as Error);

    expect(error).toMatchObject({ name: "SopsError", code: "bad-identity" });
    expect((error as Error).message).toContain(`key ${name} of ${secret}: `);
    expect((error as Error).message).toContain(words);
    expect((error as Error).message).not.toContain("correct-horse");
  });

  it.skipIf(!hasVectors)("imports what Flux imports, and refuses what it refuses", async () => {
    const { keyImport } = JSON.parse(readFileSync(vectorPath("kustomize-decrypt.json"), "utf8")) as {
      readonly keyImport: readonly {
        readonly secret: Readonly<Record<string, string>> | null;
        readonly error: boolean;
      }[];
    };
    const valid: Readonly<Record<string, Uint8Array>> = {
      "pgp.asc": vector("sops/kustomize-controller/keys/pgp.asc"),
      "age.agekey": vector("sops/kustomize-controller/keys/age.txt"),
    };

    const cases = keyImport.filter(({ secret: entries }) => entries !== null);
    const outcomes = cases.map(async ({ secret: entries }) => {
      const texts = Object.entries(entries ?? {}).map(([name, text]) => [
        name,
        text === "<valid>" ? (valid[name] ?? "") : text,
      ]);
      return read(Object.fromEntries(texts) as Record<string, string>).then(
        () => false,
        () => true,
      );
    });

    expect(cases.length).toBeGreaterThan(3);
    expect(await Promise.all(outcomes)).toEqual(cases.map(({ error }) => error));
  });
});

describe("detectFormat", () => {
  it.each([
    [encryptedSecret, "yaml"],
    ['{"data": "", "sops": {"mac": "ENC["}}', "binary"],
    ["A=1\nsops_mac=ENC[", "dotenv"],
    ["[a]\nb=1\n[sops]\n", "ini"],
    ["plain: text\n", undefined],
  ])("finds the marker in %j", (text, format) => {
    expect(detectFormat(Buffer.from(text))).toBe(format);
  });

  it("looks for the marker of the expected format alone", () => {
    expect(hasMarker(Buffer.from(encryptedSecret), formatOfPath("token"))).toBe(false);
    expect(hasMarker(Buffer.from(encryptedSecret), formatOfPath("secret.yaml"))).toBe(true);
  });
});
