/** The one error of the reader. It says where and what to do, and never holds a value of the file. */

/**
 * - `not-encrypted`: no SOPS metadata.
 * - `malformed`: the file cannot be read, or its metadata cannot.
 * - `no-key`: no key at hand opens the data key.
 * - `key-unavailable`: a key service could not answer (throttled, unreachable): the same file may open later.
 * - `bad-value`: a value does not decrypt: it was moved, changed, or is not encrypted although the rules say so.
 * - `mac-mismatch`: every value decrypts, but something was added, removed or changed.
 * - `too-large`: over the limit in size or in expanded aliases.
 * - `unknown-store`: no such format.
 */
export type SopsErrorCode =
  | "not-encrypted"
  | "malformed"
  | "no-key"
  | "key-unavailable"
  | "bad-value"
  | "mac-mismatch"
  | "too-large"
  | "unknown-store"
  | "bad-identity";

export class SopsError extends Error {
  override readonly name = "SopsError";
  readonly code: SopsErrorCode;

  constructor(code: SopsErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
