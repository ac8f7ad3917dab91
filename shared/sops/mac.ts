/** The message authentication code: one hash over the plain values of all documents, in the order of the file. */
import { createHash, timingSafeEqual } from "node:crypto";

import { goFixed } from "./go-numbers.ts";
import { Time, type Value } from "./tree.ts";

/** Set apart from a MAC over all values by these bytes, which are sha256("sops"). */
const onlyEncryptedStart = createHash("sha256").update("sops").digest();

export interface Mac {
  /** Comments, nulls and containers are no leaves: they are not hashed. */
  add(leaf: string | Uint8Array | bigint | number | boolean | Time): void;
  /** Upper-case hex. */
  digest(): string;
}

export function createMac(onlyEncrypted: boolean): Mac {
  const hash = createHash("sha512");
  if (onlyEncrypted) hash.update(onlyEncryptedStart);
  return {
    add(leaf) {
      hash.update(macBytes(leaf));
    },
    digest: () => hash.digest("hex").toUpperCase(),
  };
}

/** What SOPS hashes and encrypts: numbers in digits without exponent, booleans capitalized. */
function macBytes(leaf: string | Uint8Array | bigint | number | boolean | Time): string | Uint8Array {
  if (typeof leaf === "string" || leaf instanceof Uint8Array) return leaf;
  if (typeof leaf === "number") return goFixed(leaf);
  if (typeof leaf === "bigint") return String(leaf);
  if (leaf instanceof Time) return leaf.rfc3339;
  return leaf ? "True" : "False";
}

/** In constant time, so that a MAC cannot be guessed digit by digit. */
export function isSameMac(stored: Value, computed: string): boolean {
  if (typeof stored !== "string" || stored.length !== computed.length) return false;
  return timingSafeEqual(Buffer.from(stored), Buffer.from(computed));
}
