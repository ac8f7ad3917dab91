/** HTTP to one API server: one pool of connections, the caller's credentials, patience where the server asks for it. */
import { Agent, type Dispatcher, request } from "undici";

import { KubeError } from "./cluster.ts";
import { parseJson } from "./json.ts";

export interface Connection {
  /** `https://host:port`, without a trailing slash. */
  readonly server: string;
  readonly ca?: string;
  readonly clientCertificate?: string;
  readonly clientKey?: string;
  readonly insecure?: boolean;
  /** Bearer token; asked for before every request, so the callee caches. */
  readonly token?: () => Promise<string>;
  /** Told of every request that was sent, repetitions included. */
  readonly onRequest?: (method: string, path: string) => void;
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
  /** The raw lines of a streamed answer. */
  stream(request: KubeRequest): AsyncIterable<string>;
  close(): Promise<void>;
}

const connectionLimit = 16;
const requestTimeoutMillis = 60_000;
const connectTimeoutMillis = 10_000;
const attempts = 4;
const longestPauseMillis = 10_000;

export function createTransport(connection: Connection): Transport {
  const agent = new Agent({
    connections: connectionLimit,
    connect: {
      timeout: connectTimeoutMillis,
      ...(connection.ca === undefined ? {} : { ca: connection.ca }),
      ...(connection.clientCertificate === undefined ? {} : { cert: connection.clientCertificate }),
      ...(connection.clientKey === undefined ? {} : { key: connection.clientKey }),
      ...(connection.insecure === true ? { rejectUnauthorized: false } : {}),
    },
  });
  const once = (input: KubeRequest, bodyTimeout: number) => dispatch(connection, agent, input, bodyTimeout);
  return {
    async send(input) {
      for (let attempt = 1; ; attempt += 1) {
        const answer = await repeatLost(() => once(input, requestTimeoutMillis), input, attempt);
        if (!answer) continue;
        const text = await readText(answer, connection.server);
        if (answer.statusCode < 400) return text === "" ? undefined : parseJson(text);
        const pause = pauseOf(answer);
        if (pause === undefined || attempt >= attempts) throw toError(answer.statusCode, text);
        await sleep(pause, input.signal);
      }
    },
    async *stream(input) {
      const answer = await once(input, 0);
      if (answer.statusCode >= 400) throw toError(answer.statusCode, await answer.body.text());
      yield* lines(answer.body);
    },
    close: () => agent.close(),
  };
}

async function dispatch(
  connection: Connection,
  dispatcher: Dispatcher,
  input: KubeRequest,
  bodyTimeout: number,
): Promise<Dispatcher.ResponseData> {
  const { method, path, body, contentType, accept = "application/json", impersonate, signal } = input;
  const token = await connection.token?.();
  connection.onRequest?.(method, path);
  const headers: Record<string, string> = { accept, "user-agent": "driftless" };
  if (token !== undefined) headers["authorization"] = `Bearer ${token}`;
  if (impersonate !== undefined) headers["impersonate-user"] = impersonate;
  if (body !== undefined) headers["content-type"] = contentType ?? "application/json";
  try {
    return await request(`${connection.server}${path}`, {
      dispatcher,
      method,
      headers,
      headersTimeout: requestTimeoutMillis,
      bodyTimeout,
      ...(body === undefined ? {} : { body }),
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw unreachable(connection.server, error);
  }
}

/** Undefined when the connection was lost and the request may go out once more. */
async function repeatLost<T>(call: () => Promise<T>, { repeatable }: KubeRequest, attempt: number) {
  try {
    return await call();
  } catch (error) {
    const lost = error instanceof KubeError && error.reason === "Unreachable";
    if (!lost || !repeatable || attempt >= 2) throw error;
    return undefined;
  }
}

async function readText(answer: Dispatcher.ResponseData, server: string): Promise<string> {
  try {
    return await answer.body.text();
  } catch (error) {
    throw unreachable(server, error);
  }
}

/** 429, and 503 that says when to come back, are answers to wait for; anything else is final. */
function pauseOf({ statusCode, headers }: Dispatcher.ResponseData): number | undefined {
  const after = headers["retry-after"];
  if (statusCode !== 429 && !(statusCode === 503 && after !== undefined)) return undefined;
  const seconds = Number(Array.isArray(after) ? after[0] : (after ?? "1"));
  return Math.min(Number.isFinite(seconds) ? seconds * 1000 : 1000, longestPauseMillis);
}

function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        reject(signal.reason instanceof Error ? signal.reason : new Error("aborted"));
      },
      { once: true },
    );
  });
}

function unreachable(server: string, cause: unknown): KubeError {
  const { code, message } = cause as { code?: string; message?: string };
  return new KubeError(0, "Unreachable", `API server ${server} cannot be reached: ${code ?? message ?? "no answer"}`, {
    cause,
  });
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
};

/** From a `metav1.Status`, or from a proxy's plain text. */
export function toError(code: number, text: string): KubeError {
  let status: { message?: unknown; reason?: unknown; details?: unknown } = {};
  try {
    status = JSON.parse(text) as typeof status;
  } catch {
    status = { message: text.slice(0, 500) };
  }
  const reason = typeof status.reason === "string" && status.reason !== "" ? status.reason : (reasons[code] ?? "InternalError");
  const message = typeof status.message === "string" && status.message !== "" ? status.message : `the server answered ${code}`;
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
