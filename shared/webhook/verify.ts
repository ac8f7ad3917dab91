/** Takes a GitHub webhook apart: size, signature on the exact bytes, then the body. Nothing is believed before that. */
import { isUtf8 } from "node:buffer";

import { Webhooks } from "@octokit/webhooks";

export interface WebhookRequest {
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
}

export interface Answer {
  readonly status: 200 | 202 | 400 | 401 | 413;
  readonly message: string;
}

export type Verified =
  | { readonly kind: "refused"; readonly answer: Answer }
  | { readonly kind: "event"; readonly event: string; readonly delivery: string; readonly payload: Payload };

export type Payload = Readonly<Record<string, unknown>>;

/** GitHub does not send more than 25 MB; Lambda takes 6 MB. */
export const bodyLimitBytes = 6 * 1024 * 1024;

/** @param secrets all that are valid now; more than one while a secret is being rotated */
export async function verifyWebhook(request: WebhookRequest, secrets: readonly string[]): Promise<Verified> {
  if (request.body.byteLength > bodyLimitBytes)
    return refuse(413, `the body is ${request.body.byteLength} bytes, at most ${bodyLimitBytes} are read`);
  // The verification takes text and encodes it again: only of UTF-8 are those the bytes that came. JSON is UTF-8.
  if (!isUtf8(request.body)) return refuse(400, "the body is not UTF-8");
  const text = Buffer.from(request.body).toString("utf8");
  const signature = request.headers["x-hub-signature-256"];
  if (signature === undefined || !(await isSigned(text, secrets, signature)))
    return refuse(401, signature === undefined ? "X-Hub-Signature-256 is missing" : "the signature does not match");
  const payload = parseBody(text, request.headers["content-type"] ?? "");
  if (!payload) return refuse(400, "the body is neither JSON nor a form with a payload field");
  const event = request.headers["x-github-event"] ?? "";
  return { kind: "event", event, delivery: request.headers["x-github-delivery"] ?? "", payload };
}

const refuse = (status: Answer["status"], message: string): Verified => ({
  kind: "refused",
  answer: { status, message },
});

async function isSigned(text: string, secrets: readonly string[], signature: string): Promise<boolean> {
  if (text === "" || signature === "") return false;
  for (const secret of secrets)
    if (secret !== "" && (await new Webhooks({ secret }).verify(text, signature))) return true;
  return false;
}

/** GitHub's default content type is a form whose one field `payload` holds the JSON. */
function parseBody(text: string, contentType: string): Payload | undefined {
  const isForm = contentType.startsWith("application/x-www-form-urlencoded");
  const json = isForm ? new URLSearchParams(text).get("payload") : text;
  try {
    const value: unknown = JSON.parse(json ?? "");
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Payload) : undefined;
  } catch {
    return undefined;
  }
}
