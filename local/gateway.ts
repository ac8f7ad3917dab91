/**
 * The one door to the emulated AWS: an HTTP server on loopback that finds out service, caller and permission of each
 * request, checks signature and policies, and passes it on. Also serves reports for people and tests under `/__driftless/`.
 */
import { randomUUID } from "node:crypto";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";

import type { Clock } from "../shared/runtime/clock.ts";
import { type Authorizer, deniedWords } from "./authorizer.ts";
import { AwsError, type AwsRequest, type AwsResponse, type Emulator, errorResponse } from "./aws/protocol.ts";
import type { Identities } from "./identities.ts";
import { closeServer, headersOf, listenOnLoopback } from "./loopback.ts";
import { type Signature, type SignedRequest, parseSignature, verifySignature } from "./sigv4.ts";

/** What the gateway answers with; made after it listens, for queue URLs hold its address. */
export interface GatewayWorld {
  readonly clock: Clock;
  readonly identities: Identities;
  readonly authorizer: Authorizer;
  readonly emulators: readonly Emulator[];
  /** Chance: what happens to a request before it is looked at. */
  readonly mischief?: (service: string) => { readonly throttle: boolean; readonly delayMillis: number };
  /** Reports under `/__driftless/<name>`. */
  readonly reports: Readonly<Record<string, () => unknown>>;
  readonly onDefect: (error: unknown) => void;
}

export interface Gateway {
  readonly url: string;
  /** Until then every answer is 503. */
  serve(world: GatewayWorld): void;
  close(): Promise<void>;
}

const maximumBodyBytes = 64 * 1024 * 1024;

/** `port` 0 takes any. */
export async function startGateway(port = 0): Promise<Gateway> {
  let world: GatewayWorld | undefined;
  const server = createServer((request, response) => {
    if (world === undefined) {
      response.writeHead(503).end();
      return;
    }
    const { onDefect } = world;
    serve(world, request, response).catch((error: unknown) => {
      onDefect(error);
      response.destroy();
    });
  });
  server.keepAliveTimeout = 60_000;
  const actual = await listenOnLoopback(server, port);
  return {
    url: `http://127.0.0.1:${actual}`,
    close: () => closeServer(server),
    serve: (ready) => {
      world = ready;
    },
  };
}

async function serve(options: GatewayWorld, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readBody(request);
  const [path = "/", rawQuery = ""] = splitOnce(request.url ?? "/", "?");
  const report = path.startsWith("/__driftless/") ? options.reports[path.slice("/__driftless/".length)] : undefined;
  if (report !== undefined) {
    write(response, {
      status: 200,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(report(), null, 2),
    });
    return;
  }
  const signed: SignedRequest = { method: request.method ?? "GET", path, rawQuery, headers: headersOf(request), body };
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  write(response, await answer(options, signed, gone.signal));
}

async function answer(options: GatewayWorld, signed: SignedRequest, signal: AbortSignal): Promise<AwsResponse> {
  const requestId = randomUUID();
  let emulator: Emulator | undefined;
  try {
    const signature = parseSignature(signed);
    if (signature === undefined) {
      throw new AwsError("MissingAuthenticationToken", 403, "Request is missing Authentication Token");
    }
    emulator = options.emulators.find((candidate) => candidate.service === signature.service);
    if (emulator === undefined)
      throw new AwsError("NotEmulated", 501, `service ${signature.service} is not emulated on this machine`);
    const response = await perform(options, emulator, signed, signature, signal);
    return {
      ...response,
      headers: { "x-amzn-requestid": requestId, "x-amz-request-id": requestId, ...response.headers },
    };
  } catch (error) {
    if (error instanceof AwsError) return errorResponse(emulator?.protocol ?? "rest-json", error, requestId);
    options.onDefect(error);
    const words = error instanceof Error ? error.message : "internal error";
    return errorResponse(emulator?.protocol ?? "rest-json", new AwsError("InternalFailure", 500, words), requestId);
  }
}

async function perform(
  options: GatewayWorld,
  emulator: Emulator,
  signed: SignedRequest,
  signature: Signature,
  signal: AbortSignal,
): Promise<AwsResponse> {
  const { identities, authorizer, clock } = options;
  const { caller, secret } = identities.find(signature.accessKeyId, signature.sessionToken);
  verifySignature(signed, signature, secret, clock.now());
  const { throttle, delayMillis } = options.mischief?.(emulator.service) ?? { throttle: false, delayMillis: 0 };
  if (delayMillis > 0) await clock.sleep(delayMillis, signal);
  if (throttle) throw new AwsError("ThrottlingException", 400, "Rate exceeded");
  const request: AwsRequest = {
    ...{ method: signed.method, path: signed.path, headers: signed.headers, body: signed.body, caller, signal },
    query: new URLSearchParams(signed.rawQuery),
    region: signature.region,
    may: (permission) => authorizer.authorize(caller, permission).allowed,
  };
  for (const permission of emulator.permissions(request)) {
    const decision = authorizer.authorize(caller, permission);
    if (!decision.allowed)
      throw new AwsError(
        emulator.deniedCode,
        emulator.protocol.startsWith("json") ? 400 : 403,
        deniedWords(caller, permission, decision.because),
      );
  }
  return emulator.handle(request);
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > maximumBodyBytes)
      throw new Error(`a request of more than ${maximumBodyBytes} bytes was sent to the gateway`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function write(response: ServerResponse, { status, headers, body }: AwsResponse): void {
  // A HEAD's length is that of the object, not of the empty body.
  const length = "content-length" in headers ? {} : { "content-length": String(Buffer.byteLength(body)) };
  response.writeHead(status, status === 204 || status === 304 ? headers : { ...headers, ...length });
  response.end(body);
}

function splitOnce(value: string, separator: string): readonly string[] {
  const at = value.indexOf(separator);
  return at < 0 ? [value] : [value.slice(0, at), value.slice(at + 1)];
}
