/** The S3 REST API, path style, over the objects of `s3.ts`: put, get, head, delete, list, conditional writes. */
import { AwsError, type AwsRequest, type AwsResponse, type Emulator, escapeXml, xmlResponse } from "./protocol.ts";
import { decodeBody, requireChecksums } from "./s3-body.ts";
import { type Target, keyPermissions, keysToDelete, permissionsOf, targetOf } from "./s3-operation.ts";
import type { ObjectHead, ObjectStore } from "./s3.ts";

/** `keyOf` gives the ARN of the KMS key that encrypts a bucket's objects, in the name of whoever reads or writes. */
export function createS3Api(
  store: ObjectStore,
  keyOf: (bucket: string) => string | undefined = () => undefined,
): Emulator {
  return {
    service: "s3",
    protocol: "rest-xml",
    deniedCode: "AccessDenied",
    permissions(request) {
      const target = targetOf(request);
      const key = keyOf(target.bucket);
      return [
        ...permissionsOf(target, request),
        ...(key === undefined ? [] : keyPermissions(target, key, request.region)),
      ];
    },
    async handle(request) {
      const target = targetOf(request);
      if (!store.buckets.includes(target.bucket)) {
        throw new AwsError("NoSuchBucket", 404, "The specified bucket does not exist");
      }
      return perform(store, target, request);
    },
  };
}

function perform(store: ObjectStore, target: Target, request: AwsRequest): AwsResponse {
  const { bucket, key } = target;
  switch (target.operation) {
    case "PutObject":
      return put(store, target, request);
    case "GetObject":
    case "HeadObject":
      return get(store, target, request);
    case "DeleteObject":
      store.delete(bucket, key);
      return { status: 204, headers: {}, body: "" };
    case "DeleteObjects": {
      const keys = keysToDelete(request);
      for (const each of keys) store.delete(bucket, each);
      const deleted = keys.map((each) => `<Deleted><Key>${escapeXml(each)}</Key></Deleted>`).join("");
      return xmlResponse(`<DeleteResult xmlns="${namespace}">${deleted}</DeleteResult>`);
    }
    case "ListObjectsV2":
      return listObjects(store, bucket, request.query);
    case "HeadBucket":
      return { status: 200, headers: {}, body: "" };
  }
}

const namespace = "http://s3.amazonaws.com/doc/2006-03-01/";
const kept =
  /^(content-type|content-encoding|content-disposition|content-language|cache-control|expires|x-amz-meta-.*|x-amz-server-side-encryption.*)$/;

function put(store: ObjectStore, { bucket, key }: Target, request: AwsRequest): AwsResponse {
  const { headers } = request;
  const existing = store.head(bucket, key);
  if (headers["if-none-match"] === "*" && existing !== undefined) throw preconditionFailed("If-None-Match");
  const match = headers["if-match"];
  if (match !== undefined && existing === undefined)
    throw new AwsError("NoSuchKey", 404, "The specified key does not exist.");
  if (match !== undefined && unquoted(match) !== existing?.etag) throw preconditionFailed("If-Match");
  const body = decodeBody(request);
  const checksums = requireChecksums(request, body);
  const stored = Object.fromEntries(Object.entries(headers).filter(([name]) => kept.test(name)));
  const encoding = stored["content-encoding"]
    ?.split(",")
    .filter((part) => part.trim() !== "aws-chunked")
    .join(",");
  const { "content-encoding": _, ...others } = stored;
  const head = store.put(bucket, key, body, {
    ...others,
    ...(encoding ? { "content-encoding": encoding } : {}),
    ...checksums,
  });
  const { "x-amz-server-side-encryption": encryption } = headers;
  return {
    status: 200,
    headers: {
      etag: `"${head.etag}"`,
      ...checksums,
      ...(encryption ? { "x-amz-server-side-encryption": encryption } : {}),
    },
    body: "",
  };
}

const preconditionFailed = (condition: string) =>
  new AwsError(
    "PreconditionFailed",
    412,
    `At least one of the pre-conditions you specified did not hold (${condition})`,
  );

function get(store: ObjectStore, target: Target, request: AwsRequest): AwsResponse {
  const found = store.get(target.bucket, target.key);
  if (found === undefined) throw missing(target, request);
  const { head, body } = found;
  if (request.headers["if-none-match"] !== undefined && unquoted(request.headers["if-none-match"]) === head.etag) {
    return { status: 304, headers: { etag: `"${head.etag}"` }, body: "" };
  }
  const match = request.headers["if-match"];
  if (match !== undefined && unquoted(match) !== head.etag) throw preconditionFailed("If-Match");
  const headers = {
    ...{ "content-type": "binary/octet-stream", ...head.headers, etag: `"${head.etag}"`, "accept-ranges": "bytes" },
    "last-modified": new Date(head.lastModified).toUTCString(),
  };
  if (request.method === "HEAD")
    return { status: 200, headers: { ...headers, "content-length": String(head.size) }, body: "" };
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  if (range === null) return { status: 200, headers, body };
  const from = Number(range[1]);
  const to = range[2] ? Math.min(Number(range[2]), head.size - 1) : head.size - 1;
  if (from >= head.size) throw new AwsError("InvalidRange", 416, "The requested range is not satisfiable");
  // Checksums are of the whole object; clients would compare them with the part.
  const part = Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith("x-amz-checksum-")));
  return {
    status: 206,
    headers: { ...part, "content-range": `bytes ${from}-${to}/${head.size}` },
    body: body.subarray(from, to + 1),
  };
}

/** Without the right to list, a missing key looks like a refused one: S3 does not tell a stranger which keys exist. */
function missing(target: Target, request: AwsRequest): AwsError {
  if (request.may({ action: "s3:ListBucket", resource: `arn:aws:s3:::${target.bucket}` })) {
    return new AwsError("NoSuchKey", 404, "The specified key does not exist.");
  }
  const arn = `arn:aws:s3:::${target.bucket}`;
  const words = `User: ${request.caller.arn} is not authorized to perform: s3:ListBucket on resource: "${arn}" because no identity-based policy allows the s3:ListBucket action`;
  return new AwsError("AccessDenied", 403, words);
}

function listObjects(store: ObjectStore, bucket: string, query: URLSearchParams): AwsResponse {
  const prefix = query.get("prefix") ?? "";
  const delimiter = query.get("delimiter") ?? "";
  const after = query.get("continuation-token") ?? query.get("start-after") ?? "";
  const max = Math.min(Number(query.get("max-keys") ?? "1000"), 1000);
  const all = store.list(bucket, prefix).filter(({ key }) => Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0);
  const entries: (ObjectHead | string)[] = [];
  let last = after;
  let truncated = false;
  for (const head of all) {
    const end = delimiter === "" ? -1 : head.key.indexOf(delimiter, prefix.length);
    const entry = end < 0 ? head : head.key.slice(0, end + delimiter.length);
    if (typeof entry !== "string" || entries.at(-1) !== entry) {
      if (entries.length >= max) {
        truncated = true;
        break;
      }
      entries.push(entry);
    }
    last = head.key;
  }
  const encoded = query.get("encoding-type") === "url" ? encodeURIComponent : escapeXml;
  const contents = entries.map((entry) =>
    typeof entry === "string"
      ? `<CommonPrefixes><Prefix>${encoded(entry)}</Prefix></CommonPrefixes>`
      : `<Contents><Key>${encoded(entry.key)}</Key><LastModified>${new Date(entry.lastModified).toISOString()}</LastModified><ETag>&quot;${entry.etag}&quot;</ETag><Size>${entry.size}</Size><StorageClass>STANDARD</StorageClass></Contents>`,
  );
  const token = truncated ? `<NextContinuationToken>${escapeXml(last)}</NextContinuationToken>` : "";
  return xmlResponse(
    `<ListBucketResult xmlns="${namespace}"><Name>${bucket}</Name><Prefix>${escapeXml(prefix)}</Prefix><KeyCount>${entries.length}</KeyCount><MaxKeys>${max}</MaxKeys><IsTruncated>${truncated}</IsTruncated>${token}${contents.join("")}</ListBucketResult>`,
  );
}

const unquoted = (etag: string): string => etag.replace(/^(W\/)?"|"$/g, "");
