/** What a SOPS file holds, whatever its format: branches whose items keep their order and their comments. */

export class Comment {
  /** Without its marker. */
  readonly text: string;
  /** Whether it shares the line of its value: as long as nobody decrypts it, it is printed there again. */
  readonly isInline: boolean;

  constructor(text: string, isInline = false) {
    this.text = text;
    this.isInline = isInline;
  }
}

/** A YAML timestamp in RFC 3339 with as many fractional digits as it needs: what Go prints, encrypts and hashes. */
export class Time {
  readonly rfc3339: string;

  constructor(rfc3339: string) {
    this.rfc3339 = rfc3339;
  }
}

/** A mapping. Not a plain object: those move keys such as "8080" to the front, and the MAC depends on the order. */
export class Branch {
  readonly items: readonly Item[];

  constructor(items: readonly Item[]) {
    this.items = items;
  }
}

/** `undefined` where a comment stands for the key: such an item has no value. */
export type Item =
  { readonly key: string; readonly value: Value } | { readonly key: undefined; readonly value: Comment };

/** Whole numbers are bigints, floats numbers. Bytes are text that is not UTF-8; text that is comes as a string. */
export type Value = string | Uint8Array | bigint | number | boolean | null | Time | Comment | Branch | Value[];

/** The first value of that name. */
export function findItem(branch: Branch, key: string): Value | undefined {
  for (const item of branch.items) if (item.key === key) return item.value;
  return undefined;
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Text when the bytes are UTF-8, else the bytes themselves. */
export function textOf(bytes: Uint8Array): string | Uint8Array {
  try {
    return strict.decode(bytes);
  } catch {
    return bytes;
  }
}
