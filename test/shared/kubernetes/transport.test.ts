import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { afterEach, describe, expect, it } from "vitest";

import {
  type Connection,
  createTransport,
  type KubeRequest,
  toError,
  type Transport,
} from "../../../shared/kubernetes/transport.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";

const open: { server: Server; transport: Transport }[] = [];

afterEach(async () => {
  for (const { server, transport } of open.splice(0)) {
    await transport.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

/** Answers in turn; the last one for good. */
const world = (...answers: readonly Answer[]) => worldOf({ token: async () => "secret" }, ...answers);

async function worldOf(connection: Omit<Connection, "server">, ...answers: readonly Answer[]) {
  const requests: IncomingMessage[] = [];
  const pauses: number[] = [];
  const listener: RequestListener = (request, response) => {
    requests.push(request);
    (answers[requests.length - 1] ?? answers.at(-1))?.(response, request);
  };
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const clock: Clock = { now: () => 0, sleep: async (millis) => void pauses.push(millis) };
  let lost = 0;
  const onUnreachable = () => void (lost += 1);
  const transport = createTransport({ ...connection, server: `http://127.0.0.1:${port}`, onUnreachable }, clock);
  open.push({ server, transport });
  return { transport, requests, pauses, lost: () => lost };
}

const get: KubeRequest = { method: "GET", path: "/api/v1/namespaces/a", repeatable: true };
const patch: KubeRequest = { method: "PATCH", path: "/api/v1/namespaces/a", body: "{}", repeatable: false };
const ok: Answer = (response) => response.end('{"ok":true}');
const status =
  (code: number, headers: Readonly<Record<string, string>> = {}): Answer =>
  (response) =>
    response.writeHead(code, headers).end(`{"message":"no","code":${code}}`);
const reset: Answer = (response) => response.socket?.destroy();

describe("createTransport", () => {
  it("signs in with a user name and a password", async () => {
    const { transport, requests } = await worldOf({ basicAuth: { username: "ann", password: "p:w" } }, ok);
    await transport.send(get);
    expect(requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from("ann:p:w").toString("base64")}`);
  });

  it("reads no answer that is longer than it may be, and waits for none that takes longer", async () => {
    const long = await worldOf({ maxResponseBytes: 1000 }, (response) => response.end("x".repeat(2000)));
    await expect(long.transport.send(get)).rejects.toMatchObject({ code: 0, reason: "Unreachable" });
    const slow = await worldOf({ timeoutMillis: 50 }, () => undefined);
    await expect(slow.transport.send(get)).rejects.toMatchObject({ code: 0, reason: "Unreachable" });
  });

  it("sends the bearer token, the user to act as, and who it is", async () => {
    const { transport, requests } = await world(ok);
    await transport.send({ ...get, impersonate: "system:serviceaccount:a:b" });
    expect(requests[0]?.headers).toMatchObject({
      authorization: "Bearer secret",
      "impersonate-user": "system:serviceaccount:a:b",
      "user-agent": "driftless",
      accept: "application/json",
    });
  });

  it("waits as long as a 429 asks for, also with a request that may not be repeated", async () => {
    const { transport, pauses } = await world(status(429, { "retry-after": "3" }), status(429), ok);
    expect(await transport.send(patch)).toEqual({ ok: true });
    expect(pauses).toEqual([3000, 1000]);
  });

  it("gives up after four attempts", async () => {
    const { transport, requests } = await world(status(429));
    await expect(transport.send(get)).rejects.toMatchObject({ code: 429, reason: "TooManyRequests", message: "no" });
    expect(requests).toHaveLength(4);
  });

  it("never waits longer than ten seconds", async () => {
    const { transport, pauses } = await world(status(429, { "retry-after": "3600" }), ok);
    await transport.send(get);
    expect(pauses).toEqual([10_000]);
  });

  it.each([
    ["an overloaded server", status(503)],
    ["a lost connection", reset],
    [
      "an answer cut short",
      (response) => response.writeHead(200, { "content-length": "99" }).write("{", () => response.socket?.destroy()),
    ],
  ])("repeats what may be repeated after %s", async (_, answer) => {
    const { transport, requests } = await world(answer, ok);
    expect(await transport.send(get)).toEqual({ ok: true });
    expect(requests).toHaveLength(2);
  });

  it.each([
    ["an overloaded server", status(503), { code: 503 }],
    ["a lost connection", reset, { code: 0, reason: "Unreachable" }],
  ])("does not repeat anything else after %s", async (_, answer, failure) => {
    const { transport, requests } = await world(answer, ok);
    await expect(transport.send(patch)).rejects.toMatchObject(failure);
    expect(requests).toHaveLength(1);
  });

  it("stops when the signal aborts", async () => {
    const { transport, lost } = await world(() => undefined);
    const aborted = transport.send({ ...get, signal: AbortSignal.timeout(20) });
    await expect(aborted).rejects.toMatchObject({ name: "TimeoutError" });
    expect(lost()).toBe(0);
  });

  it("tells of each time that there was no answer, and of no refusal", async () => {
    const { transport, lost } = await world(status(500), reset);
    await expect(transport.send(patch)).rejects.toMatchObject({ code: 500 });
    expect(lost()).toBe(0);
    await expect(transport.send(patch)).rejects.toMatchObject({ reason: "Unreachable" });
    expect(lost()).toBe(1);
  });

  it("streams whole lines, however they are cut", async () => {
    const { transport } = await world((response) => {
      response.write('{"a":1}\n{"b"');
      setTimeout(() => response.end(':"é"}\n'), 5);
    });
    const lines: string[] = [];
    for await (const line of transport.stream(get)) lines.push(line);
    expect(lines).toEqual(['{"a":1}', '{"b":"é"}']);
  });

  it("asks for packed answers, and for no packed stream", async () => {
    const { transport, requests } = await world(ok);
    await transport.send(get);
    for await (const line of transport.stream(get)) expect(line).toBe('{"ok":true}');
    expect(requests.map(({ headers }) => headers["accept-encoding"])).toEqual(["gzip", undefined]);
  });

  it("says that a stream broke", async () => {
    const { transport, lost } = await world((response) => response.write("{}\n", () => response.socket?.destroy()));
    const read = async () => {
      for await (const line of transport.stream(get)) expect(line).toBe("{}");
    };
    await expect(read()).rejects.toMatchObject({ code: 0, reason: "Unreachable" });
    expect(lost()).toBe(1);
  });
});

describe("toError", () => {
  it("reads a Status", () => {
    const text = JSON.stringify({
      message: 'pods "a" not found',
      reason: "NotFound",
      details: { name: "a" },
      code: 404,
    });
    expect(toError(404, text)).toMatchObject({
      code: 404,
      reason: "NotFound",
      message: 'pods "a" not found',
      details: { name: "a" },
    });
  });

  it("reads a proxy's plain text", () => {
    expect(toError(502, "bad gateway\n")).toMatchObject({ code: 502, reason: "InternalError", message: "bad gateway" });
  });

  it("calls an expired version Gone", () => {
    expect(toError(410, '{"reason":"Expired","message":"too old resource version"}')).toMatchObject({ reason: "Gone" });
  });
});
