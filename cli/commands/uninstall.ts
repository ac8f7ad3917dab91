/**
 * `uninstall`: takes the engine and Flux's API out of a cluster and leaves every workload running. Objects are suspended
 * before their finalizers go, so that no run under way takes their deletion for a request to prune.
 */
import { groupOf, refOf, subject, type KubeObject } from "../../shared/api/kube-object.ts";
import { KubeError } from "../../shared/kubernetes/cluster.ts";
import { type Deletion, deleteOne, deleteOwn, dry, listServed } from "../delete-own.ts";
import { eachCluster } from "../each-cluster.ts";
import { fluxKinds } from "../kinds.ts";
import { CommandError, type CliPorts, type NamedCluster } from "../ports.ts";
import { createSay } from "../say.ts";

export interface UninstallOptions {
  readonly namespace: string;
  readonly dryRun?: boolean;
  readonly keepNamespace?: boolean;
  /** Does not ask. */
  readonly silent?: boolean;
  readonly timeoutMillis: number;
}

interface Step extends Deletion {
  readonly ports: CliPorts;
  readonly options: UninstallOptions;
}

const partOfFlux = "app.kubernetes.io/part-of=flux";
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
  const { keepNamespace = false, namespace, dryRun = false } = options;
  const step: Step = { ports, cluster: named.cluster, say: createSay(ports, named), dryRun, options };
  const { say } = step;

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
  if (!dryRun) say.warning("remove the cluster from the fleet, or its engine will set it up again");
  say.success("uninstall finished");
}

async function eachFluxObject(step: Step, act: (step: Step, object: KubeObject) => Promise<void>): Promise<void> {
  for (const { apiVersion, kind } of fluxKinds)
    for (const object of await listServed(step.cluster, apiVersion, kind)) await act(step, object);
}

async function suspendOne({ cluster, dryRun }: Step, object: KubeObject): Promise<void> {
  if (dryRun) return;
  await tolerateAbsence(cluster.mergePatch(refOf(object), { spec: { suspend: true } }, { fieldManager: "flux" }));
}

async function removeFinalizers({ cluster, say, dryRun }: Step, object: KubeObject): Promise<void> {
  if ((object.metadata.finalizers ?? []).length === 0) return;
  if (!dryRun)
    await tolerateAbsence(
      cluster.mergePatch(refOf(object), { metadata: { finalizers: null } }, { fieldManager: "flux" }),
    );
  say.success(`${subject(object)} finalizers deleted${dry(dryRun)}`);
}

async function deleteLabelled(step: Step, apiVersion: string, kind: string, labelSelector: string): Promise<void> {
  const namespaced = !kind.startsWith("Cluster");
  const listed = await listServed(step.cluster, apiVersion, kind, labelSelector);
  for (const object of listed.filter(({ metadata }) => !namespaced || metadata.namespace === step.options.namespace))
    await deleteOne(step, refOf(object));
}

/**
 * A definition goes when its last object has gone. A run that was under way may have put a finalizer back, so they are
 * removed until all definitions are gone: else their objects, and the namespace, would hang for ever.
 */
async function deleteDefinitions(step: Step): Promise<void> {
  const { ports, options, dryRun } = step;
  const apiVersion = "apiextensions.k8s.io/v1";
  const kind = "CustomResourceDefinition";
  const find = async () =>
    (await listServed(step.cluster, apiVersion, kind, partOfFlux)).filter(({ metadata }) =>
      groupOf(`${metadata.name.slice(metadata.name.indexOf(".") + 1)}/`).endsWith("fluxcd.io"),
    );
  for (const definition of await find()) await deleteOne(step, refOf(definition));
  if (dryRun) return;
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

async function tolerateAbsence(request: Promise<unknown>): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (!(error instanceof KubeError && error.reason === "NotFound")) throw error;
  }
}
