/** KMS with keys in a file: symmetric keys (AES-256-GCM with the encryption context as associated data) and HMAC keys. */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";

import { type Json, integer, optionalRecord, optionalText, parseJson, record, text } from "../json.ts";
import type { Resource } from "../template.ts";
import { AwsError, type AwsRequest, type Emulator, jsonResponse, notEmulated, targetOperation } from "./protocol.ts";

export interface KmsOptions {
  /** Resources of type AWS::KMS::Key. */
  readonly keys: readonly Resource[];
  /** Resources of type AWS::KMS::Alias. */
  readonly aliases: readonly Resource[];
  /** Where the root secret is kept, so that what was encrypted stays readable after a restart. */
  readonly file: string;
}

interface Key {
  readonly id: string;
  readonly arn: string;
  readonly spec: string;
  readonly usage: string;
}

const operations = [
  "Encrypt",
  "Decrypt",
  "GenerateDataKey",
  "GenerateDataKeyWithoutPlaintext",
  "GenerateMac",
  "VerifyMac",
  "DescribeKey",
];

export function createKms({ keys: resources, aliases, file }: KmsOptions): Emulator {
  const root = loadRoot(file);
  const keys = resources.map((resource): Key => ({
    ...{ id: resource.ref, arn: resource.arn },
    spec: optionalText(resource.properties.KeySpec, "KeySpec") ?? "SYMMETRIC_DEFAULT",
    usage: optionalText(resource.properties.KeyUsage, "KeyUsage") ?? "ENCRYPT_DECRYPT",
  }));
  const find = (name: string): Key => {
    const target = name.includes("alias/") ? aliasTarget(aliases, name.slice(name.indexOf("alias/"))) : name;
    const key = keys.find((candidate) => candidate.id === target || candidate.arn === target);
    if (key === undefined) throw new AwsError("NotFoundException", 400, `Invalid keyId ${name}`);
    return key;
  };
  const keyOf = (body: Json, operation: string): Key => {
    if (operation !== "Decrypt" || body.KeyId !== undefined) return find(text(body.KeyId, "KeyId"));
    const id = open(bytes(body, "CiphertextBlob")).id;
    return find(id);
  };
  const perform = (operation: string, body: Json): unknown => {
    const key = keyOf(body, operation);
    const secret = Buffer.from(hkdfSync("sha256", root, key.id, "driftless-local-kms", 32));
    switch (operation) {
      case "Encrypt":
        return {
          KeyId: key.arn,
          CiphertextBlob: seal(key, secret, bytes(body, "Plaintext"), aad(body)).toString("base64"),
          EncryptionAlgorithm: key.spec,
        };
      case "Decrypt":
        return {
          KeyId: key.arn,
          Plaintext: unseal(key, secret, bytes(body, "CiphertextBlob"), aad(body)).toString("base64"),
          EncryptionAlgorithm: key.spec,
        };
      case "GenerateDataKey":
      case "GenerateDataKeyWithoutPlaintext": {
        const plain = randomBytes(body.KeySpec === "AES_128" ? 16 : integer(body.NumberOfBytes, 32));
        const sealed = { KeyId: key.arn, CiphertextBlob: seal(key, secret, plain, aad(body)).toString("base64") };
        return operation === "GenerateDataKey" ? { ...sealed, Plaintext: plain.toString("base64") } : sealed;
      }
      case "GenerateMac":
      case "VerifyMac":
        return mac(operation, key, secret, body);
      default:
        return { KeyMetadata: describe(key) };
    }
  };
  return {
    service: "kms",
    protocol: "json-1.1",
    deniedCode: "AccessDeniedException",
    permissions(request) {
      const operation = targetOperation(request);
      if (!operations.includes(operation)) throw notEmulated("KMS", operation);
      const body = parse(request);
      const context = Object.entries(optionalRecord(body.EncryptionContext, "EncryptionContext")).map(
        ([name, value]) => [`kms:EncryptionContext:${name}`, text(value, name)] as const,
      );
      return [
        { action: `kms:${operation}`, resource: keyOf(body, operation).arn, context: Object.fromEntries(context) },
      ];
    },
    handle: async (request) => jsonResponse(perform(targetOperation(request), parse(request))),
  };
}

const parse = (request: AwsRequest): Json => parseJson(request.body.toString("utf8"), "the request");
const bytes = (body: Json, field: string): Buffer => Buffer.from(text(body[field], field), "base64");

function aliasTarget(aliases: readonly Resource[], name: string): string | undefined {
  const alias = aliases.find((candidate) => candidate.properties.AliasName === name);
  return alias === undefined ? undefined : text(alias.properties.TargetKeyId, `target of ${name}`);
}

function aad(body: Json): Buffer {
  const context = optionalRecord(body.EncryptionContext, "EncryptionContext");
  return Buffer.from(JSON.stringify(Object.entries(context).sort(([a], [b]) => (a < b ? -1 : 1))));
}

/** Key id (36 characters), nonce, tag, ciphertext. */
function seal(key: Key, secret: Buffer, plain: Buffer, context: Buffer): Buffer {
  requireUsage(key, "ENCRYPT_DECRYPT");
  if (plain.length > 4096)
    throw new AwsError(
      "ValidationException",
      400,
      "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096",
    );
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", secret, nonce).setAAD(context);
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([Buffer.from(key.id, "latin1"), nonce, cipher.getAuthTag(), sealed]);
}

function open(blob: Buffer) {
  if (blob.length < 64) throw invalidCiphertext();
  return {
    id: blob.subarray(0, 36).toString("latin1"),
    nonce: blob.subarray(36, 48),
    tag: blob.subarray(48, 64),
    sealed: blob.subarray(64),
  };
}

function unseal(key: Key, secret: Buffer, blob: Buffer, context: Buffer): Buffer {
  const { id, nonce, tag, sealed } = open(blob);
  if (id !== key.id)
    throw new AwsError(
      "IncorrectKeyException",
      400,
      "The key ID in the request does not identify a CMK that can perform this operation.",
    );
  try {
    const decipher = createDecipheriv("aes-256-gcm", secret, nonce).setAAD(context).setAuthTag(tag);
    return Buffer.concat([decipher.update(sealed), decipher.final()]);
  } catch {
    throw invalidCiphertext();
  }
}

/** KMS gives this error no message. */
const invalidCiphertext = () => new AwsError("InvalidCiphertextException", 400, "");

function mac(operation: string, key: Key, secret: Buffer, body: Json) {
  requireUsage(key, "GENERATE_VERIFY_MAC");
  const algorithm = text(body.MacAlgorithm, "MacAlgorithm");
  const hash = algorithm.replace("HMAC_SHA_", "sha");
  const value = createHmac(hash, secret).update(bytes(body, "Message")).digest();
  if (operation === "GenerateMac") return { KeyId: key.arn, Mac: value.toString("base64"), MacAlgorithm: algorithm };
  const given = bytes(body, "Mac");
  if (given.length !== value.length || !timingSafeEqual(given, value))
    throw new AwsError("KMSInvalidMacException", 400, "");
  return { KeyId: key.arn, MacValid: true, MacAlgorithm: algorithm };
}

function requireUsage(key: Key, usage: string): void {
  if (key.usage === usage) return;
  throw new AwsError(
    "InvalidKeyUsageException",
    400,
    `${key.arn} key usage is ${key.usage} which is not valid for this operation.`,
  );
}

const describe = (key: Key) => ({
  ...{ KeyId: key.id, Arn: key.arn, Enabled: true, KeyState: "Enabled", KeyUsage: key.usage, KeySpec: key.spec },
  KeyManager: "CUSTOMER",
});

function loadRoot(file: string): Buffer {
  if (existsSync(file))
    return Buffer.from(text(record(JSON.parse(readFileSync(file, "utf8")), file).root, file), "base64");
  const root = randomBytes(32);
  writeFileSync(file, JSON.stringify({ root: root.toString("base64") }), { mode: 0o600 });
  return root;
}
