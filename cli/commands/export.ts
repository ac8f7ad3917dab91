/** `export`: Flux's objects as manifests for a repository, without what only the cluster knows. */
import type { KubeObject } from "../../shared/api/kube-object.ts";
import { isRecord } from "../../shared/api/schema.ts";
import { stringAt } from "../../shared/health/fields.ts";
import type { Cluster } from "../../shared/kubernetes/cluster.ts";
import { findGoDuration, formatGoDuration } from "../../shared/runtime/go-duration.ts";
import type { FluxKind } from "../kinds.ts";
import { requireLive, requireOneCluster } from "../one-cluster.ts";
import { CommandError, type CliPorts } from "../ports.ts";
import { printGoYaml } from "../print/go-yaml.ts";

export interface ExportOptions {
  readonly namespace: string;
  readonly name?: string | undefined;
  readonly all: boolean;
  /** The Secret that a source refers to follows it. */
  readonly withCredentials: boolean;
}

/** @throws CommandError when nothing was named, or nothing is there */
export async function exportObjects(ports: CliPorts, kind: FluxKind, options: ExportOptions): Promise<void> {
  const { namespace, name, all, withCredentials } = options;
  if (!all && name === undefined) throw new CommandError("name is required");
  const { cluster } = requireOneCluster(ports);
  for (const object of await read(cluster, kind, options, ports.signal)) {
    ports.out(print(manifestOf(object, kind)));
    const secret = stringAt(object, ["spec", "secretRef", "name"], "");
    if (withCredentials && secret !== "")
      ports.out(print(await credentials(cluster, object.metadata.namespace ?? namespace, secret, ports.signal)));
  }
}

async function read(
  cluster: Cluster,
  { apiVersion, kind }: FluxKind,
  { namespace, name, all }: ExportOptions,
  signal?: AbortSignal,
): Promise<readonly KubeObject[]> {
  if (!all) return [await requireLive(cluster, { apiVersion, kind, namespace, name: name ?? "" }, signal)];
  const { items } = await cluster.list(apiVersion, kind, { namespace, ...(signal ? { signal } : {}) });
  if (items.length === 0) throw new CommandError(`no objects found in ${namespace} namespace`);
  return items;
}

const print = (manifest: unknown): string => `---\n${printGoYaml(manifest)}`;

function manifestOf({ metadata, spec }: KubeObject, { apiVersion, kind }: FluxKind) {
  const { name, namespace, labels, annotations } = metadata;
  return {
    apiVersion,
    kind,
    metadata: { name, namespace, labels: orNothing(labels), annotations: orNothing(annotations) },
    spec: isRecord(spec) ? withoutZeroValues(withDurations(spec)) : {},
  };
}

const orNothing = (map: Readonly<Record<string, string>> | undefined) =>
  map && Object.keys(map).length > 0 ? map : undefined;

/** Go writes a duration in its own form, however it was given. */
function withDurations(spec: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const written = (field: string, value: unknown): unknown => {
    const milliseconds = /^(?:interval|timeout|.*Interval)$/.test(field) ? findGoDuration(value) : undefined;
    if (milliseconds !== undefined) return formatGoDuration(milliseconds);
    return isRecord(value) ? withDurations(value) : value;
  };
  return Object.fromEntries(Object.entries(spec).map(([field, value]) => [field, written(field, value)]));
}

/** Fields that Go writes even when they hold nothing, and maps whose keys are the user's. */
const alwaysWritten = new Set(["prune"]);
const userMaps = new Set(["labels", "annotations", "matchLabels", "substitute", "values", "semver"]);

/** As Go leaves out fields that hold the zero value of their type. */
function withoutZeroValues(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const kept = Object.entries(fields)
    .map(([field, value]) => [field, userMaps.has(field) ? value : clean(value)] as const)
    .filter(([field, value]) => alwaysWritten.has(field) || !isZero(value));
  return Object.fromEntries(kept);
}

function clean(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => clean(item));
  return isRecord(value) ? withoutZeroValues(value) : value;
}

const isZero = (value: unknown): boolean =>
  value === false || value === "" || value === 0 || value === null || (Array.isArray(value) && value.length === 0);

/** @throws KubeError when the Secret cannot be read */
async function credentials(cluster: Cluster, namespace: string, name: string, signal?: AbortSignal) {
  const { data, type } = await requireLive(cluster, { apiVersion: "v1", kind: "Secret", namespace, name }, signal);
  return { apiVersion: "v1", kind: "Secret", metadata: { name, namespace }, data, type };
}
