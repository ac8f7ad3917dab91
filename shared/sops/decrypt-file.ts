/** Decrypts one SOPS file: format in, format out, keys at hand; the plain bytes come in a wrapper that does not print. */
import { decryptValue, type DataKey } from "./cipher.ts";
import { type DataKeyOptions, openDataKey } from "./data-key.ts";
import { decryptTree } from "./decrypt-tree.ts";
import type { Format } from "./formats.ts";
import type { KeyOpeners } from "./keys/opener.ts";
import { isSameMac } from "./mac.ts";
import { type Metadata, parseMetadata } from "./metadata.ts";
import { PlainBytes } from "./plain-bytes.ts";
import { SopsError } from "./sops-error.ts";
import { readStore, writeStore } from "./stores/store.ts";
import type { Branch } from "./tree.ts";

/** Also Flux's limit. */
export const largestFileBytes = 5 * 1024 * 1024;

export interface FileFormats {
  readonly input: Format;
  /** Where it differs from the input, e.g. a YAML file whose generator key ends with `.json`. */
  readonly output?: Format;
}

export interface DecryptOptions extends DataKeyOptions {
  /** Flux does not; a build would have changed what it covers. */
  readonly verifyMac?: boolean;
}

export interface DecryptedFile {
  readonly plain: PlainBytes;
  readonly metadata: Metadata;
}

/**
 * @param where how messages name the file
 * @throws SopsError naming the file; its message holds no value
 */
export async function decryptFile(
  file: { readonly where: string; readonly bytes: Uint8Array },
  { input, output = input }: FileFormats,
  openers: KeyOpeners,
  { verifyMac = false, ...options }: DecryptOptions = {},
): Promise<DecryptedFile> {
  try {
    const { branches, metadata } = readEncrypted(file.bytes, input);
    const key = await openDataKey(metadata, openers, options);
    const decrypted = decryptTree(branches, metadata, key);
    if (verifyMac) requireMac(metadata, decrypted.mac, key);
    return { plain: new PlainBytes(writeStore(decrypted.branches, output)), metadata };
  } catch (error) {
    if (error instanceof SopsError) throw new SopsError(error.code, `${file.where}: ${error.message}`);
    throw error;
  }
}

/** @throws SopsError (`not-encrypted`, `malformed`, `too-large`) */
export function readEncrypted(
  bytes: Uint8Array,
  format: Format,
): { readonly branches: readonly Branch[]; readonly metadata: Metadata } {
  if (bytes.length > largestFileBytes)
    throw new SopsError(
      "too-large",
      `${bytes.length} bytes are more than the ${largestFileBytes} that may be decrypted`,
    );
  const { branches, metadata } = readStore(bytes, format);
  if (!metadata) throw new SopsError("not-encrypted", "the file has no sops metadata: it is not encrypted");
  return { branches, metadata: parseMetadata(metadata) };
}

/** The stored one is bound to the time of the last change. */
function requireMac(metadata: Metadata, computed: string, key: DataKey): void {
  const stored = readMac(metadata, key);
  if (stored === "") throw new SopsError("mac-mismatch", "the file has no MAC: whether it was changed cannot be told");
  if (!isSameMac(stored, computed))
    throw new SopsError(
      "mac-mismatch",
      "the MAC does not fit the values: something was added, removed or changed since sops wrote the file" +
        " (sops 3.13.2 wrote wrong MACs for lists with comments: if it did, let a newer sops write the file again)",
    );
}

function readMac(metadata: Metadata, key: DataKey): string {
  try {
    const stored = decryptValue(metadata.mac, key, metadata.lastModified);
    return typeof stored === "string" ? stored : "";
  } catch (error) {
    if (!(error instanceof SopsError)) throw error;
    throw new SopsError("mac-mismatch", "the MAC does not decrypt: it, or sops.lastmodified, was changed");
  }
}
