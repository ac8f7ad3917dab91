/** The way to a cluster from a kubeconfig; for laptops and tools, never on the path of an EKS cluster. */
import { readFile } from "node:fs/promises";

import { KubeError } from "./cluster.ts";
import type { Connection } from "./transport.ts";

/** How long what an exec plugin or a refreshed token gave is used again. */
const credentialMillis = 5 * 60_000;

export interface KubeconfigSource {
  /** Path of the file; the default locations where absent. */
  readonly path?: string | undefined;
  readonly text?: string | undefined;
  /** The current context where absent. */
  readonly context?: string | undefined;
}

/** @throws KubeError naming the context that is missing */
export async function connectKubeconfig({ path, text, context }: KubeconfigSource): Promise<Connection> {
  const { KubeConfig } = await import("./kubeconfig-reader.ts");
  const config = new KubeConfig();
  if (text !== undefined) config.loadFromString(text);
  else if (path !== undefined) config.loadFromString(await readFile(path, "utf8"));
  else config.loadFromDefault();
  if (path !== undefined) config.makePathsAbsolute(path.slice(0, path.lastIndexOf("/")) || ".");
  if (context !== undefined) config.setCurrentContext(context);
  const cluster = config.getCurrentCluster();
  if (!cluster)
    throw new KubeError(
      0,
      "NoContext",
      `kubeconfig has no context '${context ?? config.getCurrentContext()}' with a cluster`,
    );

  const read = async () => {
    const options: { ca?: unknown; cert?: unknown; key?: unknown; headers?: Record<string, string> } = { headers: {} };
    await config.applyToHTTPSOptions(options as Parameters<typeof config.applyToHTTPSOptions>[0]);
    return options;
  };
  const first = await read();
  let cached = { at: performance.now(), authorization: authorizationOf(first.headers) };
  const token = async () => {
    if (performance.now() - cached.at > credentialMillis)
      cached = { at: performance.now(), authorization: authorizationOf((await read()).headers) };
    return cached.authorization ?? "";
  };
  return {
    server: cluster.server.replace(/\/+$/, ""),
    ...pem("ca", first.ca),
    ...pem("clientCertificate", first.cert),
    ...pem("clientKey", first.key),
    ...(cluster.skipTLSVerify ? { insecure: true } : {}),
    ...(cached.authorization === undefined ? {} : { token }),
  };
}

function authorizationOf(headers: Record<string, string> = {}): string | undefined {
  const value = headers.Authorization ?? headers.authorization;
  return value?.replace(/^Bearer /i, "");
}

/** client-node gives text or bytes. */
function pem<Name extends string>(name: Name, value: unknown): Partial<Record<Name, string>> {
  const text = Buffer.isBuffer(value) ? value.toString("utf8") : value;
  return typeof text === "string" ? ({ [name]: text } as Partial<Record<Name, string>>) : {};
}
