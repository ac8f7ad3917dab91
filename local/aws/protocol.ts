/** What the gateway hands to an emulator and gets back: one request of an AWS API, decoded no further than HTTP. */

/** One permission that a request needs, in IAM's words. */
export interface Permission {
  /** E.g. `sqs:SendMessage`. */
  readonly action: string;
  /** ARN of the object that is acted on, or `*`. */
  readonly resource: string;
  /** Condition keys beyond the global ones, e.g. `sts:ExternalId`. */
  readonly context?: Readonly<Record<string, string | readonly string[]>>;
}

/** The principal behind an access key or a service that acts as a role. */
export interface Caller {
  /** Undefined for the person at the keyboard (the account's root), who may do everything. */
  readonly roleArn?: string;
  /** `arn:aws:sts::<account>:assumed-role/<role>/<session>` or `arn:aws:iam::<account>:root`. */
  readonly arn: string;
  readonly account: string;
  readonly userId: string;
}

export interface AwsRequest {
  readonly method: string;
  /** Path as sent, still percent-encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly caller: Caller;
  readonly region: string;
  /** Whether the caller has a permission that the answer depends on but that was not required, e.g. s3:ListBucket for a 404. */
  readonly may: (permission: Permission) => boolean;
  /** Aborted when the client goes away: a long poll must not take a message for nobody. */
  readonly signal: AbortSignal;
}

export interface AwsResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

export type Protocol = "json-1.0" | "json-1.1" | "rest-json" | "rest-xml" | "query";

/** One AWS service on this machine. */
export interface Emulator {
  /** The name in a signature's credential scope. */
  readonly service: string;
  readonly protocol: Protocol;
  /** The code AWS uses when IAM refuses. */
  readonly deniedCode: "AccessDenied" | "AccessDeniedException";
  /** @throws AwsError for an operation that is not emulated. */
  permissions(request: AwsRequest): readonly Permission[];
  handle(request: AwsRequest): Promise<AwsResponse>;
}

/** A failure that the client sees as AWS's own. */
export class AwsError extends Error {
  override readonly name = "AwsError";
  readonly code: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: string, status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.code = code;
    this.status = status;
    this.headers = headers;
  }
}

/** Says loudly that an operation exists on AWS but not here. */
export function notEmulated(service: string, operation: string): AwsError {
  return new AwsError("NotEmulated", 501, `${service} ${operation} is not emulated on this machine`);
}

/** The operation of an awsJson request, from `X-Amz-Target: <service>.<operation>`. */
export function targetOperation(request: AwsRequest): string {
  const target = request.headers["x-amz-target"] ?? "";
  return target.slice(target.lastIndexOf(".") + 1);
}

export function jsonResponse(body: unknown, status = 200): AwsResponse {
  return { status, headers: { "content-type": "application/x-amz-json-1.1" }, body: JSON.stringify(body) };
}

export function xmlResponse(body: string, status = 200): AwsResponse {
  return {
    status,
    headers: { "content-type": "application/xml" },
    body: `<?xml version="1.0" encoding="UTF-8"?>\n${body}`,
  };
}

export const escapeXml = (value: string): string =>
  value
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replace(/\p{Cc}/gu, (character) => `&#x${character.charCodeAt(0).toString(16)};`);

/** Writes an error as the service's protocol does. */
export function errorResponse(protocol: Protocol, error: AwsError, requestId: string): AwsResponse {
  const headers = { ...error.headers, "x-amzn-requestid": requestId };
  if (protocol === "rest-xml") {
    const body = `<Error><Code>${error.code}</Code><Message>${escapeXml(error.message)}</Message><RequestId>${requestId}</RequestId></Error>`;
    const written = xmlResponse(body, error.status);
    return { ...written, headers: { ...written.headers, ...headers } };
  }
  if (protocol === "query") {
    const type = error.status < 500 ? "Sender" : "Receiver";
    const written = xmlResponse(
      `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>${type}</Type><Code>${error.code}</Code><Message>${escapeXml(error.message)}</Message></Error><RequestId>${requestId}</RequestId></ErrorResponse>`,
      error.status,
    );
    return { ...written, headers: { ...written.headers, ...headers } };
  }
  const name = error.headers["x-driftless-type"] ?? error.code;
  const { ["x-driftless-type"]: _, ...kept } = headers as Record<string, string>;
  return {
    status: error.status,
    headers: { ...kept, "content-type": "application/x-amz-json-1.0", "x-amzn-errortype": error.code },
    body: JSON.stringify({ __type: name, message: error.message, Message: error.message }),
  };
}
