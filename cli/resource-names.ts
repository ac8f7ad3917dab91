/** Names of kinds as people type them (`deploy`, `pods`, `helmrelease`, `certificates.cert-manager.io`). */
import { isRecord } from "../shared/api/schema.ts";
import { fieldAt, stringAt } from "../shared/health/fields.ts";
import type { Cluster } from "../shared/kubernetes/cluster.ts";
import { CommandError } from "./ports.ts";

export interface NamedKind {
  readonly apiVersion: string;
  readonly kind: string;
}

/** Built-in kinds with their short names; the plural is made by rule. */
const builtIn: Readonly<Record<string, string>> = {
  v1:
    "Pod:po Service:svc ConfigMap:cm Secret Namespace:ns Node:no ServiceAccount:sa PersistentVolume:pv " +
    "PersistentVolumeClaim:pvc Event:ev Endpoints:ep LimitRange:limits ResourceQuota:quota ReplicationController:rc PodTemplate",
  "apps/v1": "Deployment:deploy StatefulSet:sts DaemonSet:ds ReplicaSet:rs ControllerRevision",
  "batch/v1": "Job CronJob:cj",
  "autoscaling/v2": "HorizontalPodAutoscaler:hpa",
  "policy/v1": "PodDisruptionBudget:pdb",
  "networking.k8s.io/v1": "Ingress:ing IngressClass NetworkPolicy:netpol",
  "rbac.authorization.k8s.io/v1": "Role RoleBinding ClusterRole ClusterRoleBinding",
  "storage.k8s.io/v1": "StorageClass:sc CSIDriver CSINode VolumeAttachment",
  "scheduling.k8s.io/v1": "PriorityClass:pc",
  "coordination.k8s.io/v1": "Lease",
  "discovery.k8s.io/v1": "EndpointSlice",
  "node.k8s.io/v1": "RuntimeClass",
  "apiextensions.k8s.io/v1": "CustomResourceDefinition:crd:crds",
  "apiregistration.k8s.io/v1": "APIService",
  "certificates.k8s.io/v1": "CertificateSigningRequest:csr",
  "admissionregistration.k8s.io/v1":
    "MutatingWebhookConfiguration ValidatingWebhookConfiguration ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding",
};

/**
 * Built-in kinds first, then those of the cluster's custom resource definitions. Kinds of aggregated API servers are
 * not known by name.
 * @throws CommandError in kubectl's words, and with what else can be done
 */
export async function findKindByName(cluster: Cluster, name: string, signal?: AbortSignal): Promise<NamedKind> {
  const wanted = name.toLowerCase();
  for (const [apiVersion, kinds] of Object.entries(builtIn))
    for (const entry of kinds.split(" ")) {
      const [kind = "", ...short] = entry.split(":");
      if (namesOf(apiVersion, kind, short).includes(wanted)) return { apiVersion, kind };
    }
  const custom = await findCustom(cluster, wanted, signal);
  if (custom) return custom;
  throw new CommandError(
    `the server doesn't have a resource type "${name}"; a kind of another API is found with --kind and --api-version`,
  );
}

function namesOf(apiVersion: string, kind: string, short: readonly string[]): readonly string[] {
  const singular = kind.toLowerCase();
  const plural = pluralOf(singular);
  const group = apiVersion.includes("/") ? `.${apiVersion.split("/")[0] ?? ""}` : "";
  const names = [singular, plural, ...short];
  return group === "" ? names : [...names, `${singular}${group}`, `${plural}${group}`];
}

function pluralOf(singular: string): string {
  if (singular === "endpoints") return singular;
  if (singular.endsWith("s")) return `${singular}es`;
  return /[^aeiou]y$/.test(singular) ? `${singular.slice(0, -1)}ies` : `${singular}s`;
}

async function findCustom(
  cluster: Cluster,
  wanted: string,
  signal: AbortSignal | undefined,
): Promise<NamedKind | undefined> {
  const { items } = await cluster.list("apiextensions.k8s.io/v1", "CustomResourceDefinition", {
    ...(signal ? { signal } : {}),
  });
  for (const { spec } of items) {
    const names = fieldAt(spec, "names");
    const group = stringAt(spec, ["group"], "");
    const kind = stringAt(names, ["kind"], "");
    const shortNames = fieldAt(names, "shortNames");
    const long = [stringAt(names, ["plural"], ""), stringAt(names, ["singular"], "") || kind.toLowerCase()];
    const short = Array.isArray(shortNames) ? shortNames.map(String) : [];
    const version = servedVersion(fieldAt(spec, "versions"));
    if ([...long, ...short, ...long.map((text) => `${text}.${group}`)].includes(wanted) && version !== undefined)
      return { apiVersion: `${group}/${version}`, kind };
  }
  return undefined;
}

/** The stored version, which is the preferred one nearly always, or else the first that is served. */
function servedVersion(versions: unknown): string | undefined {
  const served = (Array.isArray(versions) ? versions : [])
    .filter(isRecord)
    .filter((version) => version.served === true);
  const chosen = served.find((version) => version.storage === true) ?? served[0];
  return typeof chosen?.name === "string" ? chosen.name : undefined;
}
