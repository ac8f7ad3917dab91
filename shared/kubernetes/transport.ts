/** HTTP to one API server: one pool of connections, the caller's credentials, patience where the server asks for it. */
import type { LookupFunction } from "node:net";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";

import { Agent, type Dispatcher, request } from "undici";

import { type Clock, systemClock } from "../runtime/clock.ts";
import { KubeError } from "./cluster.ts";
import { parseJson } from "./json.ts";

export interface Connection {
  /** `https://host:port`, without a trailing slash. */
  readonly server: string;
  readonly ca?: string;
  readonly clientCertificate?: string;
  readonly clientKey?: string;
  readonly insecure?: boolean;
  /** Name in the server's certificate where it is not the host of its address. */
  readonly tlsServerName?: string;
  readonly basicAuth?: { readonly username: string; readonly password: string };
  /** Resolves the server's name; by default as the system does. */
  readonly lookup?: LookupFunction;
  /** How long an answer may take; a minute by default. */
  readonly timeoutMillis?: number;
  /** The longest answer that is read; any length by default. */
  readonly maxResponseBytes?: number;
  /** Bearer token; asked for before every request, so the callee caches. */
  readonly token?: () => Promise<string>;
  /** Told of every request that was sent, repetitions included. */
  readonly onRequest?: (method: string, path: string) => void;
  /** Told of the length of every body that was read, in bytes as they came, and of each line of a stream. */
  readonly onBytes?: (count: number) => void;
  /** Told of every request that got no answer: where the server was, there may be another one or none. */
  readonly onUnreachable?: () => void;
}

export interface KubeRequest {
  readonly method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  /** With its query. */
  readonly path: string;
  readonly body?: string;
  readonly contentType?: string;
  readonly accept?: string;
  readonly impersonate?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** May be sent again after a lost connection. */
  readonly repeatable: boolean;
}

export interface Transport {
  /** @throws KubeError for every answer of 400 and more, and code 0 `Unreachable` when there was no answer */
  send(request: KubeRequest): Promise<unknown>;
  /** The raw lines of a streamed answer; `onOpen` is called when its head has come. */
  stream(request: KubeRequest, onOpen?: () => void): AsyncIterable<string>;
  close(): Promise<void>;
}

const connectionLimit = 16;
const requestTimeoutMillis = 60_000;
const connectTimeoutMillis = 10_000;
const attempts = 4;
const firstPauseMillis = 100;
const longestPauseMillis = 10_000;

/** @param clock of the pauses between attempts */
export function createTransport(connection: Connection, clock: Clock = systemClock): Transport {
  const agent = createAgent(connection, connectionLimit);
  // A stream has its connection for itself: many of them must not keep requests waiting.
  const streams = createAgent(connection, null);
  const attempt = async (input: KubeRequest): Promise<unknown> => {
    const bodyTimeout = connection.timeoutMillis ?? requestTimeoutMillis;
    const answer = await dispatch(connection, agent, input, { bodyTimeout, packed: input.method === "GET" });
    const text = await readText(answer, connection, input.signal);
    if (answer.statusCode < 400) return text === "" ? undefined : parseJson(text);
    throw new Refused(toError(answer.statusCode, text), retryAfterMillis(answer));
  };
  return {
    async send(input) {
      for (let count = 1; ; count += 1) {
        try {
          return await attempt(input);
        } catch (error) {
          const pause = count < attempts ? pauseBefore(error, input, count) : undefined;
          if (pause === undefined) throw error instanceof Refused ? error.cause : error;
          await clock.sleep(pause, input.signal);
        }
      }
    },
    async *stream(input, onOpen) {
      const answer = await dispatch(connection, streams, input, { bodyTimeout: 0, packed: false });
      if (answer.statusCode >= 400) throw toError(answer.statusCode, await answer.body.text());
      onOpen?.();
      try {
        for await (const line of lines(answer.body)) {
          connection.onBytes?.(Buffer.byteLength(line) + 1);
          yield line;
        }
      } catch (error) {
        // Whoever ends a stream has no doubt about the server.
        if (input.signal?.aborted === true) throw error;
        throw unreachable(connection, error);
      }
    },
    close: async () => {
      await Promise.all([agent.destroy(), streams.destroy()]);
    },
  };
}

/** HTTP/1.1: undici's HTTP/2 sends patches one after the other. */
function createAgent(connection: Connection, connections: number | null): Agent {
  const { ca, clientCertificate, clientKey, insecure, tlsServerName, lookup, maxResponseBytes } = connection;
  return new Agent({
    connections,
    ...(maxResponseBytes === undefined ? {} : { maxResponseSize: maxResponseBytes }),
    connect: {
      timeout: connectTimeoutMillis,
      ...(ca === undefined ? {} : { ca }),
      ...(clientCertificate === undefined ? {} : { cert: clientCertificate }),
      ...(clientKey === undefined ? {} : { key: clientKey }),
      ...(insecure === true ? { rejectUnauthorized: false } : {}),
      ...(tlsServerName === undefined ? {} : { servername: tlsServerName }),
      ...(lookup === undefined ? {} : { lookup }),
    },
  });
}

/** An answer of 400 and more, with what it says about coming back. */
class Refused extends Error {
  override readonly cause: KubeError;
  readonly retryAfter: number | undefined;

  constructor(cause: KubeError, retryAfter: number | undefined) {
    super(cause.message);
    this.cause = cause;
    this.retryAfter = retryAfter;
  }
}

/** Connections that ended before an answer; a timeout is not among them, the server may still be at work. */
const lostCodes = new Set(["ECONNRESET", "ECONNREFUSED", "EPIPE", "UND_ERR_SOCKET"]);
const overloaded = new Set([502, 503, 504]);

/**
 * Milliseconds until the next attempt; undefined when the failure is final. 429 is answered before anything is done, so
 * it may be repeated whatever the request; all else only if repeating does no harm.
 */
function pauseBefore(error: unknown, { repeatable }: KubeRequest, count: number): number | undefined {
  const backoff = firstPauseMillis * 4 ** (count - 1);
  if (error instanceof Refused) {
    const { code } = error.cause;
    if (code !== 429 && !(repeatable && overloaded.has(code))) return undefined;
    return Math.min(error.retryAfter ?? (code === 429 ? 1000 : backoff), longestPauseMillis);
  }
  if (!(error instanceof KubeError) || error.reason !== "Unreachable" || !repeatable) return undefined;
  return lostCodes.has(codeOf(error.cause)) ? backoff : undefined;
}

/** In seconds or as a date (RFC 9110). */
function retryAfterMillis({ headers }: Dispatcher.ResponseData): number | undefined {
  const [after] = [headers["retry-after"]].flat();
  if (after === undefined) return undefined;
  const millis = /^\d+$/.test(after) ? Number(after) * 1000 : Date.parse(after) - Date.now();
  return Number.isFinite(millis) ? Math.max(0, millis) : undefined;
}

async function dispatch(
  connection: Connection,
  dispatcher: Dispatcher,
  input: KubeRequest,
  { bodyTimeout, packed }: { readonly bodyTimeout: number; readonly packed: boolean },
): Promise<Dispatcher.ResponseData> {
  const { method, path, body, contentType, accept = "application/json", impersonate, signal } = input;
  const token = await connection.token?.();
  connection.onRequest?.(method, path);
  const headers: Record<string, string> = { accept, "user-agent": "driftless" };
  // The API server packs what is longer than 128 KiB; a stream would have to be unpacked line by line.
  if (packed) headers["accept-encoding"] = "gzip";
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  else if (connection.basicAuth) headers.authorization = basic(connection.basicAuth);
  if (impersonate !== undefined) headers["impersonate-user"] = impersonate;
  if (body !== undefined) headers["content-type"] = contentType ?? "application/json";
  try {
    return await request(`${connection.server}${path}`, {
      dispatcher,
      method,
      headers,
      headersTimeout: connection.timeoutMillis ?? requestTimeoutMillis,
      bodyTimeout,
      ...(body === undefined ? {} : { body }),
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw unreachable(connection, error);
  }
}

const basic = ({ username, password }: { readonly username: string; readonly password: string }): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;

async function readText(
  answer: Dispatcher.ResponseData,
  connection: Connection,
  signal: AbortSignal | undefined,
): Promise<string> {
  try {
    const bytes = Buffer.from(await answer.body.arrayBuffer());
    connection.onBytes?.(bytes.length);
    if (answer.headers["content-encoding"] !== "gzip") return bytes.toString("utf8");
    const { maxResponseBytes: maxOutputLength } = connection;
    return (await unpack(bytes, maxOutputLength === undefined ? {} : { maxOutputLength })).toString("utf8");
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw unreachable(connection, error);
  }
}

const unpack = promisify<Buffer, { maxOutputLength?: number }, Buffer>(gunzip);

const codeOf = (cause: unknown): string => {
  const { code } = (cause ?? {}) as { code?: unknown };
  return typeof code === "string" ? code : "";
};

function unreachable({ server, onUnreachable }: Connection, cause: unknown): KubeError {
  onUnreachable?.();
  const why = codeOf(cause) || (cause instanceof Error ? cause.message : "no answer");
  return new KubeError(0, "Unreachable", `API server ${server} cannot be reached: ${why}`, { cause });
}

const reasons: Readonly<Record<number, string>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  405: "MethodNotAllowed",
  409: "Conflict",
  410: "Gone",
  422: "Invalid",
  429: "TooManyRequests",
  503: "ServiceUnavailable",
  504: "Timeout",
};

/** From a `metav1.Status`, or from a proxy's plain text. A 410 is always `Gone`, also where the server says Expired. */
export function toError(code: number, text: string): KubeError {
  let status: { kind?: unknown; message?: unknown; reason?: unknown; details?: unknown } = {};
  try {
    status = JSON.parse(text) as typeof status;
  } catch {
    status = { message: text.slice(0, 500).trim() };
  }
  const given = typeof status.reason === "string" ? status.reason : "";
  // A Status without a reason has none for Go's clients either.
  const reason = code === 410 ? "Gone" : given || (reasons[code] ?? (status.kind === "Status" ? "" : "InternalError"));
  const message =
    typeof status.message === "string" && status.message !== "" ? status.message : `the server answered ${code}`;
  return new KubeError(code, reason, message, { details: status.details });
}

async function* lines(body: AsyncIterable<Buffer>): AsyncIterable<string> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n")) {
      const line = rest.slice(0, end);
      rest = rest.slice(end + 1);
      if (line !== "") yield line;
    }
  }
}
