/**
 * `uninstall`: takes the engine and Flux's API out of a cluster and leaves every workload running. Objects are suspended
 * before their finalizers go, so that no run under way takes their deletion for a request to prune.
 */
import { groupOf, refOf, subject, type KubeObject, type ObjectRef } from "../../shared/api/kube-object.ts";
import { fluxNamespace } from "../../shared/bootstrap/names.ts";
import { ownershipRef } from "../../shared/bootstrap/ownership.ts";
import { KubeError, type Cluster } from "../../shared/kubernetes/cluster.ts";
import { eachCluster } from "../each-cluster.ts";
import { fluxKinds } from "../kinds.ts";
import { CommandError, type CliPorts, type NamedCluster } from "../ports.ts";
import { createSay, type Say } from "../say.ts";

export interface UninstallOptions {
  readonly namespace: string;
  readonly dryRun?: boolean;
  readonly keepNamespace?: boolean;
  /** Leaves Flux's definitions, objects and components for an engine that follows; only our own objects go. */
  readonly handBack?: boolean;
  /** Does not ask. */
  readonly silent?: boolean;
  readonly timeoutMillis: number;
}

interface Step {
  readonly ports: CliPorts;
  readonly cluster: Cluster;
  readonly say: Say;
  readonly options: UninstallOptions;
}

const partOfFlux = "app.kubernetes.io/part-of=flux";
const managedByUs = "app.kubernetes.io/managed-by=driftless";
const definitionPollMillis = 500;

/** What `part-of=flux` marks, in the order of deletion: what runs first, what it may do last. */
const components: readonly (readonly [apiVersion: string, kind: string])[] = [
  ["apps/v1", "Deployment"],
  ["v1", "Service"],
  ["networking.k8s.io/v1", "NetworkPolicy"],
  ["v1", "ServiceAccount"],
  ["rbac.authorization.k8s.io/v1", "ClusterRole"],
  ["rbac.authorization.k8s.io/v1", "ClusterRoleBinding"],
];

/** @throws CommandError when the person says no, or something could not be deleted */
export async function uninstall(ports: CliPorts, options: UninstallOptions): Promise<void> {
  const { dryRun = false, silent = false } = options;
  const names = ports.clusters.map(({ name }) => name).join(", ");
  if (!dryRun && !silent && !(await ports.confirm(`Are you sure you want to uninstall from ${names}`)))
    throw new CommandError("aborting");
  const { requireAll } = await eachCluster(ports, (named) => uninstallFrom(ports, named, options));
  requireAll();
}

async function uninstallFrom(ports: CliPorts, named: NamedCluster, options: UninstallOptions): Promise<void> {
  const { handBack = false, keepNamespace = false, namespace, dryRun = false } = options;
  const step: Step = { ports, cluster: named.cluster, say: createSay(ports, named), options };
  const { say } = step;

  if (handBack) await deleteOwn(step);
  else {
    say.action("suspending Flux objects in all namespaces");
    await eachFluxObject(step, suspendOne);
    say.action(`deleting components in ${namespace} namespace`);
    for (const [apiVersion, kind] of components) await deleteLabelled(step, apiVersion, kind, partOfFlux);
    await deleteOwn(step);
    say.action("deleting toolkit.fluxcd.io finalizers in all namespaces");
    await eachFluxObject(step, removeFinalizers);
    say.action("deleting toolkit.fluxcd.io custom resource definitions");
    await deleteDefinitions(step);
    if (!keepNamespace) await deleteOne(step, { apiVersion: "v1", kind: "Namespace", name: namespace });
  }
  if (!dryRun) say.warning("remove the cluster from the fleet, or its engine will set it up again");
  say.success("uninstall finished");
}

/** The ownership object first: it is what tells other engines to keep away. */
async function deleteOwn(step: Step): Promise<void> {
  await deleteOne(step, { ...ownershipRef, namespace: fluxNamespace });
  for (const kind of ["ClusterRoleBinding", "ClusterRole"])
    await deleteLabelled(step, "rbac.authorization.k8s.io/v1", kind, managedByUs);
}

async function eachFluxObject(step: Step, act: (step: Step, object: KubeObject) => Promise<void>): Promise<void> {
  for (const { apiVersion, kind } of fluxKinds)
    for (const object of await listServed(step, apiVersion, kind)) await act(step, object);
}

async function suspendOne({ cluster, options }: Step, object: KubeObject): Promise<void> {
  if (options.dryRun) return;
  await tolerateAbsence(cluster.mergePatch(refOf(object), { spec: { suspend: true } }, { fieldManager: "flux" }));
}

async function removeFinalizers({ cluster, say, options }: Step, object: KubeObject): Promise<void> {
  if ((object.metadata.finalizers ?? []).length === 0) return;
  if (!options.dryRun)
    await tolerateAbsence(
      cluster.mergePatch(refOf(object), { metadata: { finalizers: null } }, { fieldManager: "flux" }),
    );
  say.success(`${subject(object)} finalizers deleted${dry(options)}`);
}

async function deleteLabelled(step: Step, apiVersion: string, kind: string, labelSelector: string): Promise<void> {
  const namespaced = !kind.startsWith("Cluster");
  const listed = await listServed(step, apiVersion, kind, labelSelector);
  for (const object of listed.filter(({ metadata }) => !namespaced || metadata.namespace === step.options.namespace))
    await deleteOne(step, refOf(object));
}

/**
 * A definition goes when its last object has gone. A run that was under way may have put a finalizer back, so they are
 * removed until all definitions are gone: else their objects, and the namespace, would hang for ever.
 */
async function deleteDefinitions(step: Step): Promise<void> {
  const { ports, options } = step;
  const apiVersion = "apiextensions.k8s.io/v1";
  const kind = "CustomResourceDefinition";
  const find = async () =>
    (await listServed(step, apiVersion, kind, partOfFlux)).filter(({ metadata }) =>
      groupOf(`${metadata.name.slice(metadata.name.indexOf(".") + 1)}/`).endsWith("fluxcd.io"),
    );
  for (const definition of await find()) await deleteOne(step, refOf(definition));
  if (options.dryRun) return;
  const deadline = ports.clock.now() + options.timeoutMillis;
  for (;;) {
    const left = await find();
    if (left.length === 0) return;
    if (ports.clock.now() >= deadline) {
      const names = left.map(({ metadata }) => metadata.name).join(", ");
      throw new CommandError(`definitions are still there: ${names}; run uninstall again`);
    }
    await eachFluxObject(step, removeFinalizers);
    await ports.clock.sleep(definitionPollMillis, ports.signal);
  }
}

async function deleteOne({ cluster, say, options }: Step, ref: ObjectRef): Promise<void> {
  const target = subject({ kind: ref.kind, metadata: ref });
  if (!options.dryRun && (await cluster.delete(ref, { propagation: "Background" })) === "absent") return;
  if (options.dryRun && !(await cluster.get(ref))) return;
  say.success(`${target} deleted${dry(options)}`);
}

const dry = ({ dryRun = false }: UninstallOptions): string => (dryRun ? " (dry run)" : "");

/** Nothing, where the API server does not know the kind. */
async function listServed({ cluster }: Step, apiVersion: string, kind: string, labelSelector?: string) {
  try {
    const { items } = await cluster.list(apiVersion, kind, labelSelector === undefined ? {} : { labelSelector });
    return items;
  } catch (error) {
    if (error instanceof KubeError && ["NoMatch", "NotFound"].includes(error.reason)) return [];
    throw error;
  }
}

async function tolerateAbsence(request: Promise<unknown>): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (!(error instanceof KubeError && error.reason === "NotFound")) throw error;
  }
}
