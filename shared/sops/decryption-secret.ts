/** The Secret of `spec.decryption.secretRef`: its entries tell by their names which keys they hold, as in Flux. */
import { parseAllDocuments } from "yaml";

import { type AgeIdentity, parseAgeIdentities } from "./keys/age-identities.ts";
import type { AzureCredentials } from "./keys/azure.ts";
import type { GcpCredentials } from "./keys/gcp-kms.ts";
import { type PgpKey, readPgpKeys } from "./keys/pgp.ts";
import { SopsError } from "./sops-error.ts";

export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
}

export interface DecryptionKeys {
  readonly age: readonly AgeIdentity[];
  readonly pgp: readonly PgpKey[];
  readonly vaultToken: string | undefined;
  /** They win over the identity of the cluster. */
  readonly aws: AwsKeys | undefined;
  readonly azure: AzureCredentials | undefined;
  readonly gcp: GcpCredentials | undefined;
}

/**
 * One bad entry refuses the Secret; entries of other names are passed over.
 * @param secret names the Secret in messages, e.g. `Secret flux-system/sops-keys`
 * @throws SopsError (`bad-identity`) naming the entry, never its content
 */
export async function readDecryptionSecret(
  entries: Readonly<Record<string, Uint8Array>>,
  secret: string,
): Promise<DecryptionKeys> {
  const texts = Object.entries(entries).map(([name, bytes]) => ({ name, text: decode(bytes) }));
  const named = (name: string): Entry | undefined => {
    const entry = texts.find((candidate) => candidate.name === name);
    return entry && { where: `key ${name} of ${secret}`, text: entry.text };
  };
  const age = texts.filter(({ name }) => name.endsWith(".agekey"));
  const pgp = texts.filter(({ name }) => name.endsWith(".asc"));
  const pgpKeys = await Promise.all(pgp.map(({ name, text }) => readPgpKeys(text, `key ${name} of ${secret}`)));
  return {
    age: age.flatMap(({ name, text }) => parseAgeIdentities(text, `key ${name} of ${secret}`)),
    pgp: pgpKeys.flat(),
    vaultToken: named("sops.vault-token")?.text.replace(/\n+$/, ""),
    aws: map(named("sops.aws-kms"), awsKeysOf),
    azure: map(named("sops.azure-kv"), azureOf),
    gcp: map(named("sops.gcp-kms"), gcpOf),
  };
}

interface Entry {
  readonly where: string;
  readonly text: string;
}

type Fields = Readonly<Record<string, unknown>>;

const map = <T>(entry: Entry | undefined, read: (fields: Fields, where: string) => T): T | undefined =>
  entry && read(fieldsOf(entry), entry.where);

/** Tools of Azure write UTF-16 with a byte order mark. */
function decode(bytes: Uint8Array): string {
  const mark = `${bytes[0] ?? 0},${bytes[1] ?? 0}`;
  const encoding = mark === "255,254" ? "utf-16le" : mark === "254,255" ? "utf-16be" : "utf-8";
  return new TextDecoder(encoding).decode(bytes);
}

/** YAML or JSON. Its messages would quote what they do not understand. */
function fieldsOf({ text, where }: Entry): Fields {
  try {
    const [document] = [...parseAllDocuments(text, { logLevel: "silent", prettyErrors: false })];
    const value: unknown = document?.errors.length === 0 ? document.toJS({ maxAliasCount: 10 }) : undefined;
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  } catch {
    // What follows says where.
  }
  throw new SopsError("bad-identity", `${where}: it is no mapping in YAML or JSON`);
}

function requireField(fields: Fields, name: string, where: string): string {
  const value = fields[name];
  if (typeof value === "string" && value !== "") return value;
  throw new SopsError("bad-identity", `${where}: the field ${name} is missing or not a text`);
}

const awsKeysOf = (fields: Fields, where: string): AwsKeys => ({
  accessKeyId: requireField(fields, "aws_access_key_id", where),
  secretAccessKey: requireField(fields, "aws_secret_access_key", where),
  sessionToken: typeof fields.aws_session_token === "string" ? fields.aws_session_token : undefined,
});

/** A service principal in one of two spellings. */
function azureOf(fields: Fields, where: string): AzureCredentials {
  if ("clientCertificate" in fields)
    throw new SopsError("bad-identity", `${where}: certificates are not supported, use a clientSecret`);
  const host = typeof fields.authorityHost === "string" ? { authorityHost: fields.authorityHost } : {};
  const [tenant, client, password] =
    "tenant" in fields
      ? (["tenant", "appId", "password"] as const)
      : (["tenantId", "clientId", "clientSecret"] as const);
  return {
    tenantId: requireField(fields, tenant, where),
    clientId: requireField(fields, client, where),
    clientSecret: requireField(fields, password, where),
    ...host,
  };
}

const gcpOf = (fields: Fields, where: string): GcpCredentials => ({
  clientEmail: requireField(fields, "client_email", where),
  privateKey: requireField(fields, "private_key", where),
});
