/**
 * Decides which clusters a command is for, in this order: a kubeconfig that was named, a fleet file that was named, the
 * engine that runs on this machine, `fleet.json` beside us, the kubeconfig's current context.
 */
import { readFile } from "node:fs/promises";

import { groupOf } from "../shared/api/kube-object.ts";
import type { FleetCluster } from "../shared/config/fleet.ts";
import { formatFindings, parseFleet } from "../shared/config/parse-fleet.ts";
import { listDriftRecords } from "../shared/drift/records.ts";
import { createCluster } from "../shared/kubernetes/create-cluster.ts";
import { connectKubeconfig } from "../shared/kubernetes/kubeconfig.ts";
import { formatKey } from "../shared/lease/message.ts";
import type { Environment } from "../shared/runtime/environment.ts";
import { CommandError, type CliPorts, type NamedCluster } from "./ports.ts";
import type { ConnectionOptions } from "./program-ports.ts";
import { readRunFile, type RunFile } from "./run-file.ts";

export type Connected = Pick<CliPorts, "clusters" | "trigger" | "drifts" | "fetchArtifact">;

const fleetFile = "fleet.json";

/** @throws CommandError when a file is not what it should be or a named cluster is not in the fleet */
export async function connect(options: ConnectionOptions, environment: Environment): Promise<Connected> {
  const { kubeconfig, context, fleet } = options;
  const ofCluster = async () => ({ clusters: [await fromKubeconfig(options)], fetchArtifact: fetchWith(environment) });
  if (kubeconfig !== undefined || context !== undefined) return ofCluster();
  if (fleet !== undefined) return withTrigger(await fromFleet(fleet, await readText(fleet), options), environment);
  const run = await readRunFile();
  if (run) return fromRun(run);
  const text = await readFile(fleetFile, "utf8").catch(() => undefined);
  if (text !== undefined) return withTrigger(await fromFleet(fleetFile, text, options), environment);
  return ofCluster();
}

const fetchWith = (environment: Environment) => async (url: string) => {
  const { fetchAsCaller } = await import("../shared/aws/caller.ts");
  return await fetchAsCaller(environment, url);
};

async function fromKubeconfig({ kubeconfig, context }: ConnectionOptions): Promise<NamedCluster> {
  const connection = await connectKubeconfig({ path: kubeconfig, context });
  return { name: context ?? "kubeconfig", cluster: createCluster(connection) };
}

async function fromRun(run: RunFile): Promise<Connected> {
  const connection = await connectKubeconfig({ path: run.kubeconfig, context: run.context });
  return withTrigger([{ name: run.cluster, cluster: createCluster(connection) }], run.environment);
}

async function fromFleet(path: string, text: string, { cluster: wanted = [] }: ConnectionOptions) {
  const parsed = parseFleet(text);
  if (!parsed.ok) throw new CommandError(`${path} is not a fleet: ${formatFindings(parsed.findings)}`);
  const members = selectClusters(parsed.fleet.clusters, wanted);
  const { openClusterAsCaller } = await import("../shared/aws/caller.ts");
  return members.map((member) => ({ name: member.name, cluster: lazily(() => openClusterAsCaller(member)) }));
}

/** Those that were named, or all. @throws CommandError naming the clusters that the fleet has */
export function selectClusters(clusters: readonly FleetCluster[], wanted: readonly string[]): readonly FleetCluster[] {
  const names = clusters.map(({ name }) => name);
  const unknown = wanted.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new CommandError(`no cluster "${unknown}" in the fleet, it has ${names.join(", ")}`);
  return wanted.length === 0 ? clusters : clusters.filter(({ name }) => wanted.includes(name));
}

async function withTrigger(clusters: readonly NamedCluster[], environment: Environment): Promise<Connected> {
  const { createCallerTable, createCallerTrigger, engineVariables } = await import("../shared/aws/caller.ts");
  const fetchArtifact = fetchWith(environment);
  if (!environment.DRIFTLESS_TABLE) return { clusters, fetchArtifact };
  const table = createCallerTable(environment);
  const drifts = (cluster: string) => listDriftRecords(table, cluster);
  if (!engineVariables.every((name) => environment[name])) return { clusters, drifts, fetchArtifact };
  const trigger = createCallerTrigger(environment);
  return {
    clusters,
    drifts,
    fetchArtifact,
    trigger: async (cluster, { apiVersion, kind, namespace = "", name }, why) =>
      trigger(formatKey({ cluster, group: groupOf(apiVersion), kind, namespace, name }), why),
  };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new CommandError(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Connects at the first request, so that one cluster out of reach fails its own requests only. */
function lazily(open: () => Promise<NamedCluster["cluster"]>): NamedCluster["cluster"] {
  let opened: Promise<NamedCluster["cluster"]> | undefined;
  const cluster = () => (opened ??= open());
  return {
    resource: async (...args) => (await cluster()).resource(...args),
    get: async (...args) => (await cluster()).get(...args),
    list: async (...args) => (await cluster()).list(...args),
    create: async (...args) => (await cluster()).create(...args),
    apply: async (...args) => (await cluster()).apply(...args),
    mergePatch: async (...args) => (await cluster()).mergePatch(...args),
    jsonPatch: async (...args) => (await cluster()).jsonPatch(...args),
    delete: async (...args) => (await cluster()).delete(...args),
    watch: async function* (...args) {
      yield* (await cluster()).watch(...args);
    },
    document: async (...args) => (await cluster()).document(...args),
    as: (user) => lazily(async () => (await cluster()).as(user)),
  };
}
