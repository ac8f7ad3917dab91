/** The API server under test: raw requests and the command line tools, the same for the sandbox and the real server. */
import { execFile } from "node:child_process";
import { Agent, request as httpsRequest } from "node:https";
import { realBinary } from "../real/up.ts";

export interface Reply {
  readonly status: number;
  readonly body: unknown;
  readonly warnings: readonly string[];
}

export interface RequestOptions {
  readonly method?: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ToolResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Target {
  readonly name: "sandbox" | "real";
  request(path: string, options?: RequestOptions): Promise<Reply>;
  /** Lines of a watch until `count` arrived, the server ended it, or two seconds passed. */
  watch(path: string, count: number): Promise<readonly WatchLine[]>;
  /** Undefined when kubectl is not there. */
  readonly kubectl: ((args: readonly string[], input?: string) => Promise<ToolResult>) | undefined;
  readonly flux: ((args: readonly string[]) => Promise<ToolResult>) | undefined;
  /** Files with the released definitions of Flux; undefined when they are not on this machine. */
  readonly fluxDefinitions: readonly string[] | undefined;
}

export interface WatchLine {
  readonly type: string;
  readonly object: Readonly<Record<string, unknown>>;
}

export interface Access {
  readonly name: Target["name"];
  readonly url: string;
  readonly ca: string;
  readonly token?: string;
  readonly certificate?: { readonly cert: string; readonly key: string };
  readonly kubeconfigPath: string;
  readonly fluxDefinitions: readonly string[] | undefined;
}

const WATCH_PATIENCE_MS = 2_000;

export function createTarget(access: Access): Target & { close(): void } {
  const agent = new Agent({ ca: access.ca, keepAlive: true, ...access.certificate });
  const authorization: Record<string, string> = access.token ? { authorization: `Bearer ${access.token}` } : {};
  const send = (
    path: string,
    { method = "GET", body, contentType = "application/json", headers = {} }: RequestOptions,
  ) => {
    const text = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
    const length =
      text === undefined ? {} : { "content-type": contentType, "content-length": String(Buffer.byteLength(text)) };
    const request = httpsRequest(`${access.url}${path}`, {
      method,
      agent,
      headers: { accept: "application/json", ...authorization, ...length, ...headers },
    });
    request.end(text);
    return request;
  };
  const tool = (name: string, kubeconfigFlag: string) => {
    const binary = realBinary(name);
    if (!binary) return undefined;
    return (args: readonly string[], input = "") =>
      new Promise<ToolResult>((resolve) => {
        const child = execFile(
          binary,
          [kubeconfigFlag, access.kubeconfigPath, ...args],
          { timeout: 25_000 },
          (error, stdout, stderr) =>
            resolve({ code: error ? (typeof error.code === "number" ? error.code : 1) : 0, stdout, stderr }),
        );
        child.stdin?.end(input);
      });
  };
  return {
    name: access.name,
    fluxDefinitions: access.fluxDefinitions,
    kubectl: tool("kubectl", "--kubeconfig"),
    flux: tool("flux", "--kubeconfig"),
    close: () => agent.destroy(),
    request: (path, options = {}) =>
      new Promise((resolve, reject) => {
        const request = send(path, options);
        request.on("error", reject);
        request.on("response", (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("error", reject);
          response.on("end", () => {
            const text = Buffer.concat(chunks).toString("utf8");
            const isJson = response.headers["content-type"]?.startsWith("application/json");
            const warnings = [...(response.headers.warning?.matchAll(/299 - "((?:[^"\\]|\\.)*)"/g) ?? [])].map(
              ([, warning = ""]) => warning.replaceAll('\\"', '"'),
            );
            resolve({ status: response.statusCode ?? 0, body: isJson ? JSON.parse(text) : text, warnings });
          });
        });
      }),
    watch: (path, count) =>
      new Promise((resolve, reject) => {
        const lines: WatchLine[] = [];
        const request = send(path, {});
        const finish = (): void => {
          clearTimeout(timer);
          request.destroy();
          resolve(lines);
        };
        const timer = setTimeout(finish, WATCH_PATIENCE_MS);
        request.on("error", (error) => (lines.length > 0 ? finish() : reject(error)));
        request.on("response", (response) => {
          let rest = "";
          response.on("data", (chunk: Buffer) => {
            const parts = (rest + chunk.toString("utf8")).split("\n");
            rest = parts.pop() ?? "";
            lines.push(...parts.filter(Boolean).map((part) => JSON.parse(part) as WatchLine));
            if (lines.length >= count) finish();
          });
          response.on("end", finish);
          response.on("error", finish);
        });
      }),
  };
}
