/** The kinds that the cluster in memory serves: a table of built-in ones, and whatever definitions are in its store. */
import type { KubeObject } from "../../shared/api/kube-object.ts";
import { groupOf, versionOf } from "../../shared/api/kube-object.ts";
import { type ApiResource, KubeError } from "../../shared/kubernetes/cluster.ts";

const namespaced: Readonly<Record<string, string>> = {
  v1: "ConfigMap Endpoints Event LimitRange PersistentVolumeClaim Pod ResourceQuota Secret Service ServiceAccount",
  "apps/v1": "DaemonSet Deployment ReplicaSet StatefulSet",
  "batch/v1": "CronJob Job",
  "autoscaling/v2": "HorizontalPodAutoscaler",
  "policy/v1": "PodDisruptionBudget",
  "networking.k8s.io/v1": "Ingress NetworkPolicy",
  "rbac.authorization.k8s.io/v1": "Role RoleBinding",
  "coordination.k8s.io/v1": "Lease",
  "source.toolkit.fluxcd.io/v1": "GitRepository OCIRepository HelmRepository HelmChart Bucket",
  "kustomize.toolkit.fluxcd.io/v1": "Kustomization",
  "helm.toolkit.fluxcd.io/v2": "HelmRelease",
};
const clusterWide: Readonly<Record<string, string>> = {
  v1: "Namespace Node PersistentVolume",
  "rbac.authorization.k8s.io/v1": "ClusterRole ClusterRoleBinding",
  "apiextensions.k8s.io/v1": "CustomResourceDefinition",
  "networking.k8s.io/v1": "IngressClass",
  "storage.k8s.io/v1": "StorageClass",
  "scheduling.k8s.io/v1": "PriorityClass",
  "admissionregistration.k8s.io/v1":
    "MutatingWebhookConfiguration ValidatingWebhookConfiguration ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding",
};

interface Definition {
  readonly group: string;
  readonly scope: string;
  readonly names: { readonly kind: string; readonly plural: string };
  readonly versions: readonly { readonly name: string; readonly served?: boolean }[];
}

/** @throws KubeError NoMatch */
export function findKind(apiVersion: string, kind: string, objects: Iterable<KubeObject>): ApiResource {
  const [group, version] = [groupOf(apiVersion), versionOf(apiVersion)];
  const isServed = (table: Readonly<Record<string, string>>) => table[apiVersion]?.split(" ").includes(kind);
  if (isServed(namespaced)) return { group, version, kind, plural: pluralOf(kind), namespaced: true };
  if (isServed(clusterWide)) return { group, version, kind, plural: pluralOf(kind), namespaced: false };
  for (const object of objects) {
    if (object.kind !== "CustomResourceDefinition") continue;
    const { group: own, scope, names, versions } = object.spec as Definition;
    const isVersion = versions.some(({ name, served }) => name === version && served !== false);
    if (own === group && names.kind === kind && isVersion)
      return { group, version, kind, plural: names.plural, namespaced: scope === "Namespaced" };
  }
  throw new KubeError(404, "NoMatch", `no matches for kind "${kind}" in version "${apiVersion}"`);
}

function pluralOf(kind: string): string {
  const word = kind.toLowerCase();
  if (word.endsWith("s") && !word.endsWith("ss")) return word;
  if (word.endsWith("ss")) return `${word}es`;
  return word.endsWith("y") ? `${word.slice(0, -1)}ies` : `${word}s`;
}
