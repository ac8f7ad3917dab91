/** Content in the engine's bucket. */
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

import type { BlobStore } from "../runtime/blob-store.ts";
import { AwsError, callAws } from "./aws-error.ts";

/**
 * The role needs `s3:ListBucket` on the bucket: without it S3 answers 403 instead of 404 for a key that does not
 * exist, and a missing key, which is no error, would look like a missing permission.
 *
 * Create the client with `requestChecksumCalculation: "WHEN_REQUIRED"`: otherwise the SDK signs the checksum of an
 * empty body into the URLs of `presignPut`, and S3 refuses every upload to them.
 * @throws AwsError
 */
export function createS3BlobStore(client: S3Client, bucket: string): BlobStore {
  const at = (key: string) => ({ Bucket: bucket, Key: key });
  return {
    get: async (key) =>
      await unlessMissing(
        callAws(`s3 GetObject of ${key}`, async () => {
          const { Body: body } = await client.send(new GetObjectCommand(at(key)));
          return (await body?.transformToByteArray()) ?? new Uint8Array();
        }),
        key,
      ),

    put: async (key, bytes, contentType) => {
      const input = { ...at(key), Body: bytes, ...(contentType !== undefined && { ContentType: contentType }) };
      await callAws(`s3 PutObject of ${key}`, () => client.send(new PutObjectCommand(input)));
    },

    exists: async (key) => {
      const head = callAws(`s3 HeadObject of ${key}`, () => client.send(new HeadObjectCommand(at(key))));
      return (await unlessMissing(head, key)) !== undefined;
    },

    delete: async (key) => {
      await callAws(`s3 DeleteObject of ${key}`, () => client.send(new DeleteObjectCommand(at(key))));
    },

    list: async (prefix) => await listAll(client, bucket, prefix),

    presignGet: async (key, expiresSeconds) =>
      await getSignedUrl(client, new GetObjectCommand(at(key)), { expiresIn: expiresSeconds }),
    presignPut: async (key, expiresSeconds) => {
      const url = await getSignedUrl(client, new PutObjectCommand(at(key)), { expiresIn: expiresSeconds });
      if (url.includes("x-amz-checksum-")) {
        throw new TypeError("the s3 client adds checksums: create it with requestChecksumCalculation WHEN_REQUIRED");
      }
      return url;
    },
  };
}

async function unlessMissing<T>(answer: Promise<T>, key: string): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    if (error.kind === "missing") return undefined;
    if (error.kind !== "denied") throw error;
    throw new AwsError(
      "denied",
      `reading ${key} is denied: the role lacks s3:GetObject, or s3:ListBucket, without which a missing key looks like this`,
      { cause: error },
    );
  }
}

async function listAll(client: S3Client, bucket: string, prefix: string): Promise<readonly string[]> {
  const keys: string[] = [];
  let token: string | undefined;
  do {
    const input = { Bucket: bucket, Prefix: prefix, ...(token !== undefined && { ContinuationToken: token }) };
    const page = await callAws(`s3 ListObjectsV2 of ${prefix}`, () => client.send(new ListObjectsV2Command(input)));
    for (const { Key: key } of page.Contents ?? []) if (key !== undefined) keys.push(key);
    token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
  return keys;
}
