/** Git over SSH on ssh2: one channel that runs git-upload-pack; the host's key must be in the source's known_hosts. */
import type { Client, ClientChannel, ConnectConfig, ServerHostKeyAlgorithm } from "ssh2";

import { addressWithin, type Reach } from "../../network/reach.ts";
import type { SshAccess } from "./credentials.ts";
import { hostKeyTypes, type HostVerdict, verifyHostKey } from "./known-hosts.ts";
import { flush, packetAt } from "./pkt-line.ts";
import { type BoundedReach, GitError, type GitTransport, type TransportLimits } from "./transport.ts";
import type { GitUrl } from "./url.ts";

/** Connects on first use; a server that ignores GIT_PROTOCOL answers in version 0. */
export async function createSshTransport(url: GitUrl, access: SshAccess, limits: BoundedReach): Promise<GitTransport> {
  const { Client } = (await import("ssh2")).default;
  const client = new Client();
  let channel: Promise<PacketReader> | undefined;

  const open = async (): Promise<PacketReader> => {
    await connect(client, url, await resolveHost(url.host, limits.reach), access, limits.signal);
    return createPacketReader(await run(client, url.path, limits.signal), limits);
  };

  return {
    stateless: false,
    async advertise() {
      channel ??= open();
      return (await channel).read(1);
    },
    async exchange(request, { flushes }) {
      if (!channel) throw new TypeError("exchange before advertise");
      const reader = await channel;
      reader.write(request);
      return reader.read(flushes);
    },
    async close() {
      const reader = await channel?.catch(() => undefined);
      reader?.write(Buffer.from(flush));
      client.end();
      client.destroy();
    },
  };
}

const rsaAlgorithms = ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"] as const;

/** ssh2 looks names up by itself, and would look up another address than the one that was judged. */
async function resolveHost(host: string, reach: Reach): Promise<string> {
  try {
    return await addressWithin(host, reach);
  } catch (error) {
    throw new GitError("Unreachable", `ssh: ${error instanceof Error ? error.message : host}`, { cause: error });
  }
}

function connect(client: Client, url: GitUrl, address: string, access: SshAccess, signal: AbortSignal): Promise<void> {
  const port = url.port ?? 22;
  let verdict: HostVerdict = "known";
  const types = hostKeyTypes(access.knownHosts, url.host, port).flatMap((type) =>
    type === "ssh-rsa" ? rsaAlgorithms : [type],
  ) as ServerHostKeyAlgorithm[];
  const config: ConnectConfig = {
    host: address,
    port,
    username: access.username,
    privateKey: access.identity,
    ...(access.passphrase ? { passphrase: access.passphrase } : {}),
    ...(types.length > 0 ? { algorithms: { serverHostKey: types } } : {}),
    readyTimeout: 0,
    hostVerifier: (key: Buffer) => {
      verdict = verifyHostKey(access.knownHosts, url.host, port, key);
      return verdict === "known";
    },
  };
  return new Promise((resolve, reject) => {
    const failed = (error: Error & { level?: string }) => {
      reject(verdict === "known" ? connectionError(error, signal) : hostKeyError(verdict, url.host));
    };
    client.once("ready", resolve);
    client.on("error", failed);
    client.once("close", () => failed(new Error("connection closed")));
    const abort = () => {
      client.destroy();
      reject(new GitError("Timeout", "context deadline exceeded"));
    };
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    try {
      client.connect(config);
    } catch (error) {
      reject(keyError(error));
    }
  });
}

function run(client: Client, path: string, signal: AbortSignal): Promise<ClientChannel> {
  const quoted = `'${path.replaceAll("'", String.raw`'\''`)}'`;
  return new Promise((resolve, reject) => {
    client.exec(`git-upload-pack ${quoted}`, { env: { GIT_PROTOCOL: "version=2" } }, (error, stream) => {
      if (error) reject(connectionError(error, signal));
      else resolve(stream);
    });
  });
}

interface PacketReader {
  write(bytes: Uint8Array): void;
  /** All bytes until so many flush packets have passed. */
  read(flushes: number): Promise<Uint8Array>;
}

function createPacketReader(stream: ClientChannel, { signal, maxBytes }: TransportLimits): PacketReader {
  const words: Buffer[] = [];
  stream.stderr.on("data", (chunk: Buffer) => words.push(chunk));
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const abort = aborted(signal);
  abort.catch(() => undefined);
  let rest: Buffer = Buffer.alloc(0);

  const next = async (): Promise<Buffer> => {
    const result = await Promise.race([chunks.next(), abort]);
    if (result.done === true) throw closedError(Buffer.concat(words).toString("utf8"));
    return result.value;
  };

  const read = async (flushes: number): Promise<Uint8Array> => {
    const parts: Buffer[] = [rest];
    let size = rest.length;
    let seen = 0;
    // Only the tail is looked at again after a chunk, so that a large pack is not copied for each of them.
    let tail = rest;
    let consumed = 0;
    for (;;) {
      let at = 0;
      for (let packet = packetAt(tail, at); packet && seen < flushes; packet = packetAt(tail, at)) {
        at = packet.end;
        if (packet.packet.kind === "flush") seen += 1;
      }
      consumed += at;
      if (seen >= flushes) break;
      const chunk = await next();
      parts.push(chunk);
      size += chunk.length;
      if (size > maxBytes) throw new GitError("LimitExceeded", `the answer is larger than ${maxBytes} bytes`);
      tail = at === tail.length ? chunk : Buffer.concat([tail.subarray(at), chunk]);
    }
    const whole = Buffer.concat(parts, size);
    rest = whole.subarray(consumed);
    return whole.subarray(0, consumed);
  };

  return { write: (bytes) => void stream.write(bytes), read };
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const abort = () => reject(new GitError("Timeout", "context deadline exceeded"));
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}

function hostKeyError(verdict: HostVerdict, host: string): GitError {
  const words =
    verdict === "key mismatch" ? "knownhosts: key mismatch" : `knownhosts: key is unknown, ${verdict} ${host}`;
  return new GitError("Unreachable", `ssh: handshake failed: ${words}`);
}

function connectionError(error: Error & { level?: string }, signal: AbortSignal): GitError {
  if (signal.aborted) return new GitError("Timeout", "context deadline exceeded", { cause: error });
  if (error.level === "client-authentication")
    return new GitError(
      "AuthenticationRequired",
      "ssh: handshake failed: ssh: unable to authenticate, attempted methods [none publickey], no supported methods remain",
      { cause: error },
    );
  return new GitError("Unreachable", `ssh: ${error.message}`, { cause: error });
}

/** ssh2 throws at once for a private key that it cannot read; its message never holds the key. */
function keyError(error: unknown): GitError {
  const words = error instanceof Error ? error.message : "unreadable";
  return new GitError("AuthenticationRequired", `unable to read the SSH identity: ${words}`, { cause: error });
}

/** Hosting services say why on the error channel; go-git knows these texts for a repository that is not there. */
function closedError(stderr: string): GitError {
  const words = stderr.trim().replace(/\s+/g, " ").slice(0, 300);
  const absent =
    /repository not found|not found\.|does not exist|does not appear to be a git repository|could not be found/i;
  if (absent.test(words)) return new GitError("RepositoryNotFound", "repository not found");
  return new GitError("Protocol", words === "" ? "the server closed the connection" : words);
}
