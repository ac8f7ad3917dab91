/**
 * The sandbox cluster: an in-process Kubernetes API server over HTTPS that kubectl, the flux CLI and the engine talk
 * to, and whose workloads become ready. `docs/sandbox.md` says what it leaves out.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import { dirname } from "node:path";
import { TLSSocket } from "node:tls";
import { once } from "node:events";
import { systemClock, type Clock } from "../../shared/runtime/clock.ts";
import { closeServer, listenOnLoopback } from "../loopback.ts";
import { bootstrap } from "./bootstrap.ts";
import type { ApiPorts, ApiResponse, AuditEntry } from "./call.ts";
import { loadIdentification } from "./certificates.ts";
import { startControllers } from "./controllers.ts";
import { createObjects, type Objects } from "./objects.ts";
import { createAuthorizer, type Identity } from "./rbac.ts";
import { createReads } from "./reads.ts";
import { answer } from "./requests.ts";
import { createRegistry, type Registry } from "./resources.ts";
import { createStore, type Store } from "./store.ts";

/** What a client presents; the certificate is given only when this sandbox's own authority signed it. */
export interface Credentials {
  readonly token?: string;
  readonly certificate?: { readonly commonName: string; readonly organizations: readonly string[] };
}

export interface SandboxOptions {
  /** Who the credentials belong to; undefined refuses them with 401. The administrator's token is known before it is asked. */
  readonly authenticate?: (credentials: Credentials) => Promise<Identity | undefined> | Identity | undefined;
  /** Keeps objects, certificate and administrator's token over restarts; in memory when absent. */
  readonly stateFile?: string;
  readonly clock?: Clock;
  /** How long a workload takes to become ready; 50 ms unless given. */
  readonly readyAfterMs?: number;
  readonly audit?: (entry: AuditEntry) => void;
}

export interface Sandbox {
  /** Listens on loopback; a free port unless one is given. */
  start(port?: number): Promise<SandboxAddress>;
  /** Ends watches and connections and saves the state. */
  stop(): Promise<void>;
  /** For tests: what is stored, and the history to compact. */
  readonly store: Store;
  readonly objects: Objects;
  readonly registry: Registry;
}

export interface SandboxAddress {
  /** `https://127.0.0.1:<port>`. */
  readonly url: string;
  readonly caPem: string;
  readonly adminToken: string;
  /** A kubeconfig of the administrator, self-contained. */
  readonly adminKubeconfig: string;
}

const ADMIN: Identity = { user: "kubernetes-admin", groups: ["system:masters", "system:authenticated"] };
const ANONYMOUS: Identity = { user: "system:anonymous", groups: ["system:unauthenticated"] };
const MAX_BODY_BYTES = 3 * 1024 * 1024;

export function createSandbox(options: SandboxOptions = {}): Sandbox {
  const clock = options.clock ?? systemClock;
  const store = createStore(options.stateFile);
  const registry = createRegistry(() => store.list("apiextensions.k8s.io/customresourcedefinitions"));
  const objects = createObjects({ store, clock });
  const reads = createReads({ store, objects, clock });
  const authorizer = createAuthorizer(store);
  const identification = loadIdentification(options.stateFile && dirname(options.stateFile));
  const life = new AbortController();
  const login = async (credentials: Credentials): Promise<Identity | undefined> => {
    if (credentials.token === identification.adminToken) return ADMIN;
    if (credentials.token === undefined && !credentials.certificate) return ANONYMOUS;
    const identity = await options.authenticate?.(credentials);
    return identity && { ...identity, groups: [...new Set([...identity.groups, "system:authenticated"])] };
  };
  const ports: ApiPorts = {
    registry,
    objects,
    reads,
    authorizer,
    clock,
    tokenOwner: (token) => login({ token }),
    ...(options.audit ? { audit: options.audit } : {}),
  };
  const server = createServer(
    {
      cert: identification.certPem,
      key: identification.keyPem,
      ca: identification.certPem,
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: ["http/1.1"],
    },
    (request, response) => void serve(ports, login, request, response, life.signal),
  );
  server.keepAliveTimeout = 60_000;

  return {
    store,
    objects,
    registry,
    start: async (port = 0) => {
      bootstrap({ store, registry, objects });
      store.compact();
      startControllers({
        store,
        registry,
        objects,
        clock,
        signal: life.signal,
        readyAfterMs: options.readyAfterMs ?? 50,
      });
      const url = `https://127.0.0.1:${await listenOnLoopback(server, port)}`;
      const { certPem: caPem, adminToken } = identification;
      return { url, caPem, adminToken, adminKubeconfig: kubeconfig(url, caPem, adminToken) };
    },
    stop: async () => {
      life.abort();
      await closeServer(server);
      store.flush();
    },
  };
}

async function serve(
  ports: ApiPorts,
  login: (credentials: Credentials) => Promise<Identity | undefined>,
  request: IncomingMessage,
  response: ServerResponse,
  stopped: AbortSignal,
): Promise<void> {
  const closed = new AbortController();
  response.on("close", () => closed.abort());
  const signal = AbortSignal.any([closed.signal, stopped]);
  try {
    const body = await readBody(request);
    const headers = Object.fromEntries(
      Object.entries(request.headersDistinct).map(([name, values]) => [name, values ?? []]),
    );
    const identity = await login(credentialsOf(request));
    await send(
      response,
      await answer(ports, {
        method: request.method ?? "GET",
        url: request.url ?? "/",
        headers,
        body,
        identity,
        signal,
      }),
    );
  } catch (error) {
    if (response.headersSent || signal.aborted) return void response.destroy();
    const message = `the sandbox failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
    await send(response, {
      status: 500,
      body: {
        kind: "Status",
        apiVersion: "v1",
        metadata: {},
        status: "Failure",
        message,
        reason: "InternalError",
        code: 500,
      },
    });
  }
}

function credentialsOf(request: IncomingMessage): Credentials {
  const [, token] = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "") ?? [];
  if (token !== undefined) return { token };
  const { socket } = request;
  const { subject } =
    socket instanceof TLSSocket && socket.authorized ? socket.getPeerCertificate() : { subject: undefined };
  if (!subject?.CN) return {};
  return { certificate: { commonName: String(subject.CN), organizations: [subject.O ?? []].flat().map(String) } };
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    const buffer = chunk as Buffer;
    bytes += buffer.length;
    if (bytes > MAX_BODY_BYTES) throw new Error("request body is larger than 3 MiB");
    chunks.push(buffer);
  }
  return Buffer.concat(chunks);
}

async function send(
  response: ServerResponse,
  { status, body, contentType = "application/json", warnings = [], stream }: ApiResponse,
): Promise<void> {
  response.statusCode = status;
  response.setHeader("content-type", contentType);
  response.setHeader("cache-control", "no-cache, private");
  if (warnings.length > 0)
    response.setHeader(
      "warning",
      warnings.map((text) => `299 - ${JSON.stringify(text)}`),
    );
  if (!stream) {
    response.end(typeof body === "string" ? body : `${JSON.stringify(body)}\n`);
    return;
  }
  response.flushHeaders();
  for await (const line of stream) if (!response.write(line)) await once(response, "drain");
  response.end();
}

function kubeconfig(url: string, caPem: string, token: string): string {
  return `apiVersion: v1
kind: Config
clusters:
- name: sandbox
  cluster:
    server: ${url}
    certificate-authority-data: ${Buffer.from(caPem).toString("base64")}
users:
- name: admin
  user:
    token: ${token}
contexts:
- name: sandbox
  context: { cluster: sandbox, user: admin }
current-context: sandbox
`;
}
