/** Where a Kustomization's objects live, and as whom they are applied: its own cluster, or the one of its `kubeConfig`. */
import type { Kustomization } from "../api/kustomization.ts";
import { type Cluster, KubeError } from "../kubernetes/cluster.ts";
import { serverOf } from "../kubernetes/server-of.ts";
import type { Spoke } from "../kubernetes/spokes.ts";
import { controllerUser } from "../bootstrap/names.ts";
import { openKubeConfig } from "./kube-config.ts";
import type { Announcer, KustomizePorts } from "./ports.ts";
import { serviceAccountOf } from "./service-account.ts";

export interface Target {
  /** kube-system uid of its API server: what is known of applied objects is known of that one. */
  readonly server: string;
  /** As the object's ServiceAccount, or else as whoever Flux is there: everything that is applied and deleted. */
  readonly applier: Cluster;
  /** Wakes Flux objects that were applied; undefined where they are no business of this engine. */
  readonly announcer: Pick<Announcer, "trigger"> | undefined;
}

/**
 * @param own the Kustomization's own cluster, as Flux's controller
 * @throws ReconcileError ReconciliationFailed when its `kubeConfig` leads nowhere
 */
export async function openTarget(kustomization: Kustomization, own: Cluster, ports: KustomizePorts): Promise<Target> {
  const { kubeConfig } = kustomization.spec;
  const { namespace } = kustomization.metadata;
  const user = userOf(kustomization, ports);
  if (!kubeConfig) {
    const applier = user === undefined ? own : ports.cluster.as(user);
    return { server: ports.server, applier, announcer: ports.announcer };
  }
  const { spokes, settings } = ports;
  const spoke = await openKubeConfig(kubeConfig, namespace, { hub: own, spokes, settings });
  // The role of a member may only impersonate where the cluster is locked down.
  const asFlux = spoke.member === undefined ? spoke.cluster : spoke.cluster.as(controllerUser("kustomize-controller"));
  return {
    server: await spokeServer(spoke, asFlux),
    applier: user === undefined ? asFlux : spoke.cluster.as(user),
    announcer: spoke.member === undefined ? undefined : ports.announcerOf(spoke.member),
  };
}

function userOf(kustomization: Kustomization, { settings }: Pick<KustomizePorts, "settings">): string | undefined {
  const account = serviceAccountOf(kustomization, settings);
  return account === undefined ? undefined : `system:serviceaccount:${kustomization.metadata.namespace}:${account}`;
}

/** Who may not look at `kube-system` still applies; then the way in stands for the server. */
export async function spokeServer({ identity }: Spoke, cluster: Cluster): Promise<string> {
  try {
    return await serverOf(cluster);
  } catch (error) {
    if (error instanceof KubeError && error.reason === "Forbidden") return `by ${identity}`;
    throw error;
  }
}
