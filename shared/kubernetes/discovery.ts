/** Where a kind lives in the API. Built-in kinds are known without asking; the rest comes from aggregated discovery. */
import { groupOf, versionOf } from "../api/kube-object.ts";
import { type ApiResource, KubeError } from "./cluster.ts";

type Fetch = (path: string, accept: string) => Promise<unknown>;

export interface Discovery {
  /** @throws KubeError NoMatch */
  find(apiVersion: string, kind: string): Promise<ApiResource>;
}

const aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
/** A kind that is not there is not looked for again within this time: a stage may hold hundreds of them. */
const missMillis = 1000;

export function createDiscovery(fetch: Fetch): Discovery {
  let known = new Map<string, ApiResource>();
  const misses = new Map<string, number>();
  let running: Promise<Map<string, ApiResource>> | undefined;

  const refresh = async () => {
    running ??= discover(fetch).finally(() => (running = undefined));
    known = await running;
  };

  return {
    async find(apiVersion, kind) {
      const name = `${apiVersion} ${kind}`;
      const present = builtIn.get(name) ?? known.get(name);
      if (present) return present;
      const missed = misses.get(name);
      if (missed === undefined || performance.now() - missed > missMillis) await refresh();
      const found = known.get(name);
      if (found) return found;
      misses.set(name, performance.now());
      throw new KubeError(404, "NoMatch", `no matches for kind "${kind}" in version "${apiVersion}"`);
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

async function discover(fetch: Fetch): Promise<Map<string, ApiResource>> {
  const found = new Map<string, ApiResource>();
  for (const path of ["/api", "/apis"]) {
    const answer = (await fetch(path, aggregated)) as Aggregated & Groups;
    if (!answer.items) await addGroups(found, path, answer, fetch);
    for (const { metadata, versions = [] } of answer.items ?? [])
      for (const { version, resources = [] } of versions)
        for (const { resource, responseKind, scope } of resources)
          if (responseKind?.kind)
            add(found, metadata?.name ?? "", version, responseKind.kind, resource, scope === "Namespaced");
  }
  return found;
}

interface Groups {
  readonly versions?: readonly string[];
  readonly groups?: readonly { readonly versions: readonly { readonly groupVersion: string }[] }[];
}

/** Servers without aggregated discovery list the groups, and each version apart. */
async function addGroups(found: Map<string, ApiResource>, path: string, answer: Groups, fetch: Fetch): Promise<void> {
  const versions = answer.versions ?? (answer.groups ?? []).flatMap((group) => group.versions.map((v) => v.groupVersion));
  for (const version of versions) {
    const list = (await fetch(`${path}/${version}`, "application/json")) as {
      resources?: readonly { name: string; kind: string; namespaced: boolean }[];
    };
    for (const { name, kind, namespaced } of list.resources ?? [])
      if (!name.includes("/")) add(found, groupOf(version), versionOf(version), kind, name, namespaced);
  }
}

function add(
  found: Map<string, ApiResource>,
  group: string,
  version: string,
  kind: string,
  plural: string,
  namespaced: boolean,
): void {
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
declare("coordination.k8s.io/v1", true, { Lease: "leases" });
declare("storage.k8s.io/v1", false, { StorageClass: "storageclasses" });
declare("scheduling.k8s.io/v1", false, { PriorityClass: "priorityclasses" });
