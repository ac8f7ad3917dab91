/** Opens shares that AWS KMS encrypted: the region comes from the key's ARN, the role and the context from the file. */
import type { AwsErrorKind } from "../../aws/aws-error.ts";
import type { KmsRecipient } from "../recipients.ts";
import { type KeyOpener, KeyRefused } from "./opener.ts";

export interface KmsRequest {
  readonly region: string;
  /** ARN of a key or alias. */
  readonly keyId: string;
  readonly ciphertext: Uint8Array;
  readonly context: Readonly<Record<string, string>>;
  /** Assumed first when set. */
  readonly role: string | undefined;
}

export interface Kms {
  /** @throws AwsError */
  decrypt(request: KmsRequest): Promise<Uint8Array>;
}

export interface KmsOptions {
  /** Roles that a file may name; others are refused before any call. All when absent. */
  readonly mayAssume?: (role: string) => boolean;
}

/** Greedy as SOPS': the region is what stands between service and account. */
const arnForm = /^arn:aws[\w-]*:kms:([a-z0-9-]+):\d+:(?:key|alias)\/[\w/:+=,.@-]+$/;

export function createKmsOpener(kms: Kms, { mayAssume = () => true }: KmsOptions = {}): KeyOpener<"kms"> {
  return {
    open: async (recipient) => {
      const region = arnForm.exec(recipient.arn)?.[1];
      if (region === undefined) throw new KeyRefused("its ARN is not that of a KMS key or alias");
      const role = recipient.role === "" ? undefined : recipient.role;
      if (role !== undefined && !mayAssume(role))
        throw new KeyRefused(`the file asks for the role ${role}, which is not configured for this cluster`);
      const ciphertext = Buffer.from(recipient.enc, "base64");
      try {
        return await kms.decrypt({ region, keyId: recipient.arn, ciphertext, context: recipient.context, role });
      } catch (error) {
        throw explain(error, recipient);
      }
    },
  };
}

function explain(error: unknown, recipient: KmsRecipient): unknown {
  const kind = kindOf(error);
  if (kind === undefined) return error;
  if (kind === "throttled" || kind === "unavailable")
    return new KeyRefused(`KMS is ${kind === "throttled" ? "throttled" : "not reached"}: tried again later`, {
      retry: true,
    });
  const role = recipient.role === "" ? "the caller's role" : recipient.role;
  const context = describeContext(recipient.context);
  if (kind === "denied")
    return new KeyRefused(
      `KMS denies kms:Decrypt to ${role}: its policy or the key's lacks that permission, or allows it for another` +
        ` encryption context than the file's (${context})`,
    );
  if (kind === "missing") return new KeyRefused("KMS knows no such key: it was deleted, or the ARN is mistyped");
  return new KeyRefused(
    `KMS refuses the data key: it was encrypted under another key, or with another encryption context than the file's (${context})`,
  );
}

/** By its shape: the class lives beside the SDK. */
function kindOf(error: unknown): AwsErrorKind | undefined {
  return error instanceof Error && error.name === "AwsError" && "kind" in error
    ? (error.kind as AwsErrorKind)
    : undefined;
}

/** A context is no secret: KMS writes it into its log. */
function describeContext(context: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(context).map(([name, value]) => `${name}=${value}`);
  return pairs.length === 0 ? "none" : pairs.join(", ");
}
