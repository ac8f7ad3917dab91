/** A Git server on loopback, over HTTP, HTTPS and SSH, in front of bare repositories in a temporary folder. */
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Server as NetServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import ssh2 from "ssh2";

export interface Repository {
  readonly folder: string;
  /** Writes files and commits them on the checked-out branch; `null` deletes. Gives the commit's name. */
  commit(files: Readonly<Record<string, string | Buffer | null>>, message?: string, date?: string): string;
  git(...args: readonly string[]): string;
  /** `git mktree` of lines as `git ls-tree` prints them. */
  makeTree(lines: string): string;
}

export interface GitServerOptions {
  /** `user:password` that Basic authentication must show. */
  readonly basic?: string;
  readonly bearer?: string;
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa?: string };
  /** Forgets that the client asked for protocol version 2. */
  readonly onlyV0?: boolean;
  /** Answers before Git does; true when it did. */
  readonly intercept?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

export interface GitServer {
  readonly url: string;
  readonly port: number;
  /** Requests as `POST /repo.git/git-upload-pack`. */
  readonly requests: string[];
  close(): Promise<void>;
}

const env = {
  ...process.env,
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "Ada",
  GIT_AUTHOR_EMAIL: "ada@example.com",
  GIT_COMMITTER_NAME: "Ada",
  GIT_COMMITTER_EMAIL: "ada@example.com",
};

export interface GitRoot {
  readonly folder: string;
  create(name: string, options?: { readonly format?: "sha1" | "sha256"; readonly branch?: string }): Repository;
  remove(): void;
}

export function createGitRoot(): GitRoot {
  const folder = mkdtempSync(join(tmpdir(), "git-root-"));
  return {
    folder,
    create: (name, { format = "sha1", branch = "main" } = {}) => {
      const at = join(folder, `${name}.git`);
      execFileSync("git", ["init", "-q", "--bare", `--object-format=${format}`, "-b", branch, at], { env });
      const git = (...args: readonly string[]) =>
        execFileSync("git", ["-C", at, ...args], { env })
          .toString()
          .trim();
      git("config", "uploadpack.allowFilter", "true");
      return {
        folder: at,
        git,
        commit: (files, message = "change", date) => commitTo(at, files, message, date),
        makeTree: (lines) =>
          execFileSync("git", ["-C", at, "mktree"], { env, input: `${lines}\n` })
            .toString()
            .trim(),
      };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Without a work tree, by git fast-import: a thousand files are one process. */
function commitTo(
  at: string,
  files: Readonly<Record<string, string | Buffer | null>>,
  message: string,
  date = "1700000000 +0000",
): string {
  const git = (...args: readonly string[]) =>
    execFileSync("git", ["-C", at, ...args], { env })
      .toString()
      .trim();
  const branch = git("symbolic-ref", "HEAD");
  const exists = git("for-each-ref", branch) !== "";
  const parts: Buffer[] = [
    Buffer.from(
      `commit ${branch}\nauthor Ada <ada@example.com> ${date}\ncommitter Ada <ada@example.com> ${date}\n` +
        `data ${Buffer.byteLength(message)}\n${message}\n${exists ? `from ${branch}^0\n` : ""}`,
    ),
  ];
  for (const [path, content] of Object.entries(files)) {
    const [name = path, mode = "100644"] = path.split("|");
    if (content === null) parts.push(Buffer.from(`D ${name}\n`));
    else if (mode === "160000") parts.push(Buffer.from(`M ${mode} ${content.toString()} ${name}\n`));
    else {
      const bytes = Buffer.from(content);
      parts.push(Buffer.from(`M ${mode} inline ${name}\ndata ${bytes.length}\n`), bytes, Buffer.from("\n"));
    }
  }
  parts.push(Buffer.from("done\n"));
  execFileSync("git", ["-C", at, "fast-import", "--quiet", "--done", "--force"], { env, input: Buffer.concat(parts) });
  return git("rev-parse", branch);
}

export async function startGitServer(root: string, options: GitServerOptions = {}): Promise<GitServer> {
  const requests: string[] = [];
  const listener: RequestListener = (request, response) => {
    requests.push(`${request.method ?? ""} ${request.url ?? ""}`);
    if (options.intercept?.(request, response) === true) return;
    if (!authorized(request, options)) {
      response.writeHead(401, { "www-authenticate": "Basic", "content-type": "text/plain" });
      response.end("Invalid username or token.");
      return;
    }
    cgi(root, request, response, options.onlyV0 === true);
  };
  const { tls } = options;
  const server = tls
    ? createHttpsServer(
        {
          cert: tls.cert,
          key: tls.key,
          ...(tls.clientCa ? { ca: tls.clientCa, requestCert: true, rejectUnauthorized: true } : {}),
        },
        listener,
      )
    : createHttpServer(listener);
  const port = await listen(server);
  return {
    port,
    requests,
    url: `${tls ? "https" : "http"}://127.0.0.1:${port}`,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
}

function authorized(request: IncomingMessage, { basic, bearer }: GitServerOptions): boolean {
  const given = request.headers.authorization;
  if (basic !== undefined) return given === `Basic ${Buffer.from(basic).toString("base64")}`;
  return bearer === undefined || given === `Bearer ${bearer}`;
}

function cgi(root: string, request: IncomingMessage, response: ServerResponse, onlyV0: boolean): void {
  const url = new URL(request.url ?? "/", "http://server");
  const protocol = request.headers["git-protocol"];
  const child = spawn("git", ["http-backend"], {
    env: {
      ...env,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: "1",
      REQUEST_METHOD: request.method ?? "GET",
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: request.headers["content-type"] ?? "",
      ...(typeof protocol === "string" && !onlyV0 ? { GIT_PROTOCOL: protocol } : {}),
    },
  });
  request.pipe(child.stdin);
  child.stdin.on("error", () => undefined);
  let head = Buffer.alloc(0);
  let answered = false;
  child.stdout.on("data", (chunk: Buffer) => {
    if (answered) {
      response.write(chunk);
      return;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) return;
    answered = true;
    const headers = head
      .toString("latin1", 0, end)
      .split("\r\n")
      .map((line) => line.split(": ") as [string, string]);
    const status = headers.find(([name]) => name === "Status")?.[1];
    response.writeHead(status ? Number.parseInt(status, 10) : 200, Object.fromEntries(headers));
    response.write(head.subarray(end + 4));
  });
  child.stdout.on("end", () => {
    if (!answered) response.writeHead(500);
    response.end();
  });
}

export interface SshServerOptions {
  readonly hostKey: string;
  /** What a client must log in with, in the form of authorized_keys. */
  readonly authorizedKey: string;
  readonly ignoreProtocol?: boolean;
}

export async function startSshServer(
  root: string,
  options: SshServerOptions,
): Promise<{ port: number; close(): Promise<void> }> {
  const key = ssh2.utils.parseKey(options.authorizedKey);
  if (key instanceof Error) throw key;
  const clients = new Set<ssh2.Connection>();
  const server = new ssh2.Server({ hostKeys: [options.hostKey] }, (client) => {
    clients.add(client);
    client.on("error", () => undefined);
    client.on("authentication", (context) => {
      if (context.method !== "publickey" || !context.key.data.equals(key.getPublicSSH())) {
        context.reject(["publickey"]);
        return;
      }
      const { signature, blob, hashAlgo } = context;
      if (signature && blob && !key.verify(blob, signature, hashAlgo)) context.reject();
      else context.accept();
    });
    client.on("session", (accept) => {
      const session = accept();
      let protocol: string | undefined;
      session.on("env", (yes, _no, { key: name, val }) => {
        if (name === "GIT_PROTOCOL" && options.ignoreProtocol !== true) protocol = val;
        (yes as (() => void) | undefined)?.();
      });
      session.on("exec", (yes, _no, { command }) => {
        const channel = yes();
        const path = /^git-upload-pack '(.*)'$/.exec(command)?.[1] ?? "";
        const child = spawn("git-upload-pack", [join(root, path)], {
          env: { ...env, ...(protocol ? { GIT_PROTOCOL: protocol } : {}) },
        });
        child.stdin.on("error", () => undefined);
        channel.on("error", () => undefined);
        channel.pipe(child.stdin);
        child.stdout.pipe(channel, { end: false });
        child.stderr.on("data", (chunk: Buffer) => channel.stderr.write(chunk));
        child.on("close", (code) => {
          channel.exit(code ?? 1);
          channel.end();
        });
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      for (const client of clients) client.end();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
}

async function listen(server: NetServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}
