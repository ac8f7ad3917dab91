import { generateKeyPairSync, verify } from "node:crypto";

import { describe, expect, it } from "vitest";

import { AwsError, type AwsErrorKind } from "../../../shared/aws/aws-error.ts";
import { createAgeOpener } from "../../../shared/sops/keys/age.ts";
import { parseAgeIdentities, parseSshIdentity } from "../../../shared/sops/keys/age-identities.ts";
import { createAzureOpener } from "../../../shared/sops/keys/azure.ts";
import { createGcpKmsOpener } from "../../../shared/sops/keys/gcp-kms.ts";
import type { HttpAnswer, HttpRequest, KeyHttp } from "../../../shared/sops/keys/http.ts";
import { createKmsOpener, type KmsRequest } from "../../../shared/sops/keys/kms.ts";
import { createVaultOpener } from "../../../shared/sops/keys/vault.ts";
import { identity, lockedSshKey, sealedForSsh, sshKey } from "./published-keys.ts";

const dataKey = "thirty-two bytes of data key....";

function anHttp(...answers: readonly HttpAnswer[]): KeyHttp & { readonly requests: HttpRequest[] } {
  const requests: HttpRequest[] = [];
  return {
    requests,
    post: async (request) => {
      requests.push(request);
      const answer = answers[requests.length - 1];
      if (!answer) throw new Error("connection refused");
      return answer;
    },
  };
}

const ok = (fields: object): HttpAnswer => ({ status: 200, body: JSON.stringify(fields) });
const base64 = Buffer.from(dataKey).toString("base64");

describe("parseAgeIdentities", () => {
  it("passes over empty lines and comments", () => {
    expect(parseAgeIdentities(`# created\n\n${identity.secret}\r\n`, "age.agekey")).toMatchObject([
      { name: identity.recipient },
    ]);
  });

  it.each([
    ["a space in front", ` ${identity.secret}`, "line 1"],
    ["a wrong checksum", `${identity.secret.slice(0, -1)}Q`, "mistyped"],
    ["an SSH key", "-----BEGIN OPENSSH PRIVATE KEY-----", "age recipient"],
    ["nothing", "# nothing\n", "no identity"],
  ])("refuses %s, and does not print it", (_, text, words) => {
    const parse = () => parseAgeIdentities(text, "key age.agekey of Secret apps/sops");

    expect(parse).toThrow(/^key age\.agekey of Secret apps\/sops/);
    expect(parse).toThrow(words);
    expect(parse).not.toThrow(identity.secret.slice(20, 40));
  });
});

describe("parseSshIdentity", () => {
  it("opens what age encrypted for the SSH key", async () => {
    const opener = createAgeOpener([parseSshIdentity(sshKey, "id_ed25519")]);

    const opened = await opener.open({ type: "age", recipient: "ssh-ed25519 AAAA", enc: sealedForSsh });

    expect(Buffer.from(opened).toString()).toBe(dataKey);
  });

  it("refuses a key with a passphrase", () => {
    expect(() => parseSshIdentity(lockedSshKey, "id_ed25519")).toThrow("locked by a passphrase");
  });
});

describe("createAgeOpener", () => {
  it("says which identities were tried", async () => {
    const opener = createAgeOpener(parseAgeIdentities(identity.secret, "age.agekey"));

    await expect(opener.open({ type: "age", recipient: "age1other", enc: sealedForSsh })).rejects.toThrow(
      `none of the identities opens it (tried ${identity.recipient})`,
    );
  });
});

describe("createKmsOpener", () => {
  const arn = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555";
  const recipient = { type: "kms", arn, role: "", context: { app: "shop" }, enc: "AQID" } as const;

  it("asks in the key's region, with the file's context", async () => {
    const asked: KmsRequest[] = [];
    const opener = createKmsOpener({
      decrypt: async (request) => {
        asked.push(request);
        return Buffer.from(dataKey);
      },
    });

    await opener.open(recipient);

    expect(asked).toMatchObject([{ region: "eu-west-1", keyId: arn, context: { app: "shop" }, role: undefined }]);
    expect(Buffer.from(asked[0]!.ciphertext)).toEqual(Buffer.from([1, 2, 3]));
  });

  it("asks nothing for a role that is not configured, or an ARN that is none", async () => {
    const opener = createKmsOpener(
      { decrypt: () => Promise.reject(new Error("unexpected call")) },
      { mayAssume: () => false },
    );

    await expect(opener.open({ ...recipient, role: "arn:aws:iam::1:role/other" })).rejects.toThrow("not configured");
    await expect(opener.open({ ...recipient, arn: "arn:aws:kms:eu-west-1" })).rejects.toThrow("not that of a KMS key");
  });

  it.each<[AwsErrorKind, boolean, string]>([
    ["throttled", true, "throttled"],
    ["unavailable", true, "not reached"],
    ["denied", false, "kms:Decrypt"],
    ["denied", false, "app=shop"],
    ["refused", false, "another encryption context than the file's (app=shop)"],
    ["missing", false, "knows no such key"],
  ])("explains that KMS says %s (retry: %s): %s", async (kind, retry, words) => {
    const opener = createKmsOpener({ decrypt: () => Promise.reject(new AwsError(kind, "text of the SDK")) });

    const refusal = await opener.open(recipient).catch((error: unknown) => error as Error);

    expect(refusal).toMatchObject({ name: "KeyRefused", retry });
    expect((refusal as Error).message).toContain(words);
  });
});

describe("createVaultOpener", () => {
  const recipient = { type: "hc_vault", enginePath: "sops", keyName: "first", enc: "vault:v1:abc" } as const;
  const login = { tokenFor: async () => "token" };

  it("asks the transit engine", async () => {
    const http = anHttp(ok({ data: { plaintext: base64 } }));

    const opened = await createVaultOpener(http, login).open({ ...recipient, address: "https://vault.example.com/" });

    expect(Buffer.from(opened).toString()).toBe(dataKey);
    expect(http.requests).toMatchObject([
      {
        url: "https://vault.example.com/v1/sops/decrypt/first",
        headers: { "x-vault-token": "token" },
        body: '{"ciphertext":"vault:v1:abc"}',
      },
    ]);
  });

  it.each([
    ["an address that is none", { address: "vault" }, "no http(s) URL"],
    ["credentials in the address", { address: "https://u:p@vault" }, "holds credentials"],
    ["a path that leads elsewhere", { address: "https://vault", enginePath: "../sys" }, "does not know"],
  ])("asks nothing for %s", async (_, fields, words) => {
    const opener = createVaultOpener(anHttp(), login);

    await expect(opener.open({ ...recipient, ...fields })).rejects.toThrow(words);
  });

  it.each([
    [{ status: 403, body: "secret words" }, false, "may not decrypt"],
    [{ status: 503, body: "secret words" }, true, "answers 503"],
    [{ status: 200, body: "secret words" }, false, "not understood"],
  ])("explains the answer %j", async (answer, retry, words) => {
    const opener = createVaultOpener(anHttp(answer), login);

    const refusal = await opener
      .open({ ...recipient, address: "https://vault" })
      .catch((error: unknown) => error as Error);

    expect(refusal).toMatchObject({ retry });
    expect((refusal as Error).message).toContain(words);
    expect((refusal as Error).message).not.toContain("secret words");
  });
});

describe("createAzureOpener", () => {
  const recipient = { type: "azure_kv", name: "sops", version: "1a2b", enc: "q83v" } as const;
  const credentials = { tenantId: "tenant", clientId: "client", clientSecret: "s3cret" };

  it("signs in for the vault's cloud and asks the key", async () => {
    const http = anHttp(ok({ access_token: "bearer" }), ok({ value: Buffer.from(dataKey).toString("base64url") }));

    const opened = await createAzureOpener(http, credentials).open({
      ...recipient,
      vaultUrl: "https://shop.vault.azure.net",
    });

    expect(Buffer.from(opened).toString()).toBe(dataKey);
    expect(http.requests.map(({ url }) => url)).toEqual([
      "https://login.microsoftonline.com/tenant/oauth2/v2.0/token",
      "https://shop.vault.azure.net/keys/sops/1a2b/decrypt?api-version=7.4",
    ]);
    expect(http.requests[0]?.body).toContain(encodeURIComponent("https://vault.azure.net/.default"));
    expect(http.requests[1]?.body).toBe('{"alg":"RSA-OAEP-256","value":"q83v"}');
  });

  it.each([
    "https://vault.azure.net.example.com",
    "http://shop.vault.azure.net",
    "https://example.com/?shop.vault.azure.net",
  ])("sends no token to %s", async (vaultUrl) => {
    const http = anHttp();

    await expect(createAzureOpener(http, credentials).open({ ...recipient, vaultUrl })).rejects.toThrow("vault_url");
    expect(http.requests).toEqual([]);
  });
});

describe("createGcpKmsOpener", () => {
  it("signs an assertion and asks the key", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const pem = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
    const http = anHttp(ok({ access_token: "bearer" }), ok({ plaintext: base64 }));
    const resourceId = "projects/shop/locations/global/keyRings/sops/cryptoKeys/sops";
    const opener = createGcpKmsOpener(http, { clientEmail: "robot@example.com", privateKey: pem }, { now: () => 5000 });

    const opened = await opener.open({ type: "gcp_kms", resourceId, enc: "AQID" });

    const assertion = new URLSearchParams(http.requests[0]?.body).get("assertion")!;
    const [head, claims, signature] = assertion.split(".");
    expect(verify("sha256", Buffer.from(`${head}.${claims}`), publicKey, Buffer.from(signature!, "base64url"))).toBe(
      true,
    );
    expect(JSON.parse(Buffer.from(claims!, "base64url").toString())).toMatchObject({
      iss: "robot@example.com",
      iat: 5,
    });
    expect(http.requests[1]?.url).toBe(`https://cloudkms.googleapis.com/v1/${resourceId}:decrypt`);
    expect(Buffer.from(opened).toString()).toBe(dataKey);
  });
});
