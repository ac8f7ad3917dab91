/** Which kinds the sandbox serves: the built-in ones (a table) and those of the stored custom resource definitions. */
import { customResources } from "./custom-resources.ts";
import type { Obj } from "./json.ts";
import { builtinSchema, type Schema } from "./schema.ts";

export interface Column {
  readonly name: string;
  readonly type: string;
  readonly jsonPath: string;
  readonly description?: string;
  readonly priority?: number;
  readonly format?: string;
}

export interface Resource {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly listKind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly schema: Schema;
  /** The table of the store; versions of a group share it. */
  readonly storage: string;
  readonly hasStatus: boolean;
  /** JSON paths of the scale subresource. */
  readonly scale?: { readonly spec: string; readonly status: string; readonly selector?: string };
  /** Whether `metadata.generation` counts changes of the spec. */
  readonly counted: boolean;
  /** Set for kinds of a custom resource definition. */
  readonly custom?: { readonly columns: readonly Column[]; readonly definition: string };
}

export const apiVersionOf = (resource: { group: string; version: string }): string =>
  resource.group ? `${resource.group}/${resource.version}` : resource.version;

/** kind plural group/version scope; flags: s(tatus), r(eplicas: scale), g(eneration); then short names and categories. */
const TABLE = `
Namespace namespaces v1 cluster s ns
ConfigMap configmaps v1 namespaced - cm
Secret secrets v1 namespaced -
Service services v1 namespaced s svc all
ServiceAccount serviceaccounts v1 namespaced - sa
Pod pods v1 namespaced sg po all
Event events v1 namespaced - ev
Endpoints endpoints v1 namespaced - ep
PersistentVolumeClaim persistentvolumeclaims v1 namespaced s pvc
PersistentVolume persistentvolumes v1 cluster s pv
ResourceQuota resourcequotas v1 namespaced s quota
LimitRange limitranges v1 namespaced - limits
Node nodes v1 cluster s no
ReplicationController replicationcontrollers v1 namespaced srg rc all
PodTemplate podtemplates v1 namespaced g
Deployment deployments apps/v1 namespaced srg deploy all
StatefulSet statefulsets apps/v1 namespaced srg sts all
DaemonSet daemonsets apps/v1 namespaced sg ds all
ReplicaSet replicasets apps/v1 namespaced srg rs all
ControllerRevision controllerrevisions apps/v1 namespaced -
Job jobs batch/v1 namespaced sg - all
CronJob cronjobs batch/v1 namespaced sg cj all
HorizontalPodAutoscaler horizontalpodautoscalers autoscaling/v2 namespaced s hpa all
PodDisruptionBudget poddisruptionbudgets policy/v1 namespaced sg pdb
Ingress ingresses networking.k8s.io/v1 namespaced sg ing
IngressClass ingressclasses networking.k8s.io/v1 cluster g
NetworkPolicy networkpolicies networking.k8s.io/v1 namespaced g netpol
Role roles rbac.authorization.k8s.io/v1 namespaced -
RoleBinding rolebindings rbac.authorization.k8s.io/v1 namespaced -
ClusterRole clusterroles rbac.authorization.k8s.io/v1 cluster -
ClusterRoleBinding clusterrolebindings rbac.authorization.k8s.io/v1 cluster -
Event events events.k8s.io/v1 namespaced - ev
Lease leases coordination.k8s.io/v1 namespaced -
EndpointSlice endpointslices discovery.k8s.io/v1 namespaced g
StorageClass storageclasses storage.k8s.io/v1 cluster - sc
PriorityClass priorityclasses scheduling.k8s.io/v1 cluster 1 pc
CustomResourceDefinition customresourcedefinitions apiextensions.k8s.io/v1 cluster sg crd,crds api-extensions
`;

/** Kinds that change how other requests are judged: known by name, and refused. */
export const REFUSED: Readonly<Record<string, string>> = {
  "admissionregistration.k8s.io": "admission webhooks and admission policies",
  "apiregistration.k8s.io": "aggregated API servers",
  "certificates.k8s.io": "certificate signing",
  "resource.k8s.io": "dynamic resource allocation",
};

const SCHEMA_GROUPS: Readonly<Record<string, string>> = {
  "": "io.k8s.api.core",
  "networking.k8s.io": "io.k8s.api.networking",
  "rbac.authorization.k8s.io": "io.k8s.api.rbac",
  "events.k8s.io": "io.k8s.api.events",
  "coordination.k8s.io": "io.k8s.api.coordination",
  "discovery.k8s.io": "io.k8s.api.discovery",
  "storage.k8s.io": "io.k8s.api.storage",
  "scheduling.k8s.io": "io.k8s.api.scheduling",
  "apiextensions.k8s.io": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions",
};

export const schemaName = ({ group, version, kind }: { group: string; version: string; kind: string }): string =>
  `${SCHEMA_GROUPS[group] ?? `io.k8s.api.${group}`}.${version}.${kind}`;

function parseLine(line: string): Resource {
  const [kind = "", plural = "", apiVersion = "", scope, flags = "", shortNames = "-", categories = ""] =
    line.split(" ");
  const [version = "", group = ""] = apiVersion.split("/").reverse();
  return {
    group,
    version,
    kind,
    listKind: `${kind}List`,
    plural,
    singular: kind.toLowerCase(),
    shortNames: shortNames === "-" ? [] : shortNames.split(","),
    categories: categories ? categories.split(",") : [],
    namespaced: scope === "namespaced",
    schema: { $ref: schemaName({ group, version, kind }) },
    storage: kind === "Event" ? "/events" : `${group}/${plural}`,
    hasStatus: flags.includes("s"),
    counted: flags.includes("g"),
    ...(flags.includes("r")
      ? { scale: { spec: ".spec.replicas", status: ".status.replicas", selector: ".status.selector" } }
      : {}),
  };
}

export const BUILTIN: readonly Resource[] = TABLE.trim()
  .split("\n")
  .map(parseLine)
  .filter((resource) => builtinSchema(schemaName(resource)) !== undefined);

export interface Registry {
  /** Every kind served now, built-in ones first. */
  all(): readonly Resource[];
  find(group: string, version: string, plural: string): Resource | undefined;
  /** Some version of the resource of a store table. */
  byStorage(storage: string): Resource | undefined;
  byKind(apiVersion: string, kind: string): Resource | undefined;
}

/** `definitions` are the stored CustomResourceDefinitions; they are read again when one of them changed. */
export function createRegistry(definitions: () => readonly Obj[]): Registry {
  let seen: readonly Obj[] = [];
  let custom: readonly Resource[] = [];
  const all = (): readonly Resource[] => {
    const now = definitions();
    if (now.length !== seen.length || now.some((definition, index) => definition !== seen[index])) {
      seen = now;
      custom = now.flatMap(customResources);
    }
    return [...BUILTIN, ...custom];
  };
  return {
    all,
    find: (group, version, plural) =>
      all().find((r) => r.group === group && r.version === version && r.plural === plural),
    byStorage: (storage) => all().find((resource) => resource.storage === storage),
    byKind: (apiVersion, kind) =>
      all().find((resource) => resource.kind === kind && apiVersionOf(resource) === apiVersion),
  };
}
