/** The order of objects within an apply (fluxcd/pkg ssa): what others stand on comes first. */
import { groupOf, type ObjectRef } from "../api/kube-object.ts";

const first = [
  "CustomResourceDefinition",
  "Namespace",
  "ClusterRole",
  "ClusterClass",
  "RuntimeClass",
  "PriorityClass",
  "StorageClass",
  "VolumeSnapshotClass",
  "IngressClass",
  "GatewayClass",
  "ClusterRoleBinding",
  "ResourceQuota",
  "ServiceAccount",
  "Role",
  "RoleBinding",
  "ConfigMap",
  "Secret",
  "Service",
  "LimitRange",
  "Deployment",
  "StatefulSet",
  "CronJob",
  "PodDisruptionBudget",
];
const last = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

const ranks = new Map([
  ...first.map((kind, index) => [kind, index - first.length] as const),
  ...last.map((kind, index) => [kind, index + 1] as const),
]);

/** Rank of the kind, then group, kind, namespace and name. Deletion goes the other way. */
export function compareRefs(a: ObjectRef, b: ObjectRef): number {
  const rank = (ranks.get(a.kind) ?? 0) - (ranks.get(b.kind) ?? 0);
  return rank !== 0 ? rank : compareText(sortKey(a), sortKey(b));
}

const sortKey = ({ apiVersion, kind, namespace = "", name }: ObjectRef): string =>
  [groupOf(apiVersion), kind, namespace, name].join("\u0000");

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
