/** What the engine relies on of KMS and Secrets Manager. */
import {
  DecryptCommand,
  DescribeKeyCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  GenerateMacCommand,
  KMSClient,
} from "@aws-sdk/client-kms";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { describe, expect, it } from "vitest";

import { type ContractTarget, clientConfig } from "./target.ts";

export function keysAndSecretsContract(target: () => ContractTarget): void {
  describe("KMS", () => {
    const client = () => new KMSClient(clientConfig(target()));
    const Plaintext = Buffer.from("data key");
    const EncryptionContext = { app: "driftless" };

    it("decrypts under the same context only", async () => {
      const { CiphertextBlob } = await client().send(
        new EncryptCommand({ KeyId: target().keyId, Plaintext, EncryptionContext }),
      );

      const opened = await client().send(new DecryptCommand({ CiphertextBlob, EncryptionContext }));

      expect(Buffer.from(opened.Plaintext!)).toEqual(Plaintext);
      const wrong = client().send(new DecryptCommand({ CiphertextBlob, EncryptionContext: { app: "other" } }));
      await expect(wrong).rejects.toMatchObject({ name: "InvalidCiphertextException" });
    });

    it("makes data keys that it can open again", async () => {
      const made = await client().send(new GenerateDataKeyCommand({ KeyId: target().keyId, KeySpec: "AES_256" }));
      const opened = await client().send(new DecryptCommand({ CiphertextBlob: made.CiphertextBlob }));
      expect(opened.Plaintext).toEqual(made.Plaintext);
      expect(made.Plaintext).toHaveLength(32);
    });

    it("gives the same MAC for the same message", async () => {
      const mac = async (text: string) => {
        const command = new GenerateMacCommand({
          KeyId: target().macKeyId,
          Message: Buffer.from(text),
          MacAlgorithm: "HMAC_SHA_256",
        });
        return Buffer.from((await client().send(command)).Mac!).toString("hex");
      };
      expect(await mac("a")).toBe(await mac("a"));
      expect(await mac("a")).not.toBe(await mac("b"));
    });

    it("names a key that does not exist", async () => {
      const unknown = target().keyId.replace(/[0-9a-f-]{36}$/, "00000000-0000-0000-0000-000000000000");
      await expect(client().send(new DescribeKeyCommand({ KeyId: unknown }))).rejects.toMatchObject({
        name: "NotFoundException",
      });
    });
  });

  describe("Secrets Manager", () => {
    it("gives the generated value, and names a secret that does not exist", async () => {
      const client = new SecretsManagerClient(clientConfig(target()));

      const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: target().secretId }));

      expect(SecretString).toMatch(/^[A-Za-z0-9]{48}$/);
      const absent = client.send(new GetSecretValueCommand({ SecretId: "driftless/absent" }));
      await expect(absent).rejects.toMatchObject({ name: "ResourceNotFoundException" });
    });
  });
}
