/** AWS KMS for the reader of SOPS files: a client per region and role, kept for the life of the process. */
import { DecryptCommand, type KMSClient } from "@aws-sdk/client-kms";

import type { Kms } from "../sops/keys/kms.ts";
import { AwsError, callAws } from "./aws-error.ts";

/** @param clientFor gives a client with the credentials that the role (or else the caller) has in the region */
export function createKms(clientFor: (region: string, role: string | undefined) => KMSClient): Kms {
  const clients = new Map<string, KMSClient>();
  return {
    decrypt: async ({ region, keyId, ciphertext, context, role }) => {
      const id = `${region} ${role ?? ""}`;
      const client = clients.get(id) ?? clientFor(region, role);
      clients.set(id, client);
      // SOPS sends a context only where the file has one; an empty one means none.
      const encryption = Object.keys(context).length === 0 ? {} : { EncryptionContext: { ...context } };
      const command = new DecryptCommand({ KeyId: keyId, CiphertextBlob: ciphertext, ...encryption });
      const { Plaintext: plain } = await callAws(`kms Decrypt with ${keyId}`, () => client.send(command));
      if (!plain) throw new AwsError("unavailable", `kms Decrypt with ${keyId} gave no plaintext`);
      return plain;
    },
  };
}
