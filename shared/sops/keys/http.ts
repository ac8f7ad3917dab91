/** The port to key services that are asked over HTTP, and what their refusals mean. */
import { KeyRefused } from "./opener.ts";

export interface HttpRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** Follows no redirects: a credential goes where it was meant to go or nowhere. */
export interface KeyHttp {
  /** @throws Error when the service was not reached */
  post(request: HttpRequest): Promise<HttpAnswer>;
}

/**
 * The answer's fields.
 * @param what names the request in messages, e.g. `Vault at https://vault.example.com`
 * @throws KeyRefused, with the status alone: a service's own words may quote what it was asked
 */
export async function postForFields(
  http: KeyHttp,
  request: HttpRequest,
  what: string,
): Promise<Readonly<Record<string, unknown>>> {
  const answer = await http.post(request).catch(() => undefined);
  if (!answer) throw new KeyRefused(`${what} is not reached: tried again later`, { retry: true });
  const { status, body } = answer;
  if (status === 429 || status >= 500)
    throw new KeyRefused(`${what} answers ${status}: tried again later`, { retry: true });
  if (status === 401 || status === 403)
    throw new KeyRefused(`${what} answers ${status}: the credentials at hand may not decrypt with this key`);
  if (status < 200 || status > 299) throw new KeyRefused(`${what} answers ${status}`);
  return parseFields(body, what);
}

function parseFields(body: string, what: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === "object" && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch {
    // The message would quote the answer.
  }
  throw new KeyRefused(`${what} gives an answer that is not understood`);
}

/** @throws KeyRefused when the answer lacks the field */
export function textField(fields: Readonly<Record<string, unknown>>, name: string, what: string): string {
  const value = fields[name];
  if (typeof value !== "string" || value === "") throw new KeyRefused(`${what} gives an answer without ${name}`);
  return value;
}
