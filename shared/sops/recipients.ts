/** The keys for which a file was encrypted, as its metadata lists them. */

interface Entry {
  /** The data key (or one share of it), encrypted for this recipient; the form differs by type. */
  readonly enc: string;
}

export interface AgeRecipient extends Entry {
  readonly type: "age";
  /** Says for whom; informational, for users edit it: what opens is told by the stanza. */
  readonly recipient: string;
}

export interface PgpRecipient extends Entry {
  readonly type: "pgp";
  readonly fingerprint: string;
}

export interface KmsRecipient extends Entry {
  readonly type: "kms";
  readonly arn: string;
  /** Assumed before the key is asked; empty when none. */
  readonly role: string;
  readonly context: Readonly<Record<string, string>>;
}

export interface GcpKmsRecipient extends Entry {
  readonly type: "gcp_kms";
  readonly resourceId: string;
}

export interface HuaweiKmsRecipient extends Entry {
  readonly type: "hckms";
  readonly keyId: string;
}

export interface AzureRecipient extends Entry {
  readonly type: "azure_kv";
  readonly vaultUrl: string;
  readonly name: string;
  readonly version: string;
}

export interface VaultRecipient extends Entry {
  readonly type: "hc_vault";
  readonly address: string;
  readonly enginePath: string;
  readonly keyName: string;
}

export type Recipient =
  AgeRecipient | PgpRecipient | KmsRecipient | GcpKmsRecipient | HuaweiKmsRecipient | AzureRecipient | VaultRecipient;

export type RecipientType = Recipient["type"];

/** All keys of a group open the same share. */
export type KeyGroup = readonly Recipient[];

/** What a person needs to find the key: never the ciphertext. */
export function nameOfRecipient(recipient: Recipient): string {
  switch (recipient.type) {
    case "age":
      return `age ${shorten(recipient.recipient)}`;
    case "pgp":
      return `pgp ${recipient.fingerprint}`;
    case "kms":
      return `kms ${recipient.arn}`;
    case "gcp_kms":
      return `gcp_kms ${recipient.resourceId}`;
    case "hckms":
      return `hckms ${recipient.keyId}`;
    case "azure_kv":
      return `azure_kv ${recipient.vaultUrl}/keys/${recipient.name}/${recipient.version}`;
    case "hc_vault":
      return `hc_vault ${withoutCredentials(recipient.address)}/v1/${recipient.enginePath}/keys/${recipient.keyName}`;
  }
}

/** Post-quantum recipients have two thousand characters. */
const shorten = (recipient: string): string => (recipient.length <= 80 ? recipient : `${recipient.slice(0, 24)}…`);

const withoutCredentials = (url: string): string => url.replace(/\/\/[^/@]*@/, "//");
