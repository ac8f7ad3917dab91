/**
 * A loopback HTTPS proxy in front of a kubeconfig's cluster: checks EKS tokens as EKS does, and forwards with the
 * kubeconfig's credentials, so that the functions reach any cluster by the one path that they have.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { type IncomingMessage, type ServerResponse, request as httpRequest } from "node:http";
import { type RequestOptions, createServer, request as httpsRequest } from "node:https";
import path from "node:path";

import { generate } from "selfsigned";

import type { ClusterEndpoint } from "./aws/eks.ts";
import type { EksIdentity } from "./eks-token.ts";
import { isRecord } from "./json.ts";
import { closeServer, listenOnLoopback } from "./loopback.ts";

/** How to reach the real API server: address and credentials, fresh for each request. */
export interface Upstream {
  readonly url: string;
  /** Headers, CA and client certificate, as node:https takes them. */
  authenticate(): Promise<RequestOptions>;
}

export interface ClusterProxyOptions {
  readonly upstream: Upstream;
  /** Keeps the proxy's certificate and port over restarts. */
  readonly directory: string;
  readonly identify: (token: string) => EksIdentity | undefined;
}

export interface ClusterProxy extends ClusterEndpoint {
  close(): Promise<void>;
}

/** The upstream of a kubeconfig's context; exec plugins run when their credentials are asked for. */
export async function kubeconfigUpstream(context: string | undefined, file?: string): Promise<Upstream> {
  const { KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  if (file === undefined) config.loadFromDefault();
  else config.loadFromFile(file);
  if (context !== undefined) config.setCurrentContext(context);
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error(`the kubeconfig has no context ${context ?? "that is current"}`);
  return {
    url: cluster.server,
    async authenticate() {
      const options: RequestOptions = {};
      await config.applyToHTTPSOptions(options);
      return options;
    },
  };
}

export async function startClusterProxy(options: ClusterProxyOptions): Promise<ClusterProxy> {
  const { key, cert, port } = loadCertificate(options.directory);
  const server = createServer({ key, cert }, (request, response) => {
    serve(options, request, response).catch((error: unknown) => {
      if (!response.headersSent)
        refuse(
          response,
          503,
          "ServiceUnavailable",
          `the cluster does not answer: ${error instanceof Error ? error.message : String(error)}`,
        );
      else response.destroy();
    });
  });
  const actual = await listenOnLoopback(server, port);
  writeFileSync(certificateFile(options.directory), JSON.stringify({ key, cert, port: actual }), { mode: 0o600 });
  return {
    endpoint: `https://127.0.0.1:${actual}`,
    caPem: cert,
    close: () => closeServer(server),
  };
}

const certificateFile = (directory: string): string => path.join(directory, "proxy.json");

function loadCertificate(directory: string): { readonly key: string; readonly cert: string; readonly port: number } {
  mkdirSync(directory, { recursive: true });
  const file = certificateFile(directory);
  if (existsSync(file)) {
    const stored: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (isRecord(stored)) return { key: String(stored.key), cert: String(stored.cert), port: Number(stored.port) };
  }
  const made = generate([{ name: "commonName", value: "driftless-local" }], {
    ...{ days: 3650, keySize: 2048, algorithm: "sha256" },
    extensions: [
      { name: "basicConstraints", cA: true },
      {
        name: "subjectAltName",
        altNames: [
          { type: 7, ip: "127.0.0.1" },
          { type: 2, value: "localhost" },
        ],
      },
    ],
  });
  return { key: made.private, cert: made.cert, port: 0 };
}

async function serve(options: ClusterProxyOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, token = ""] = /^Bearer (.+)$/.exec(request.headers.authorization ?? "") ?? [];
  const identity = options.identify(token);
  if (identity === undefined) {
    refuse(response, 401, "Unauthorized", "Unauthorized");
    return;
  }
  const verdict = await impersonation(options.upstream, identity, request);
  if (typeof verdict === "string") {
    refuse(response, 403, "Forbidden", verdict);
    return;
  }
  await forward(options.upstream, request, response, verdict);
}

type Headers = Readonly<Record<string, string | string[]>>;

/**
 * Under whose name the request goes on: as it is for a cluster administrator and for reads of a viewer, else as the
 * access entry's user and groups, so that the cluster's own RBAC decides. A string is the refusal.
 */
async function impersonation(
  upstream: Upstream,
  identity: EksIdentity,
  request: IncomingMessage,
): Promise<Headers | string> {
  const asked = Object.fromEntries(
    Object.entries(request.headers).filter(
      (entry): entry is [string, string | string[]] => entry[0].startsWith("impersonate-") && entry[1] !== undefined,
    ),
  );
  const everywhere = (name: string) =>
    identity.policies.some((policy) => policy.name === name && policy.namespaces === undefined);
  if (everywhere("AmazonEKSClusterAdminPolicy")) return asked;
  const user = asked["impersonate-user"];
  if (user === undefined) {
    const reads = request.method === "GET" || request.method === "HEAD";
    if (reads && everywhere("AmazonEKSAdminViewPolicy")) return {};
    return { "impersonate-user": identity.username, "impersonate-group": [...identity.groups] };
  }
  if (Object.keys(asked).length > 1)
    return `${identity.username} may impersonate users only: groups are not checked on this machine`;
  const name = String(user);
  if (await mayImpersonate(upstream, identity, name)) return { "impersonate-user": name };
  return `users "${name}" is forbidden: User "${identity.username}" cannot impersonate resource "users" in API group "" at the cluster scope`;
}

/** Asks the cluster's own RBAC. */
async function mayImpersonate(upstream: Upstream, identity: EksIdentity, user: string): Promise<boolean> {
  const [, namespace, name] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user) ?? [];
  const target =
    namespace === undefined ? { resource: "users", name: user } : { resource: "serviceaccounts", namespace, name };
  const review = {
    ...{ apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview" },
    spec: {
      user: identity.username,
      groups: [...identity.groups, "system:authenticated"],
      resourceAttributes: { verb: "impersonate", ...target },
    },
  };
  const body = Buffer.from(JSON.stringify(review));
  const headers = { "content-type": "application/json", "content-length": String(body.length) };
  const incoming = await send(
    upstream,
    "POST",
    "/apis/authorization.k8s.io/v1/subjectaccessreviews",
    headers,
    (outgoing) => outgoing.end(body),
  );
  const parts: Buffer[] = [];
  for await (const part of incoming as AsyncIterable<Buffer>) parts.push(part);
  const answer: unknown = JSON.parse(Buffer.concat(parts).toString("utf8"));
  return isRecord(answer) && isRecord(answer.status) && answer.status.allowed === true;
}

async function forward(
  upstream: Upstream,
  request: IncomingMessage,
  response: ServerResponse,
  extra: Headers,
): Promise<void> {
  const kept = Object.entries(request.headers).filter(
    ([name, value]) =>
      value !== undefined &&
      name !== "authorization" &&
      name !== "host" &&
      name !== "connection" &&
      !name.startsWith("impersonate-"),
  );
  const headers = { ...Object.fromEntries(kept), ...extra } as Headers;
  const incoming = await send(upstream, request.method ?? "GET", request.url ?? "/", headers, (outgoing) => {
    response.once("close", () => outgoing.destroy());
    request.pipe(outgoing);
  });
  response.writeHead(incoming.statusCode ?? 502, incoming.headers);
  // Whoever watches must know that the server has answered, though nothing happens.
  response.flushHeaders();
  // A watch ends on either side at any time.
  incoming.on("error", () => response.destroy());
  incoming.pipe(response);
}

async function send(
  upstream: Upstream,
  method: string,
  target: string,
  headers: Headers,
  write: (outgoing: ReturnType<typeof httpRequest>) => void,
): Promise<IncomingMessage> {
  const base = new URL(upstream.url);
  const credentials = await upstream.authenticate();
  const options: RequestOptions = {
    ...credentials,
    ...{ host: base.hostname, port: base.port, method, path: `${base.pathname.replace(/\/$/, "")}${target}` },
    headers: { ...(credentials.headers as Headers | undefined), ...headers },
  };
  return new Promise((resolve, reject) => {
    const outgoing = (base.protocol === "https:" ? httpsRequest : httpRequest)(options, resolve);
    outgoing.on("error", reject);
    write(outgoing);
  });
}

function refuse(response: ServerResponse, code: number, reason: string, message: string): void {
  response.writeHead(code, { "content-type": "application/json" });
  response.end(
    JSON.stringify({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, reason, code }),
  );
}
