/** `.driftless/run.json`: what `npm start` writes while it runs, so that the command line finds the local engine. */
import { readFile } from "node:fs/promises";

import { isRecord } from "../shared/api/schema.ts";
import type { Environment } from "../shared/runtime/environment.ts";

export const runFilePath = ".driftless/run.json";

export interface RunFile {
  /** Kubeconfig of the cluster that the local engine serves. */
  readonly kubeconfig: string;
  readonly context?: string;
  /** Its name in the local fleet. */
  readonly cluster: string;
  /** The engine's table and queues, and credentials for the gateway, in the functions' own variables. */
  readonly environment: Environment;
  /** Directory with one `<function>.log` for each function. */
  readonly logs?: string;
}

/** Undefined when no engine runs here. */
export async function readRunFile(path = runFilePath): Promise<RunFile | undefined> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  return text === undefined ? undefined : parseRunFile(text);
}

/** Undefined for a file that another version wrote: it is then as good as absent. */
export function parseRunFile(text: string): RunFile | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(value) || typeof value.kubeconfig !== "string") return undefined;
  const { kubeconfig, context, cluster, gatewayUrl, environment, logs } = value;
  const given = isRecord(environment) ? Object.entries(environment) : [];
  return {
    kubeconfig,
    cluster: typeof cluster === "string" ? cluster : "local",
    environment: {
      ...(typeof gatewayUrl === "string" ? { AWS_ENDPOINT_URL: gatewayUrl } : {}),
      ...Object.fromEntries(given.filter((entry): entry is [string, string] => typeof entry[1] === "string")),
    },
    ...(typeof context === "string" ? { context } : {}),
    ...(typeof logs === "string" ? { logs } : {}),
  };
}
