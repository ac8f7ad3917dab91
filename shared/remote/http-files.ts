/** Gets one file over HTTP, within limits: of size, of time, of redirects, of where they lead. It shows no credential. */
import { Agent, type Dispatcher, request } from "undici";

import { redactUrls } from "../runtime/redact-urls.ts";
import { lookupWithin, type Reach, requireWithin } from "../network/reach.ts";

export type FileAnswer =
  | { readonly kind: "content"; readonly bytes: Uint8Array; readonly etag: string | undefined }
  /** Still what the entity tag stands for. */
  | { readonly kind: "unchanged" }
  /** Any status but a success. */
  | { readonly kind: "refused"; readonly status: number };

export interface GetOptions {
  /** Of the content that is there already. */
  readonly etag?: string | undefined;
  readonly timeoutMillis: number;
  readonly maxBytes: number;
}

export interface HttpFiles {
  /** @throws RemoteFileError where there is no answer, or one that we do not take */
  get(url: string, options: GetOptions): Promise<FileAnswer>;
}

/** Messages hold no credential. */
export class RemoteFileError extends Error {
  override readonly name = "RemoteFileError";
}

/** As Go's client. */
const maxRedirects = 10;

/** @param reach beyond one machine, nothing but HTTPS */
export function createHttpFiles(reach: Reach): HttpFiles {
  return {
    async get(url, options) {
      const dispatcher = new Agent({ connections: 1, connect: { lookup: lookupWithin(reach) } });
      const signal = AbortSignal.timeout(options.timeoutMillis);
      try {
        return await follow(url, options, { dispatcher, signal, reach });
      } catch (error) {
        throw error instanceof RemoteFileError ? error : failed(error, signal);
      } finally {
        await dispatcher.destroy();
      }
    },
  };
}

interface Conversation {
  readonly dispatcher: Dispatcher;
  readonly signal: AbortSignal;
  readonly reach: Reach;
}

async function follow(
  start: string,
  { etag, maxBytes }: GetOptions,
  { dispatcher, signal, reach }: Conversation,
): Promise<FileAnswer> {
  let target = requireUrl(start, undefined, reach);
  for (let hop = 0; hop <= maxRedirects; hop += 1) {
    const headers = { "user-agent": "driftless", ...(etag === undefined ? {} : { "if-none-match": etag }) };
    const answer = await request(target, { dispatcher, signal, headers });
    const { statusCode: status } = answer;
    const { location, etag: found } = answer.headers;
    if (status >= 200 && status <= 299) {
      const bytes = await readAll(answer.body, maxBytes);
      return { kind: "content", bytes, etag: typeof found === "string" ? found : undefined };
    }
    await answer.body.dump();
    if (status === 304 && etag !== undefined) return { kind: "unchanged" };
    if (![301, 302, 303, 307, 308].includes(status) || typeof location !== "string") return { kind: "refused", status };
    target = requireUrl(location, target, reach);
  }
  throw new RemoteFileError(`stopped after ${maxRedirects} redirects`);
}

function requireUrl(text: string, base: URL | undefined, reach: Reach): URL {
  if (!URL.canParse(text, base?.href)) throw new RemoteFileError("it is no URL");
  const url = new URL(text, base);
  if (url.protocol !== "https:" && (reach !== "machine" || url.protocol !== "http:"))
    throw new RemoteFileError(`${url.protocol}//${url.host} is not fetched, only https:// is`);
  requireWithin(url.hostname, reach);
  return url;
}

async function readAll(stream: AsyncIterable<Buffer>, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > maxBytes) throw new RemoteFileError(`it is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

function failed(error: unknown, signal: AbortSignal): RemoteFileError {
  if (signal.aborted) return new RemoteFileError("context deadline exceeded", { cause: error });
  const words = error instanceof Error ? redactUrls(error.message) : "";
  return new RemoteFileError(words || "the connection failed", { cause: error });
}
