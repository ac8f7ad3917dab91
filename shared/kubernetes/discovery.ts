/** Where a kind lives in the API. Built-in kinds are known without asking; the rest comes from aggregated discovery. */
import { groupOf, versionOf } from "../api/kube-object.ts";
import { type Clock, systemClock } from "../runtime/clock.ts";
import { type ApiResource, KubeError } from "./cluster.ts";

type Fetch = (path: string, accept: string) => Promise<unknown>;
type Kinds = Map<string, ApiResource>;

export interface Discovery {
  /** @throws KubeError NoMatch */
  find(apiVersion: string, kind: string): Promise<ApiResource>;
  /** A definition of this group is gone or may have changed: its kinds are looked for afresh. */
  forget(group: string): void;
  /** A definition of this group was written: its kinds are looked for afresh, and waited for a moment. */
  expect(group: string): void;
}

const aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
/** A kind that is not there is not looked for again within this time: a stage may hold hundreds of them. */
const missMillis = 1000;

/** A definition that is established is in the discovery documents a moment later, on another API server later still. */
const pausesMillis = [25, 50, 100, 200, 400, 800, 1600];

/** @param clock tells how long ago a kind was missed, and pauses while a new one is waited for */
export function createDiscovery(fetch: Fetch, clock: Pick<Clock, "now" | "sleep"> = systemClock): Discovery {
  const known: Kinds = new Map();
  const missedAt = new Map<string, number>();
  const expected = new Set<string>();
  const running = new Map<string, Promise<void>>();
  let isComplete = false;

  /** Everybody who needs the same document waits for one request. */
  const once = (key: string, work: () => Promise<void>): Promise<void> => {
    const current = running.get(key) ?? work().finally(() => running.delete(key));
    running.set(key, current);
    return current;
  };
  const readAll = async () => {
    await discover(fetch, known);
    isComplete = true;
  };

  /** Reads one version's document, again and again while a definition of its group is expected to show in it. */
  const look = async (apiVersion: string, isFound: () => boolean) => {
    const read = () => once(apiVersion, () => readVersion(fetch, known, apiVersion));
    const group = groupOf(apiVersion);
    await read();
    for (const pause of pausesMillis) {
      if (isFound() || !expected.has(group)) return;
      await clock.sleep(pause);
      await read();
    }
    if (!isFound()) expected.delete(group);
  };
  const forget = (group: string) => {
    for (const [name, resource] of known) if (resource.group === group) known.delete(name);
    for (const name of missedAt.keys()) if (name.startsWith(`${group}/`)) missedAt.delete(name);
  };

  return {
    async find(apiVersion, kind) {
      const name = `${apiVersion} ${kind}`;
      const get = () => builtIn.get(name) ?? known.get(name);
      if (!get() && !isComplete) await once("", readAll);
      const missed = missedAt.get(name);
      const isFresh = missed !== undefined && clock.now() - missed < missMillis;
      // A definition that was just established is in its own group's document before it is in the aggregated one.
      if (!get() && !isFresh) await look(apiVersion, () => get() !== undefined);
      const found = get();
      if (found) return found;
      missedAt.set(name, isFresh ? missed : clock.now());
      throw new KubeError(404, "NoMatch", `no matches for kind "${kind}" in version "${apiVersion}"`);
    },
    forget(group) {
      forget(group);
      expected.delete(group);
    },
    expect(group) {
      forget(group);
      expected.add(group);
    },
  };
}

interface Aggregated {
  readonly items?: readonly {
    readonly metadata?: { readonly name?: string };
    readonly versions?: readonly {
      readonly version: string;
      readonly resources?: readonly {
        readonly resource: string;
        readonly responseKind?: { readonly kind?: string };
        readonly scope?: string;
      }[];
    }[];
  }[];
}

async function discover(fetch: Fetch, found: Kinds): Promise<void> {
  const read = async (path: string) => {
    const answer = (await fetch(path, aggregated)) as Aggregated & Groups;
    if (!answer.items) await addGroups(found, answer, fetch);
    for (const { metadata, versions = [] } of answer.items ?? [])
      for (const { version, resources = [] } of versions)
        for (const { resource, responseKind, scope } of resources)
          if (responseKind?.kind)
            add(found, metadata?.name ?? "", version, responseKind.kind, resource, scope === "Namespaced");
  };
  await Promise.all([read("/api"), read("/apis")]);
}

interface Groups {
  readonly versions?: readonly string[];
  readonly groups?: readonly { readonly versions: readonly { readonly groupVersion: string }[] }[];
}

/** Servers without aggregated discovery list the groups, and each version apart. */
async function addGroups(found: Kinds, answer: Groups, fetch: Fetch): Promise<void> {
  const versions =
    answer.versions ?? (answer.groups ?? []).flatMap((group) => group.versions.map((v) => v.groupVersion));
  for (const version of versions) await readVersion(fetch, found, version);
}

/** A version that is not served has no kinds; neither has one whose own API server is down. */
async function readVersion(fetch: Fetch, found: Kinds, apiVersion: string): Promise<void> {
  const path = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  try {
    const list = (await fetch(path, "application/json")) as {
      resources?: readonly { name: string; kind: string; namespaced: boolean }[];
    };
    for (const { name, kind, namespaced } of list.resources ?? [])
      if (!name.includes("/")) add(found, groupOf(apiVersion), versionOf(apiVersion), kind, name, namespaced);
  } catch (error) {
    if (!(error instanceof KubeError) || (error.code !== 404 && error.code !== 503)) throw error;
  }
}

function add(found: Kinds, group: string, version: string, kind: string, plural: string, namespaced: boolean): void {
  const name = `${group === "" ? version : `${group}/${version}`} ${kind}`;
  if (!found.has(name)) found.set(name, { group, version, kind, plural, namespaced });
}

/** Served by every supported Kubernetes under these names; a request saved each time a worker starts. */
const builtIn = new Map<string, ApiResource>();

function declare(apiVersion: string, namespaced: boolean, kinds: Readonly<Record<string, string>>): void {
  for (const [kind, plural] of Object.entries(kinds))
    builtIn.set(`${apiVersion} ${kind}`, {
      group: groupOf(apiVersion),
      version: versionOf(apiVersion),
      kind,
      plural,
      namespaced,
    });
}

declare("v1", false, { Namespace: "namespaces", Node: "nodes", PersistentVolume: "persistentvolumes" });
declare("v1", true, {
  ConfigMap: "configmaps",
  Endpoints: "endpoints",
  Event: "events",
  LimitRange: "limitranges",
  PersistentVolumeClaim: "persistentvolumeclaims",
  Pod: "pods",
  ResourceQuota: "resourcequotas",
  Secret: "secrets",
  Service: "services",
  ServiceAccount: "serviceaccounts",
});
declare("apps/v1", true, {
  DaemonSet: "daemonsets",
  Deployment: "deployments",
  ReplicaSet: "replicasets",
  StatefulSet: "statefulsets",
});
declare("batch/v1", true, { CronJob: "cronjobs", Job: "jobs" });
declare("autoscaling/v2", true, { HorizontalPodAutoscaler: "horizontalpodautoscalers" });
declare("policy/v1", true, { PodDisruptionBudget: "poddisruptionbudgets" });
declare("networking.k8s.io/v1", true, { Ingress: "ingresses", NetworkPolicy: "networkpolicies" });
declare("networking.k8s.io/v1", false, { IngressClass: "ingressclasses" });
declare("rbac.authorization.k8s.io/v1", true, { Role: "roles", RoleBinding: "rolebindings" });
declare("rbac.authorization.k8s.io/v1", false, {
  ClusterRole: "clusterroles",
  ClusterRoleBinding: "clusterrolebindings",
});
declare("apiextensions.k8s.io/v1", false, { CustomResourceDefinition: "customresourcedefinitions" });
declare("admissionregistration.k8s.io/v1", false, {
  MutatingWebhookConfiguration: "mutatingwebhookconfigurations",
  ValidatingAdmissionPolicy: "validatingadmissionpolicies",
  ValidatingAdmissionPolicyBinding: "validatingadmissionpolicybindings",
  ValidatingWebhookConfiguration: "validatingwebhookconfigurations",
});
declare("coordination.k8s.io/v1", true, { Lease: "leases" });
declare("storage.k8s.io/v1", false, { StorageClass: "storageclasses" });
declare("scheduling.k8s.io/v1", false, { PriorityClass: "priorityclasses" });
