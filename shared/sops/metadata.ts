/** The metadata of a SOPS file, read as loosely as SOPS reads it: texts for numbers and booleans, null for lists. */
import type { KeyGroup, Recipient } from "./recipients.ts";
import { isGoTime, toRfc3339 } from "./rfc3339.ts";
import { SopsError } from "./sops-error.ts";
import { Branch, Comment, Time, type Value } from "./tree.ts";

/** At most one rule is set in a file; without any, names that end with `_unencrypted` stay plain. */
export interface Selector {
  readonly rule:
    | "unencrypted_suffix"
    | "encrypted_suffix"
    | "unencrypted_regex"
    | "encrypted_regex"
    | "unencrypted_comment_regex"
    | "encrypted_comment_regex";
  readonly pattern: string;
}

export interface Metadata {
  readonly groups: readonly KeyGroup[];
  /** How many groups are needed when there are several. */
  readonly threshold: number;
  /** RFC 3339 without fraction: also what the MAC is bound to. */
  readonly lastModified: string;
  /** Ciphertext; empty when the file has none. */
  readonly mac: string;
  readonly macOnlyEncrypted: boolean;
  readonly selector: Selector;
  readonly version: string;
}

type Fields = Readonly<Record<string, unknown>>;

const rules = [
  "unencrypted_suffix",
  "encrypted_suffix",
  "unencrypted_regex",
  "encrypted_regex",
  "unencrypted_comment_regex",
  "encrypted_comment_regex",
] as const;

/** @throws SopsError (`malformed`) naming the field, never its value */
export function parseMetadata(branch: Branch): Metadata {
  return metadataOf(plainOf(branch));
}

/** The same from plain objects, as the build leaves them. @throws SopsError (`malformed`) */
export function metadataOf(fields: Fields): Metadata {
  const lastModified = textAt(fields, "lastmodified");
  if (!isGoTime(lastModified)) throw malformed("sops.lastmodified is not an RFC 3339 time");
  return {
    groups: groupsOf(fields),
    threshold: wholeNumber(fields.shamir_threshold, "shamir_threshold"),
    lastModified: toRfc3339(lastModified),
    mac: textAt(fields, "mac"),
    macOnlyEncrypted: booleanAt(fields, "mac_only_encrypted"),
    selector: selectorOf(fields),
    version: textAt(fields, "version"),
  };
}

function selectorOf(fields: Fields): Selector {
  const set = rules.map((rule) => ({ rule, pattern: textAt(fields, rule) })).filter(({ pattern }) => pattern !== "");
  if (set.length > 1)
    throw malformed(`sops has ${set.map(({ rule }) => rule).join(" and ")}: at most one such rule may be set`);
  return set[0] ?? { rule: "unencrypted_suffix", pattern: "_unencrypted" };
}

/** Lists at the top are the one group of the file, and win over `key_groups`. */
function groupsOf(fields: Fields): readonly KeyGroup[] {
  const top = groupOf(fields);
  if (top.length > 0) return [top];
  const groups = listAt(fields, "key_groups").map(groupOf);
  if (groups.length === 0) throw malformed("sops lists no keys: the file was encrypted for nobody");
  return groups;
}

type Reader = (entry: Fields) => Recipient;

/** In the order in which SOPS lines up a group. */
const readers: Readonly<Record<string, Reader>> = {
  kms: (entry) => ({
    type: "kms",
    arn: textAt(entry, "arn"),
    role: textAt(entry, "role"),
    context: contextOf(entry.context),
    enc: textAt(entry, "enc"),
  }),
  gcp_kms: (entry) => ({ type: "gcp_kms", resourceId: textAt(entry, "resource_id"), enc: textAt(entry, "enc") }),
  hckms: (entry) => ({ type: "hckms", keyId: textAt(entry, "key_id"), enc: textAt(entry, "enc") }),
  azure_kv: (entry) => ({
    type: "azure_kv",
    vaultUrl: textAt(entry, "vault_url"),
    name: textAt(entry, "name"),
    version: textAt(entry, "version"),
    enc: textAt(entry, "enc"),
  }),
  hc_vault: (entry) => ({
    type: "hc_vault",
    address: textAt(entry, "vault_address"),
    enginePath: textAt(entry, "engine_path"),
    keyName: textAt(entry, "key_name"),
    enc: textAt(entry, "enc"),
  }),
  pgp: (entry) => ({ type: "pgp", fingerprint: textAt(entry, "fp"), enc: textAt(entry, "enc") }),
  age: (entry) => ({ type: "age", recipient: textAt(entry, "recipient"), enc: textAt(entry, "enc") }),
};

function groupOf(fields: Fields): KeyGroup {
  return Object.entries(readers).flatMap(([name, read]) =>
    listAt(fields, name).map((entry) => {
      if (name !== "age" && !isGoTime(textAt(entry, "created_at")))
        throw malformed(`created_at of an entry of sops.${name} is not an RFC 3339 time`);
      return read(entry);
    }),
  );
}

/** Entries without a value are dropped, as SOPS does before it asks the key service. */
function contextOf(value: unknown): Readonly<Record<string, string>> {
  if (!isFields(value)) return {};
  const pairs = Object.entries(value).filter(([, text]) => text !== null && text !== undefined);
  return Object.fromEntries(pairs.map(([name, text]) => [name, scalarText(text)]));
}

function listAt(fields: Fields, name: string): readonly Fields[] {
  const value = fields[name];
  if (value === undefined || value === null || value === "") return [];
  const entries = Array.isArray(value) ? value : [value];
  return entries.map((entry) => {
    if (!isFields(entry)) throw malformed(`sops.${name} is not a list of mappings`);
    return entry;
  });
}

function textAt(fields: Fields, name: string): string {
  const value = fields[name];
  if (isFields(value) || Array.isArray(value)) throw malformed(`sops field ${name} is not a text`);
  return scalarText(value);
}

function scalarText(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return value ? "1" : "0";
  return typeof value === "number" || typeof value === "bigint" ? String(value) : "";
}

function booleanAt(fields: Fields, name: string): boolean {
  const value = fields[name];
  if (typeof value === "boolean") return value;
  if (value === undefined || value === null || value === "") return false;
  if (typeof value === "string" && /^(?:1|t|T|TRUE|true|True)$/.test(value)) return true;
  if (typeof value === "string" && /^(?:0|f|F|FALSE|false|False)$/.test(value)) return false;
  if (typeof value === "number" || typeof value === "bigint") return Number(value) !== 0;
  throw malformed(`sops.${name} is neither true nor false`);
}

function wholeNumber(value: unknown, name: string): number {
  if (value === undefined || value === null || value === "") return 0;
  const number = Number(typeof value === "string" || typeof value === "bigint" ? value : Number.NaN);
  const whole = typeof value === "number" ? value : number;
  if (!Number.isInteger(whole) || whole < 0) throw malformed(`sops.${name} is not a whole number`);
  return whole;
}

const malformed = (message: string): SopsError => new SopsError("malformed", message);

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);

/** Comments are no metadata. A name that stands twice keeps its last value. */
function plainOf(branch: Branch): Fields {
  const fields: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const item of branch.items) if (item.key !== undefined) fields[item.key] = plainValue(item.value);
  return fields;
}

function plainValue(value: Value): unknown {
  if (value instanceof Branch) return plainOf(value);
  if (Array.isArray(value)) return value.filter((item) => !(item instanceof Comment)).map(plainValue);
  if (value instanceof Uint8Array || value instanceof Comment) return "";
  return value instanceof Time ? value.rfc3339 : value;
}
