/** Whether a host key is the one that `known_hosts` names, by OpenSSH's rules (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). */
import { createHmac, timingSafeEqual } from "node:crypto";

interface Entry {
  readonly marker: string;
  readonly patterns: readonly string[];
  readonly type: string;
  readonly key: string;
}

export type HostVerdict = "known" | "unknown host" | "key mismatch" | "revoked";

/** Lines that cannot be read are left out, as OpenSSH does; certificate authorities are not supported. */
function parseKnownHosts(text: string): readonly Entry[] {
  const entries: Entry[] = [];
  for (const line of text.split("\n")) {
    const fields = line.trim().split(/\s+/);
    const marker = fields[0]?.startsWith("@") ? (fields.shift() ?? "") : "";
    const [hosts, type, key] = fields;
    if (!hosts || hosts.startsWith("#") || !type || !key) continue;
    entries.push({ marker, patterns: hosts.split(","), type, key });
  }
  return entries;
}

/** @param hostKey the key in SSH's wire form */
export function verifyHostKey(knownHosts: string, host: string, port: number, hostKey: Uint8Array): HostVerdict {
  const address = port === 22 ? host : `[${host}]:${port}`;
  const offered = Buffer.from(hostKey).toString("base64");
  const entries = parseKnownHosts(knownHosts).filter(({ patterns }) => matches(patterns, address));
  if (entries.some(({ marker, key }) => marker === "@revoked" && sameKey(key, offered))) return "revoked";
  const keys = entries.filter(({ marker }) => marker === "");
  if (keys.some(({ key }) => sameKey(key, offered))) return "known";
  return keys.length === 0 ? "unknown host" : "key mismatch";
}

/** Key types that `known_hosts` holds for a host: the server is asked for one of these, so that it can be compared. */
export function hostKeyTypes(knownHosts: string, host: string, port: number): readonly string[] {
  const address = port === 22 ? host : `[${host}]:${port}`;
  const entries = parseKnownHosts(knownHosts).filter(
    (entry) => entry.marker === "" && matches(entry.patterns, address),
  );
  return [...new Set(entries.map(({ type }) => type))];
}

function matches(patterns: readonly string[], address: string): boolean {
  let found = false;
  for (const pattern of patterns) {
    const negated = pattern.startsWith("!");
    if (!matchesHost(negated ? pattern.slice(1) : pattern, address)) continue;
    if (negated) return false;
    found = true;
  }
  return found;
}

function matchesHost(pattern: string, address: string): boolean {
  if (pattern.startsWith("|")) return matchesHashed(pattern, address);
  return matchesWildcards(pattern.toLowerCase(), address.toLowerCase());
}

function matchesHashed(pattern: string, address: string): boolean {
  const [, kind, salt, hash] = pattern.split("|");
  if (kind !== "1" || !salt || !hash) return false;
  const want = Buffer.from(hash, "base64");
  const have = createHmac("sha1", Buffer.from(salt, "base64")).update(address).digest();
  return want.length === have.length && timingSafeEqual(want, have);
}

/** `*` and `?`, without backtracking over more than the last star. */
function matchesWildcards(pattern: string, text: string): boolean {
  let p = 0;
  let star = -1;
  let mark = 0;
  for (let t = 0; t < text.length;) {
    if (pattern[p] === "*") {
      star = p++;
      mark = t;
    } else if (p < pattern.length && (pattern[p] === "?" || pattern[p] === text[t])) {
      p += 1;
      t += 1;
    } else if (star >= 0) {
      p = star + 1;
      t = ++mark;
    } else return false;
  }
  while (pattern[p] === "*") p += 1;
  return p === pattern.length;
}

function sameKey(a: string, b: string): boolean {
  return a.replace(/=+$/, "") === b.replace(/=+$/, "");
}
