/** Reads files of age identities as Flux does: a line each, nothing trimmed, one bad line refuses the file. */
import type { Identity } from "age-encryption";

import { SopsError } from "../sops-error.ts";
import { decodeBech32, encodeBech32 } from "./bech32.ts";
import { readOpenSshKey } from "./openssh.ts";
import { createSshEd25519Identity, createX25519Identity, x25519Recipient } from "./x25519.ts";

export interface AgeIdentity {
  /** The public half, for messages. */
  readonly name: string;
  /** Absent for plugins, whose programs cannot run here. */
  readonly identity: string | Identity | undefined;
}

/**
 * @param where names the entry in messages, e.g. `key age.agekey of Secret flux-system/sops-age`
 * @throws SopsError (`bad-identity`) with the line
 */
export function parseAgeIdentities(text: string, where: string): readonly AgeIdentity[] {
  const identities: AgeIdentity[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const content = line.replace(/\r$/, "");
    if (content === "" || content.startsWith("#")) continue;
    identities.push(identityOf(content, `${where}: line ${index + 1}`));
  }
  if (identities.length === 0) throw bad(where, "it holds no identity");
  return identities;
}

function identityOf(line: string, where: string): AgeIdentity {
  if (line.startsWith("AGE-SECRET-KEY-PQ-1")) return hybrid(line, where);
  if (line.startsWith("AGE-SECRET-KEY-1")) return classic(line, where);
  if (line.startsWith("AGE-PLUGIN-")) return { name: "an identity of a plugin", identity: undefined };
  if (/^-----BEGIN|^ssh-/.test(line))
    throw bad(
      where,
      "SSH keys are not read from a file of age identities, as in Flux: add an age recipient to the file",
    );
  throw bad(where, "it is no age identity: those begin with AGE-SECRET-KEY-1 or AGE-SECRET-KEY-PQ-1");
}

const bad = (where: string, message: string): SopsError => new SopsError("bad-identity", `${where}: ${message}`);

function secretOf(line: string, prefix: string, where: string): Uint8Array {
  const decoded = decodeBech32(line);
  if (decoded?.prefix !== prefix || decoded.bytes.length !== 32)
    throw bad(where, "the age identity is incomplete or mistyped: its checksum or length is wrong");
  return decoded.bytes;
}

function classic(line: string, where: string): AgeIdentity {
  const scalar = secretOf(line, "age-secret-key-", where);
  const name = encodeBech32({ prefix: "age", bytes: x25519Recipient(scalar) });
  return { name, identity: createX25519Identity(scalar) };
}

function hybrid(line: string, where: string): AgeIdentity {
  secretOf(line, "age-secret-key-pq-", where);
  return { name: "a post-quantum identity", identity: line };
}

/** For a person's own SSH key. @throws SopsError (`bad-identity`) when it is locked or of another kind */
export function parseSshIdentity(pem: string, where: string): AgeIdentity {
  const { seed, wireKey } = readOpenSshKey(pem, where);
  return {
    name: `ssh-ed25519 ${Buffer.from(wireKey).toString("base64")}`,
    identity: createSshEd25519Identity(seed, wireKey),
  };
}
