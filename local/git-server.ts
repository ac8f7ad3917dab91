/**
 * Serves bare repositories over smart HTTP through git's own `upload-pack` and `receive-pack`, at an address that stays
 * the same over restarts; a push sends the signed webhook that GitHub would send.
 */
import { spawn } from "node:child_process";
import { createHmac, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import path from "node:path";
import { createGunzip } from "node:zlib";

import { closeServer, listenOnLoopback, rememberedPort } from "./loopback.ts";

export interface Webhook {
  readonly url: string;
  readonly secret: string;
}

export interface GitServerOptions {
  /** Holds `<name>.git` directories, and the port. */
  readonly directory: string;
  /** Undefined while nothing listens. */
  readonly webhook: () => Webhook | undefined;
  readonly onLog: (line: string) => void;
}

export interface GitServer {
  /** Clone with `<url>/<name>.git`. */
  readonly url: string;
  /** Makes an empty bare repository with branch `main` when there is none. Resolves with its directory. */
  create(name: string): Promise<string>;
  repositories(): readonly string[];
  close(): Promise<void>;
}

export async function startGitServer(options: GitServerOptions): Promise<GitServer> {
  mkdirSync(options.directory, { recursive: true });
  const server = createServer((request, response) => {
    serve(options, `http://${request.headers.host ?? ""}`, request, response).catch((error: unknown) => {
      options.onLog(`git server: ${error instanceof Error ? error.message : String(error)}`);
      response.destroy();
    });
  });
  const url = `http://127.0.0.1:${await listenStable(server, path.join(options.directory, "port"))}`;
  return {
    url,
    async create(name) {
      const directory = path.join(options.directory, `${name}.git`);
      if (!existsSync(directory)) await git(["init", "--quiet", "--bare", "--initial-branch=main", directory]);
      return directory;
    },
    repositories: () =>
      readdirSync(options.directory)
        .filter((entry) => entry.endsWith(".git"))
        .map((entry) => entry.slice(0, -4)),
    close: () => closeServer(server),
  };
}

/** The port of the last start, when it is free: the repository's address is written in cluster objects. */
async function listenStable(server: Server, file: string): Promise<number> {
  const remembered = rememberedPort(file);
  const port = await listenOnLoopback(server, remembered).catch((error: unknown) => {
    if (remembered === 0) throw error;
    throw new Error(
      `port ${remembered} of the local Git server is taken; free it, or delete ${file} to get another address`,
      { cause: error },
    );
  });
  writeFileSync(file, String(port));
  return port;
}

const routes = /^\/([A-Za-z0-9][\w.-]*)(?:\.git)?\/(info\/refs|git-upload-pack|git-receive-pack)$/;

async function serve(
  options: GitServerOptions,
  base: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://localhost");
  const [, matched = "", action = ""] = routes.exec(url.pathname) ?? [];
  const name = matched.replace(/\.git$/, "");
  const directory = path.join(options.directory, `${name}.git`);
  if (name === "" || !existsSync(directory)) {
    response.writeHead(404, { "content-type": "text/plain" }).end("repository not found\n");
    return;
  }
  const service = action === "info/refs" ? (url.searchParams.get("service") ?? "") : action;
  if (service !== "git-upload-pack" && service !== "git-receive-pack") {
    response.writeHead(403, { "content-type": "text/plain" }).end("the dumb protocol is not served\n");
    return;
  }
  if (action === "info/refs") {
    await advertise(directory, service, request, response);
    return;
  }
  const before = service === "git-receive-pack" ? await readRefs(directory) : undefined;
  await exchange(directory, service, request, response);
  if (before !== undefined) await announce(options, base, name, directory, before);
}

async function advertise(
  directory: string,
  service: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.writeHead(200, { "content-type": `application/x-${service}-advertisement`, "cache-control": "no-cache" });
  const version2 = service === "git-upload-pack" && protocolOf(request) === "version=2";
  // The banner belongs to the first protocol only.
  if (!version2) response.write(packetLine(`# service=${service}\n`) + "0000");
  const child = spawn(
    "git",
    [...command(service), "--stateless-rpc", "--advertise-refs", directory],
    childOptions(request),
  );
  child.stdin.end();
  child.stdout.pipe(response);
  await exited(child);
}

async function exchange(
  directory: string,
  service: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.writeHead(200, { "content-type": `application/x-${service}-result`, "cache-control": "no-cache" });
  const child = spawn("git", [...command(service), "--stateless-rpc", directory], childOptions(request));
  // A client that goes away, or a git that ends early, closes the pipe; the other side notices by itself.
  child.stdin.on("error", () => undefined);
  (request.headers["content-encoding"] === "gzip" ? request.pipe(createGunzip()) : request).pipe(child.stdin);
  child.stdout.pipe(response, { end: false });
  await exited(child);
  response.end();
}

/** Lets clients fetch any commit by its id, as GitHub does. */
const command = (service: string): readonly string[] => [
  "-c",
  "uploadpack.allowAnySHA1InWant=true",
  "-c",
  "uploadpack.allowFilter=true",
  service.slice("git-".length),
];

const protocolOf = (request: IncomingMessage): string | undefined => {
  const header = request.headers["git-protocol"];
  return typeof header === "string" && /^[\w=:.]+$/.test(header) ? header : undefined;
};

function childOptions(request: IncomingMessage) {
  const protocol = protocolOf(request);
  return {
    stdio: ["pipe", "pipe", "ignore"] as ["pipe", "pipe", "ignore"],
    env: {
      PATH: process.env.PATH ?? "",
      HOME: "/nonexistent",
      ...(protocol === undefined ? {} : { GIT_PROTOCOL: protocol }),
    },
  };
}

const packetLine = (content: string): string => `${(content.length + 4).toString(16).padStart(4, "0")}${content}`;

const exited = (child: ReturnType<typeof spawn>): Promise<number | null> =>
  new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });

/** Resolves with what git wrote. @throws Error when it fails. */
async function git(args: readonly string[]): Promise<string> {
  const child = spawn("git", args, { stdio: ["ignore", "pipe", "pipe"] });
  const parts: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on("data", (part: Buffer) => parts.push(part));
  child.stderr.on("data", (part: Buffer) => errors.push(part));
  const code = await exited(child);
  if (code !== 0) throw new Error(`git ${args.join(" ")} failed: ${Buffer.concat(errors).toString("utf8").trim()}`);
  return Buffer.concat(parts).toString("utf8");
}

async function readRefs(directory: string): Promise<ReadonlyMap<string, string>> {
  const output = await git(["-C", directory, "for-each-ref", "--format=%(objectname) %(refname)"]);
  const lines = output.split("\n").filter((line) => line !== "");
  return new Map(lines.map((line) => [line.slice(line.indexOf(" ") + 1), line.slice(0, line.indexOf(" "))]));
}

const noCommit = "0".repeat(40);

/** One delivery per branch or tag that moved. */
async function announce(
  options: GitServerOptions,
  base: string,
  name: string,
  directory: string,
  before: ReadonlyMap<string, string>,
): Promise<void> {
  const after = await readRefs(directory);
  for (const ref of new Set([...before.keys(), ...after.keys()])) {
    const [old, now] = [before.get(ref) ?? noCommit, after.get(ref) ?? noCommit];
    if (old !== now)
      await deliver(options, await pushPayload(directory, { base, name, ref, before: old, after: now }), ref);
  }
}

interface Push {
  readonly base: string;
  readonly name: string;
  readonly ref: string;
  readonly before: string;
  readonly after: string;
}

/** The fields of GitHub's push event that receivers read. */
async function pushPayload(directory: string, { base, name, ref, before, after }: Push) {
  const deleted = after === noCommit;
  const format = ["%H", "%s", "%cI", "%an", "%ae"].join("%x00");
  const [id = after, message = "", timestamp = "", author = "", email = ""] = deleted
    ? []
    : (await git(["-C", directory, "log", "-1", `--format=${format}`, after])).trim().split("\0");
  const commit = { id, message, timestamp, author: { name: author, email }, url: `${base}/${name}/commit/${id}` };
  return {
    ...{ ref, before, after, created: before === noCommit, deleted, forced: false },
    repository: {
      name,
      full_name: `local/${name}`,
      clone_url: `${base}/${name}.git`,
      html_url: `${base}/${name}`,
      ssh_url: `ssh://git@127.0.0.1/${name}.git`,
      default_branch: "main",
    },
    head_commit: deleted ? null : commit,
    commits: deleted ? [] : [commit],
    pusher: { name: author || "local", email },
  };
}

async function deliver({ webhook, onLog }: GitServerOptions, payload: object, ref: string): Promise<void> {
  const target = webhook();
  if (target === undefined) return;
  const body = JSON.stringify(payload);
  try {
    const response = await fetch(target.url, {
      method: "POST",
      body,
      headers: {
        "content-type": "application/json",
        "user-agent": "GitHub-Hookshot/local",
        "x-github-event": "push",
        "x-github-delivery": randomUUID(),
        "x-hub-signature-256": `sha256=${createHmac("sha256", target.secret).update(body).digest("hex")}`,
      },
    });
    onLog(`git server: push of ${ref} announced, answer ${response.status}`);
  } catch (error) {
    // A lost webhook costs a poll interval, never a push.
    onLog(`git server: push of ${ref} not announced: ${error instanceof Error ? error.message : String(error)}`);
  }
}
