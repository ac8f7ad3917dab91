/** What an AWS service answered, in the few kinds that we treat differently. The SDK's own error is the cause. */

/**
 * - `throttled`: too much at once; the same request succeeds later.
 * - `denied`: a permission is missing.
 * - `missing`: what was addressed does not exist.
 * - `unavailable`: the service failed or was not reached.
 * - `refused`: the request itself was wrong.
 */
export type AwsErrorKind = "throttled" | "denied" | "missing" | "unavailable" | "refused";

export class AwsError extends Error {
  override readonly name = "AwsError";
  readonly kind: AwsErrorKind;

  constructor(kind: AwsErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.kind = kind;
  }
}

/** `what` says which operation on which object, e.g. `dynamodb UpdateItem of OB#…`. Never a secret. */
export function translateAwsError(error: unknown, what: string): AwsError {
  if (error instanceof AwsError) return error;
  const kind = classify(error);
  const text = error instanceof Error ? error.message || error.name : String(error);
  return new AwsError(kind, `${what} failed (${kind}): ${text}`, { cause: error });
}

/** Runs one SDK call and translates what it throws. */
export async function callAws<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw translateAwsError(error, what);
  }
}

/** The SDK's name of an error, e.g. `ConditionalCheckFailedException`. */
export function nameOfAwsError(error: unknown): string {
  return error instanceof Error ? error.name : "";
}

export function httpStatusOf(error: unknown): number | undefined {
  if (typeof error !== "object" || error === null || !("$metadata" in error)) return undefined;
  const { $metadata: metadata } = error;
  if (typeof metadata !== "object" || metadata === null || !("httpStatusCode" in metadata)) return undefined;
  return typeof metadata.httpStatusCode === "number" ? metadata.httpStatusCode : undefined;
}

const THROTTLED =
  /^(Throttl.*|.*Throttled(Exception)?|TooManyRequests.*|ProvisionedThroughputExceeded.*|RequestLimitExceeded|SlowDown|LimitExceededException)$/;
const DENIED = /^(AccessDenied.*|NotAuthorized.*|UnrecognizedClientException|InvalidSignature.*|ExpiredToken.*)$/;
const MISSING = /^(ResourceNotFoundException|NoSuchKey|NoSuchBucket|NotFound|QueueDoesNotExist|.*NonExistentQueue)$/;

function classify(error: unknown): AwsErrorKind {
  const name = nameOfAwsError(error);
  const status = httpStatusOf(error);
  if (THROTTLED.test(name) || status === 429) return "throttled";
  if (DENIED.test(name) || status === 401 || status === 403) return "denied";
  if (MISSING.test(name) || status === 404) return "missing";
  // No status at all: the connection failed before there was an answer.
  return status === undefined || status >= 500 ? "unavailable" : "refused";
}
