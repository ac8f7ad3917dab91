/** Which operation of S3 a request is, on which bucket and key, and the permissions that it needs. */
import { type AwsRequest, type Permission, notEmulated } from "./protocol.ts";

export interface Target {
  readonly bucket: string;
  /** Empty for an operation on the bucket. */
  readonly key: string;
  readonly operation:
    "PutObject" | "GetObject" | "HeadObject" | "DeleteObject" | "DeleteObjects" | "ListObjectsV2" | "HeadBucket";
}

/** @throws AwsError for an operation that is not emulated: subresources would otherwise be taken for objects. */
export function targetOf(request: AwsRequest): Target {
  const [, bucket = "", ...rest] = request.path.split("/");
  const key = rest.map(decodeURIComponent).join("/");
  const { method, query } = request;
  const subresource = [
    "acl",
    "tagging",
    "uploads",
    "uploadId",
    "versioning",
    "versions",
    "policy",
    "lifecycle",
    "versionId",
  ];
  const unknown = subresource.find((name) => query.has(name));
  if (unknown !== undefined) throw notEmulated("S3", `${method} ?${unknown}`);
  if (key === "") {
    if (method === "GET" && query.get("list-type") === "2") return { bucket, key, operation: "ListObjectsV2" };
    if (method === "POST" && query.has("delete")) return { bucket, key, operation: "DeleteObjects" };
    if (method === "HEAD") return { bucket, key, operation: "HeadBucket" };
    throw notEmulated("S3", `${method} of a bucket`);
  }
  if (request.headers["x-amz-copy-source"] !== undefined) throw notEmulated("S3", "CopyObject");
  const operations: Readonly<Record<string, Target["operation"]>> = {
    PUT: "PutObject",
    GET: "GetObject",
    HEAD: "HeadObject",
    DELETE: "DeleteObject",
  };
  const operation = operations[method];
  if (operation === undefined) throw notEmulated("S3", `${method} of an object`);
  return { bucket, key, operation };
}

/** HeadObject needs s3:GetObject; listing is a right on the bucket. */
export function permissionsOf(target: Target, request: AwsRequest): readonly Permission[] {
  const bucket = `arn:aws:s3:::${target.bucket}`;
  const object = (action: string, key = target.key): Permission => ({ action, resource: `${bucket}/${key}` });
  switch (target.operation) {
    case "PutObject": {
      const condition = request.headers["if-none-match"];
      const encryption = request.headers["x-amz-server-side-encryption"];
      return [
        {
          ...object("s3:PutObject"),
          context: {
            ...(condition === undefined ? {} : { "s3:if-none-match": condition }),
            ...(encryption === undefined ? {} : { "s3:x-amz-server-side-encryption": encryption }),
          },
        },
      ];
    }
    case "GetObject":
    case "HeadObject":
      return [object("s3:GetObject")];
    case "DeleteObject":
      return [object("s3:DeleteObject")];
    case "DeleteObjects":
      return keysToDelete(request).map((key) => object("s3:DeleteObject", key));
    case "ListObjectsV2":
      return [listPermission(target, request.query.get("prefix") ?? "")];
    case "HeadBucket":
      return [{ action: "s3:ListBucket", resource: bucket }];
  }
}

/** What S3 asks of KMS on the caller's behalf, per "Using server-side encryption with AWS KMS keys". */
export function keyPermissions({ operation }: Target, resource: string, region: string): readonly Permission[] {
  const context = { "kms:ViaService": `s3.${region}.amazonaws.com` };
  if (operation === "PutObject") return [{ action: "kms:GenerateDataKey", resource, context }];
  return operation === "GetObject" || operation === "HeadObject" ? [{ action: "kms:Decrypt", resource, context }] : [];
}

const listPermission = (target: Target, prefix: string): Permission => ({
  action: "s3:ListBucket",
  resource: `arn:aws:s3:::${target.bucket}`,
  context: { "s3:prefix": prefix },
});

/** The keys of a DeleteObjects request. */
export function keysToDelete(request: AwsRequest): readonly string[] {
  const found = request.body.toString("utf8").matchAll(/<Key>([^<]*)<\/Key>/g);
  return [...found].map(([, key = ""]) =>
    key
      .replaceAll("&lt;", "<")
      .replaceAll("&gt;", ">")
      .replaceAll("&quot;", '"')
      .replaceAll("&apos;", "'")
      .replaceAll("&amp;", "&"),
  );
}
