/**
 * Checks AWS Signature Version 4, in the Authorization header and in presigned URLs: the gateway trusts no access key
 * whose secret the caller does not hold. Follows "Create a signed AWS API request" of the IAM guide.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

import { AwsError } from "./aws/protocol.ts";

export interface SignedRequest {
  readonly method: string;
  /** As sent, percent-encoded, without query. */
  readonly path: string;
  /** As sent, without the question mark. */
  readonly rawQuery: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface Signature {
  readonly accessKeyId: string;
  /** `YYYYMMDD`, region and service of the credential scope. */
  readonly date: string;
  readonly region: string;
  readonly service: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** When it was signed, in milliseconds since the epoch. */
  readonly signedAt: number;
  readonly timestamp: string;
  readonly sessionToken?: string;
  /** Only for a presigned URL. */
  readonly expiresSeconds?: number;
}

const skewMillis = 15 * 60_000;

/** Undefined when the request carries no signature. @throws AwsError when it carries a broken one. */
export function parseSignature(request: SignedRequest): Signature | undefined {
  const query = new URLSearchParams(request.rawQuery);
  const authorization = request.headers.authorization;
  if (authorization?.startsWith("AWS4-HMAC-SHA256")) return parseHeader(authorization, request.headers);
  if (query.get("X-Amz-Algorithm") === "AWS4-HMAC-SHA256") return parseQuery(query);
  return undefined;
}

/** @throws AwsError SignatureDoesNotMatch, or the code for an expired signature. */
export function verifySignature(request: SignedRequest, parsed: Signature, secret: string, now: number): void {
  requireFresh(parsed, now);
  const presigned = parsed.expiresSeconds !== undefined;
  const payload = payloadHash(request, parsed, presigned);
  const canonical = [
    request.method,
    parsed.service === "s3" ? canonicalS3Path(request.path) : canonicalPath(request.path),
    canonicalQuery(request.rawQuery, presigned),
    ...parsed.signedHeaders.map((name) => `${name}:${(request.headers[name] ?? "").trim().replace(/ +/g, " ")}`),
    "",
    parsed.signedHeaders.join(";"),
    payload,
  ].join("\n");
  const scope = `${parsed.date}/${parsed.region}/${parsed.service}/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", parsed.timestamp, scope, sha256(canonical)].join("\n");
  const key = [parsed.date, parsed.region, parsed.service, "aws4_request"].reduce<Buffer>(
    (previous, part) => hmac(previous, part),
    Buffer.from(`AWS4${secret}`),
  );
  // As text: decoding hexadecimal would overlook a digit too many.
  const expected = Buffer.from(hmac(key, toSign).toString("hex"));
  const given = Buffer.from(parsed.signature);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw new AwsError(
      "SignatureDoesNotMatch",
      403,
      "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.",
    );
  }
}

function requireFresh(parsed: Signature, now: number): void {
  if (parsed.expiresSeconds !== undefined) {
    if (parsed.expiresSeconds > 604_800) {
      throw new AwsError(
        "AuthorizationQueryParametersError",
        400,
        "X-Amz-Expires must be less than a week (in seconds)",
      );
    }
    if (now >= parsed.signedAt + parsed.expiresSeconds * 1000) {
      throw new AwsError("AccessDenied", 403, "Request has expired");
    }
  } else if (Math.abs(now - parsed.signedAt) > skewMillis) {
    throw new AwsError(
      "RequestTimeTooSkewed",
      403,
      "The difference between the request time and the current time is too large.",
    );
  }
}

/** A body whose hash is signed must have that hash; S3 and only S3 admits the unsigned forms. */
function payloadHash(request: SignedRequest, parsed: Signature, presigned: boolean): string {
  const given = request.headers["x-amz-content-sha256"];
  if (parsed.service === "s3") {
    if (presigned) return new URLSearchParams(request.rawQuery).get("X-Amz-Content-Sha256") ?? "UNSIGNED-PAYLOAD";
    if (given === undefined)
      throw new AwsError("InvalidRequest", 400, "Missing required header for this request: x-amz-content-sha256");
    if (given === "UNSIGNED-PAYLOAD" || given.startsWith("STREAMING-")) return given;
  }
  const actual = sha256(request.body);
  if (given !== undefined && given !== actual) {
    throw new AwsError(
      "XAmzContentSHA256Mismatch",
      400,
      "The provided 'x-amz-content-sha256' header does not match what was computed.",
    );
  }
  return actual;
}

function parseHeader(authorization: string, headers: Readonly<Record<string, string>>): Signature {
  const part = (name: string) => new RegExp(`${name}=([^,\\s]+)`).exec(authorization)?.[1] ?? "";
  const timestamp = headers["x-amz-date"] ?? "";
  const token = headers["x-amz-security-token"];
  return {
    ...parseScope(part("Credential"), timestamp),
    signedHeaders: part("SignedHeaders").split(";"),
    signature: part("Signature"),
    ...(token === undefined ? {} : { sessionToken: token }),
  };
}

function parseQuery(query: URLSearchParams): Signature {
  const token = query.get("X-Amz-Security-Token");
  const expires = Number(query.get("X-Amz-Expires") ?? "NaN");
  if (!Number.isInteger(expires) || expires < 0) {
    throw new AwsError("AuthorizationQueryParametersError", 400, "X-Amz-Expires should be a number");
  }
  return {
    ...parseScope(query.get("X-Amz-Credential") ?? "", query.get("X-Amz-Date") ?? ""),
    signedHeaders: (query.get("X-Amz-SignedHeaders") ?? "").split(";"),
    signature: query.get("X-Amz-Signature") ?? "",
    expiresSeconds: expires,
    ...(token === null ? {} : { sessionToken: token }),
  };
}

function parseScope(credential: string, timestamp: string) {
  const [accessKeyId, date, region, service, terminator] = credential.split("/");
  const time = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(timestamp);
  if (
    !accessKeyId ||
    !date ||
    !region ||
    !service ||
    terminator !== "aws4_request" ||
    !time ||
    !timestamp.startsWith(date)
  ) {
    throw new AwsError("IncompleteSignature", 403, "the request's credential scope or date is malformed");
  }
  const [, year, month, day, hour, minute, second] = time.map(Number);
  const signedAt = Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second);
  return { accessKeyId, date, region, service, timestamp, signedAt };
}

/** S3 encodes each segment once. */
function canonicalS3Path(path: string): string {
  return (
    path
      .split("/")
      .map((segment) => encode(decode(segment)))
      .join("/") || "/"
  );
}

/** Every other service encodes the path that was sent a second time. */
function canonicalPath(path: string): string {
  return (
    path
      .split("/")
      .map((segment) => encode(encode(decode(segment))))
      .join("/") || "/"
  );
}

function canonicalQuery(rawQuery: string, presigned: boolean): string {
  return rawQuery
    .split("&")
    .filter((pair) => pair !== "" && !(presigned && pair.startsWith("X-Amz-Signature=")))
    .map((pair) => {
      const split = pair.indexOf("=");
      const name = split < 0 ? pair : pair.slice(0, split);
      const value = split < 0 ? "" : pair.slice(split + 1);
      return [encode(decode(name.replaceAll("+", " "))), encode(decode(value.replaceAll("+", " ")))] as const;
    })
    .sort(([a, x], [b, y]) => (a === b ? compare(x, y) : compare(a, b)))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** RFC 3986: only letters, digits and `-._~` stay. */
const encode = (value: string): string =>
  encodeURIComponent(value).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );

function decode(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

const sha256 = (content: string | Buffer): string => createHash("sha256").update(content).digest("hex");
const hmac = (key: Buffer, content: string): Buffer => createHmac("sha256", key).update(content).digest();
