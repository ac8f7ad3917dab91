/** Opens shares that were encrypted with age, by identities at hand: X25519, the post-quantum hybrid, ssh-ed25519. */
import { armor, Decrypter, type Identity } from "age-encryption";

import type { AgeRecipient } from "../recipients.ts";
import type { AgeIdentity } from "./age-identities.ts";
import { decryptPayload } from "./age-payload.ts";
import { type KeyOpener, KeyRefused } from "./opener.ts";

/** The entries of a file are files of age with one recipient each; those of unknown kinds are passed over. */
export function createAgeOpener(identities: readonly AgeIdentity[]): KeyOpener<"age"> {
  const known = identities.flatMap(({ identity }) => (identity === undefined ? [] : [identity]));
  return {
    open: async (recipient) => {
      if (known.length === 0) throw new KeyRefused("no age identity is at hand");
      try {
        return await decryptAge(Buffer.from(recipient.enc), known);
      } catch (error) {
        throw new KeyRefused(explain(error, recipient, identities));
      }
    },
  };
}

const noMatch = "no identity matched any of the file's recipients";

/** @throws Error whose text is age's own */
export async function decryptAge(file: Uint8Array, identities: readonly (string | Identity)[]): Promise<Uint8Array> {
  const decrypter = new Decrypter();
  for (const identity of identities) decrypter.addIdentity(identity);
  const text = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  const isArmored = /^\s*-----BEGIN/.test(text.toString("latin1", 0, 200));
  const binary = isArmored ? Buffer.from(armor.decode(text.toString("utf8"))) : text;
  const end = binary.indexOf("\n", Math.max(0, binary.indexOf("\n--- ")) + 1) + 1;
  const fileKey = await decrypter.decryptHeader(binary.subarray(0, end === 0 ? binary.length : end));
  return decryptPayload(binary.subarray(end), fileKey);
}

function explain(error: unknown, recipient: AgeRecipient, identities: readonly AgeIdentity[]): string {
  const tried = identities.map(({ name }) => name).join(", ");
  if (error instanceof Error && error.message === noMatch) return `none of the identities opens it (tried ${tried})`;
  return `the entry is not a valid age file for one of the identities (tried ${tried || "none"}; ${recipient.enc.length} characters)`;
}
