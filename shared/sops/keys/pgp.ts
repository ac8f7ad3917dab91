/** Opens shares that were encrypted with OpenPGP, by private keys at hand. The library is large and loaded when used. */
import type { PrivateKey } from "openpgp";

import { SopsError } from "../sops-error.ts";
import { type KeyOpener, KeyRefused } from "./opener.ts";

export type PgpKey = PrivateKey;

/** Keys of 2016 and before have 1024 bits; to refuse to read what they wrote helps nobody. */
const smallestRsaBits = 1024;

const block = /-----BEGIN PGP PRIVATE KEY BLOCK-----[^]*?-----END PGP PRIVATE KEY BLOCK-----/g;

/**
 * All keys of an entry, which may hold several armored blocks.
 * @throws SopsError (`bad-identity`) when there is none, or one is locked by a passphrase
 */
export async function readPgpKeys(armored: string, where: string): Promise<readonly PgpKey[]> {
  const openpgp = await import("openpgp");
  const keys: PgpKey[] = [];
  for (const armoredKeys of armored.match(block) ?? []) {
    try {
      keys.push(...(await openpgp.readPrivateKeys({ armoredKeys })));
    } catch {
      throw bad(where, "an OpenPGP key is broken");
    }
  }
  if (keys.length === 0) throw bad(where, "it holds no armored OpenPGP private key");
  if (keys.some((key) => !key.isDecrypted()))
    throw bad(where, "an OpenPGP key is locked by a passphrase, which nobody can type here: export one without");
  return keys;
}

const bad = (where: string, message: string): SopsError => new SopsError("bad-identity", `${where}: ${message}`);

/** The library's own type refers to a package that it does not bring. */
interface DecryptOptions {
  readonly message: unknown;
  readonly decryptionKeys: readonly PgpKey[];
  readonly format: "binary";
  readonly config: { readonly minRSABits: number };
}

export function createPgpOpener(keys: readonly PgpKey[]): KeyOpener<"pgp"> {
  return {
    open: async ({ enc }) => {
      if (keys.length === 0) throw new KeyRefused("no OpenPGP key is at hand");
      const openpgp = await import("openpgp");
      const tried = keys.map((key) => key.getFingerprint().toUpperCase()).join(", ");
      try {
        const message = await openpgp.readMessage({ armoredMessage: enc });
        const decrypt = openpgp.decrypt as unknown as (
          options: DecryptOptions,
        ) => Promise<{ readonly data: Uint8Array }>;
        const config = { minRSABits: smallestRsaBits };
        return (await decrypt({ message, decryptionKeys: [...keys], format: "binary", config })).data;
      } catch {
        // Its messages are about packets, which helps nobody.
        throw new KeyRefused(`none of the OpenPGP keys opens it (tried ${tried})`);
      }
    },
  };
}
