/** Git's smart HTTP protocol on undici: authentication, own authorities, client certificates, limits, redirects. */
import { rootCertificates } from "node:tls";

import { Agent, type Dispatcher, request } from "undici";

import { lookupWithin, OutOfReachError, requireWithin } from "../../network/reach.ts";
import { redactUrls } from "../../runtime/redact-urls.ts";
import type { HttpAccess } from "./credentials.ts";
import { flush, packetAt } from "./pkt-line.ts";
import { GitError, type GitTransport, type BoundedReach } from "./transport.ts";
import type { GitUrl } from "./url.ts";

const maxRedirects = 5;
const service = "git-upload-pack";

interface Answer {
  readonly url: URL;
  readonly status: number;
  readonly contentType: string;
  readonly bytes: Buffer;
}

/** Opens no connection before the first request. */
export async function createHttpTransport(
  url: GitUrl,
  access: HttpAccess,
  limits: BoundedReach,
): Promise<GitTransport> {
  const dispatcher = new Agent({
    connections: 1,
    connect: {
      lookup: lookupWithin(limits.reach),
      ...(access.ca ? { ca: [...rootCertificates, access.ca] } : {}),
      ...(access.clientCertificate ? { cert: access.clientCertificate } : {}),
      ...(access.clientKey ? { key: access.clientKey } : {}),
    },
  });
  let base = baseUrl(url);

  const once = async (target: URL, method: "GET" | "POST", body: Uint8Array | undefined, protocol: 2 | 0) =>
    request(target, {
      method,
      dispatcher,
      signal: limits.signal,
      headers: {
        "user-agent": "git/2.0 (driftless)",
        ...(protocol === 2 ? { "git-protocol": "version=2" } : {}),
        ...authorization(access),
        ...(body
          ? { "content-type": `application/x-${service}-request`, accept: `application/x-${service}-result` }
          : {}),
      },
      ...(body ? { body } : {}),
    });

  const send = async (suffix: string, body: Uint8Array | undefined, protocol: 2 | 0): Promise<Answer> => {
    let target = new URL(`${base}${suffix}`);
    for (let hop = 0; ; hop += 1) {
      const { statusCode, headers, body: stream } = await once(target, body ? "POST" : "GET", body, protocol);
      const location = headers.location;
      if (statusCode >= 301 && statusCode <= 308 && typeof location === "string") {
        await stream.dump();
        if (hop >= maxRedirects) throw new GitError("Protocol", `stopped after ${maxRedirects} redirects`);
        target = redirected(target, location);
        continue;
      }
      const bytes = await readAll(stream, limits.maxBytes);
      const moved = target.href.endsWith(suffix) && hop > 0;
      if (moved && statusCode === 200) base = target.href.slice(0, -suffix.length);
      return { url: target, status: statusCode, contentType: String(headers["content-type"] ?? ""), bytes };
    }
  };

  const ask = async (suffix: string, body: Uint8Array | undefined, protocol: 2 | 0): Promise<Answer> => {
    try {
      requireWithin(url.host, limits.reach);
      const answer = await send(suffix, body, protocol);
      if (answer.status !== 200) throw refusal(answer);
      return answer;
    } catch (error) {
      throw error instanceof GitError ? error : connectionError(error, limits.signal);
    }
  };

  return {
    stateless: true,
    async advertise() {
      const answer = await ask(`/info/refs?service=${service}`, undefined, 2);
      if (!answer.contentType.startsWith(`application/x-${service}-advertisement`))
        throw new GitError("Protocol", "the server does not speak Git's smart HTTP protocol");
      return withoutServiceHeader(answer.bytes);
    },
    async exchange(body, { protocol }) {
      const answer = await ask(`/${service}`, body, protocol);
      if (!answer.contentType.startsWith(`application/x-${service}-result`))
        throw new GitError("Protocol", "the server does not speak Git's smart HTTP protocol");
      return answer.bytes;
    },
    close: () => dispatcher.destroy(),
  };
}

function baseUrl(url: GitUrl): string {
  const host = url.host.includes(":") ? `[${url.host}]` : url.host;
  return `${url.scheme}://${host}${url.port === undefined ? "" : `:${url.port}`}${url.path.replace(/\/+$/, "")}`;
}

function authorization({ username, password, bearerToken }: HttpAccess): Record<string, string> {
  if (bearerToken) return { authorization: `Bearer ${bearerToken}` };
  if (!username && !password) return {};
  return { authorization: `Basic ${Buffer.from(`${username ?? ""}:${password ?? ""}`).toString("base64")}` };
}

/** A credential is shown to the host that it was given for, and never sent in the clear after a start with TLS. */
function redirected(from: URL, location: string): URL {
  if (!URL.canParse(location, from.href)) throw new GitError("Protocol", "redirected to something that is no URL");
  const to = new URL(location, from);
  const sameHost = to.hostname === from.hostname && (to.port === from.port || from.protocol !== to.protocol);
  const safe = to.protocol === from.protocol || to.protocol === "https:";
  if (!sameHost || !safe)
    throw new GitError(
      "Protocol",
      `redirected to ${to.protocol}//${to.host}, set spec.url to where the repository is now`,
    );
  return to;
}

async function readAll(stream: Dispatcher.ResponseData["body"], maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new GitError("LimitExceeded", `the answer is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

/** `# service=git-upload-pack` and a flush come before what the SSH form says at once. */
function withoutServiceHeader(bytes: Uint8Array): Uint8Array {
  const first = packetAt(bytes, 0);
  if (first?.packet.kind !== "line" || !Buffer.from(first.packet.bytes).toString("latin1").startsWith("# service="))
    return bytes;
  const next = packetAt(bytes, first.end);
  return bytes.subarray(next?.packet.kind === "flush" ? first.end + flush.length : first.end);
}

/** go-git's words for a status, with the text that the server gives a reason in. */
function refusal({ url, status, contentType, bytes }: Answer): GitError {
  const reason = contentType.startsWith("text/plain")
    ? redactUrls(bytes.subarray(0, 200).toString("utf8").trim().replace(/\s+/g, " "))
    : "";
  const words = (text: string) => (reason === "" ? text : `${text}: ${reason}`);
  if (status === 401) return new GitError("AuthenticationRequired", words("authentication required"));
  if (status === 403) return new GitError("AuthorizationFailed", words("authorization failed"));
  if (status === 404) return new GitError("RepositoryNotFound", words("repository not found"));
  const target = redactUrls(url.href);
  return new GitError("Protocol", `unexpected client error: unexpected requesting "${target}" status code: ${status}`);
}

const tlsWords: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "x509: certificate signed by unknown authority",
  UNABLE_TO_GET_ISSUER_CERT: "x509: certificate signed by unknown authority",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "x509: certificate signed by unknown authority",
  SELF_SIGNED_CERT_IN_CHAIN: "x509: certificate signed by unknown authority",
  DEPTH_ZERO_SELF_SIGNED_CERT: "x509: certificate signed by unknown authority",
  CERT_HAS_EXPIRED: "x509: certificate has expired or is not yet valid",
  CERT_NOT_YET_VALID: "x509: certificate has expired or is not yet valid",
  ERR_TLS_CERT_ALTNAME_INVALID: "x509: certificate is not valid for this host",
};

function connectionError(error: unknown, signal: AbortSignal): GitError {
  if (signal.aborted) return new GitError("Timeout", "context deadline exceeded", { cause: error });
  if (error instanceof OutOfReachError) return new GitError("Unreachable", error.message, { cause: error });
  const code = codeOf(error);
  const tls = tlsWords[code];
  if (tls) return new GitError("Unreachable", `tls: failed to verify certificate: ${tls}`, { cause: error });
  if (code === "UND_ERR_CONNECT_TIMEOUT" || code === "UND_ERR_HEADERS_TIMEOUT" || code === "UND_ERR_BODY_TIMEOUT")
    return new GitError("Timeout", "context deadline exceeded", { cause: error });
  return new GitError("Unreachable", dialWords(error, code), { cause: error });
}

/** Go's words where there are some, for people who know Flux's messages. */
function dialWords(error: unknown, code: string): string {
  if (!(error instanceof Error)) return "the connection failed";
  const { address = "", port = "", hostname = "" } = error as { address?: string; port?: number; hostname?: string };
  if (code === "ECONNREFUSED" && address !== "") return `dial tcp ${address}:${port}: connect: connection refused`;
  if (code === "ENOTFOUND") return `dial tcp: lookup ${hostname}: no such host`;
  return redactUrls(error.message) || code || "the connection failed";
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
