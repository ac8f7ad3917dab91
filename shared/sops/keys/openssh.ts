/** Reads an Ed25519 private key in OpenSSH's own format. */
import { SopsError } from "../sops-error.ts";

export interface OpenSshKey {
  readonly seed: Uint8Array;
  /** The public key as it goes over the wire. */
  readonly wireKey: Uint8Array;
}

const magic = "openssh-key-v1\0";

/** @throws SopsError (`bad-identity`) when it is locked by a passphrase, of another kind, or broken */
export function readOpenSshKey(pem: string, where: string): OpenSshKey {
  const body = /^-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END OPENSSH PRIVATE KEY-----\s*$/.exec(
    pem,
  )?.[1];
  const bytes = Buffer.from(body ?? "", "base64");
  if (bytes.toString("latin1", 0, magic.length) !== magic) throw bad(where, "it is no OpenSSH private key");
  const outer = createReader(bytes.subarray(magic.length), where);
  const cipher = outer.text();
  if (cipher !== "none") throw bad(where, "the SSH key is locked by a passphrase: use one without");
  outer.text();
  outer.text();
  outer.skip(4);
  const wireKey = outer.field();
  const inner = createReader(outer.field(), where);
  inner.skip(8);
  if (inner.text() !== "ssh-ed25519")
    throw bad(where, "the SSH key is not of the kind ed25519, the only one that is read");
  inner.field();
  const seed = inner.field().subarray(0, 32);
  if (seed.length !== 32) throw bad(where, "the SSH key is cut off");
  return { seed, wireKey };
}

const bad = (where: string, message: string): SopsError => new SopsError("bad-identity", `${where}: ${message}`);

interface FieldReader {
  skip(bytes: number): void;
  field(): Buffer;
  text(): string;
}

function createReader(bytes: Buffer, where: string): FieldReader {
  let at = 0;
  const field = (): Buffer => {
    const length = at + 4 <= bytes.length ? bytes.readUInt32BE(at) : bytes.length;
    const content = bytes.subarray(at + 4, at + 4 + length);
    if (content.length !== length) throw bad(where, "the SSH key is cut off");
    at += 4 + length;
    return content;
  };
  return { skip: (count) => void (at += count), field, text: () => field().toString("latin1") };
}
