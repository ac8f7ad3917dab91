/** The engine's bucket, for the functions that keep content in it. */
import { S3Client } from "@aws-sdk/client-s3";

import type { BlobStore } from "../runtime/blob-store.ts";
import { type Environment, requireVariable } from "../runtime/environment.ts";
import { createS3BlobStore } from "./blob-store.ts";

export interface Bucket {
  readonly bucket: string;
  readonly blobs: BlobStore;
}

export function createBucket(environment: Environment): Bucket {
  const bucket = requireVariable(environment, "DRIFTLESS_BUCKET");
  // A presigned PUT would else carry the checksum of an empty body.
  const client = new S3Client({ requestChecksumCalculation: "WHEN_REQUIRED" });
  return { bucket, blobs: createS3BlobStore(client, bucket) };
}
