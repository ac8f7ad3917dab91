/** `trace`: who manages an object, from which source and revision, and how the last reconciliation ended. */
import type { KubeObject, ObjectRef } from "../../shared/api/kube-object.ts";
import { type Cluster, KubeError } from "../../shared/kubernetes/cluster.ts";
import { refOfKind, requireLive, requireOneCluster } from "../one-cluster.ts";
import { CommandError, type CliPorts } from "../ports.ts";
import { findKindByName } from "../resource-names.ts";
import { traceKustomization, traceRelease, type Named } from "./trace-report.ts";

export interface TraceOptions {
  readonly namespace: string;
  /** `kind name…`, or `kind/name…`; names alone with `kind` and `apiVersion`. */
  readonly arguments: readonly string[];
  readonly kind?: string | undefined;
  readonly apiVersion?: string | undefined;
}

/** @throws CommandError for arguments that name nothing; an object that cannot be traced is told on standard error */
export async function trace(ports: CliPorts, options: TraceOptions): Promise<void> {
  const { cluster } = requireOneCluster(ports);
  const refs = await refsOf(cluster, options, ports.signal);
  const objects = await findAll(cluster, refs, options, ports.signal);
  for (const [index, object] of objects.entries()) {
    const { kind, metadata } = object;
    try {
      ports.out(await traceObject(cluster, object, ports.signal));
    } catch (error) {
      if (!(error instanceof CommandError || error instanceof KubeError)) throw error;
      const place = `${kind}/${metadata.name} in namespace ${metadata.namespace ?? ""}`;
      ports.err(`failed to trace ${place}: ${error.message}\n`);
    }
    if (index < objects.length - 1) ports.out("---\n");
  }
}

async function refsOf(
  cluster: Cluster,
  { namespace, arguments: given, kind = "", apiVersion = "" }: TraceOptions,
  signal: AbortSignal | undefined,
): Promise<readonly ObjectRef[]> {
  const [first] = given;
  if (kind !== "" || apiVersion !== "") {
    if (first === undefined) throw new CommandError("object name is required");
    if (kind === "") throw new CommandError("object kind is required (--kind)");
    if (apiVersion === "") throw new CommandError("object apiVersion is required (--api-version)");
    return [
      await scoped(cluster, {
        apiVersion,
        kind: await properKind(cluster, apiVersion, kind, signal),
        namespace,
        name: first,
      }),
    ];
  }
  const pairs = pairsOf(given);
  const refs: ObjectRef[] = [];
  for (const { resource, name } of pairs)
    refs.push(await scoped(cluster, { ...(await findKindByName(cluster, resource, signal)), namespace, name }));
  return refs;
}

/** Flux takes `--kind deployment` too. */
async function properKind(cluster: Cluster, apiVersion: string, kind: string, signal?: AbortSignal): Promise<string> {
  try {
    return (await cluster.resource(apiVersion, kind)).kind;
  } catch (error) {
    if (!(error instanceof KubeError) || error.reason !== "NoMatch") throw error;
    const found = await findKindByName(cluster, kind, signal).catch(() => undefined);
    if (found?.apiVersion !== apiVersion)
      throw new KubeError(error.code, error.reason, `failed to find object: ${error.message}`);
    return found.kind;
  }
}

function pairsOf(given: readonly string[]): readonly { readonly resource: string; readonly name: string }[] {
  const usage = () => new CommandError("either `<resource>/<name>` or `<resource> <name>` is required as an argument");
  if (given.some((argument) => argument.includes("/")))
    return given.map((argument) => {
      const [resource = "", name = "", ...rest] = argument.split("/");
      if (resource === "" || name === "" || rest.length > 0) throw usage();
      return { resource, name };
    });
  const [resource, ...names] = given;
  if (resource === undefined || names.length === 0) throw usage();
  return names.map((name) => ({ resource, name }));
}

async function scoped(cluster: Cluster, { namespace, ...ref }: ObjectRef): Promise<ObjectRef> {
  const { namespaced } = await cluster.resource(ref.apiVersion, ref.kind);
  return namespaced && namespace !== undefined ? { ...ref, namespace } : ref;
}

async function findAll(
  cluster: Cluster,
  refs: readonly ObjectRef[],
  { kind, apiVersion }: TraceOptions,
  signal: AbortSignal | undefined,
): Promise<readonly KubeObject[]> {
  const prefix = kind !== undefined || apiVersion !== undefined ? "failed to find object: " : "";
  const objects: KubeObject[] = [];
  for (const ref of refs)
    try {
      const object = await requireLive(cluster, ref, signal);
      // Shown as it was given.
      objects.push(kind === undefined ? object : { ...object, kind });
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      throw new KubeError(error.code, error.reason, `${prefix}${error.message}`);
    }
  return objects;
}

const groups = {
  Kustomization: "kustomize.toolkit.fluxcd.io",
  HelmRelease: "helm.toolkit.fluxcd.io",
} as const;

async function traceObject(cluster: Cluster, object: KubeObject, signal?: AbortSignal): Promise<string> {
  const find = async (kind: string, ref: Named, what = kind): Promise<KubeObject> => {
    try {
      const wanted = refOfKind(kind, ref.namespace, ref.name);
      if (wanted) return await requireLive(cluster, wanted, signal);
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      throw new KubeError(error.code, error.reason, `failed to find ${what}: ${error.message}`);
    }
    throw new CommandError(`failed to find ${what}: no such kind`);
  };
  const kustomization = await findManager(cluster, object, groups.Kustomization, signal);
  if (kustomization)
    return traceKustomization(object, await find("Kustomization", kustomization, "kustomization"), find);
  const release = await findManager(cluster, object, groups.HelmRelease, signal);
  if (release) return traceRelease(object, await find("HelmRelease", release), find);
  throw new CommandError("object not managed by Flux");
}

/** By the labels of the object, or of the first of its owners that has them. */
async function findManager(
  cluster: Cluster,
  object: KubeObject,
  group: string,
  signal: AbortSignal | undefined,
): Promise<Named | undefined> {
  const { labels = {}, ownerReferences = [], namespace } = object.metadata;
  const name = labels[`${group}/name`];
  if (name) return { name, namespace: labels[`${group}/namespace`] ?? "" };
  for (const { apiVersion, kind, name: ownerName } of ownerReferences) {
    const owner = await readOwner(
      cluster,
      { apiVersion, kind, name: ownerName, ...(namespace ? { namespace } : {}) },
      signal,
    );
    if (!owner) return undefined;
    const found = await findManager(cluster, owner, group, signal);
    if (found || (owner.metadata.ownerReferences ?? []).length > 0) return found;
  }
  return undefined;
}

async function readOwner(cluster: Cluster, ref: ObjectRef, signal?: AbortSignal): Promise<KubeObject | undefined> {
  try {
    return await cluster.get(await scoped(cluster, ref), signal);
  } catch (error) {
    if (error instanceof KubeError) return undefined;
    throw error;
  }
}
