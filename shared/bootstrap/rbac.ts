/**
 * The ServiceAccounts and the RBAC of a cluster: Flux's own, so that policies and tenancy hold as they do with Flux, and
 * the two groups of the engine's roles.
 */
import type { KubeObject } from "../api/kube-object.ts";
import { engineName, fluxControllers, fluxNamespace, groups, installationLabels } from "./names.ts";

interface Rule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly verbs: readonly string[];
}

type Subject =
  | { readonly kind: "ServiceAccount"; readonly name: string; readonly namespace: string }
  | { readonly kind: "Group"; readonly name: string; readonly apiGroup: "rbac.authorization.k8s.io" };

const rbacApiVersion = "rbac.authorization.k8s.io/v1";
const rbacGroup = "rbac.authorization.k8s.io";

const fluxGroups = [
  "source.toolkit.fluxcd.io",
  "kustomize.toolkit.fluxcd.io",
  "helm.toolkit.fluxcd.io",
  "notification.toolkit.fluxcd.io",
  "image.toolkit.fluxcd.io",
  "source.extensions.fluxcd.io",
];

/** As Flux 2.10 installs them for its four default controllers. */
export function fluxServiceAccounts(): readonly KubeObject[] {
  return fluxControllers.slice(0, 4).map((name) => ({
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: {
      name,
      namespace: fluxNamespace,
      labels: { "app.kubernetes.io/component": name, ...installationLabels },
    },
  }));
}

/** As Flux 2.10 installs it, `serviceaccounts/token` no longer included. */
export function fluxRbac(): readonly KubeObject[] {
  return [
    clusterRole("crd-controller-flux-system", [
      ...fluxGroups.map((group) => rule([group], ["*"], ["*"])),
      rule([""], ["namespaces", "secrets", "configmaps", "serviceaccounts"], ["get", "list", "watch"]),
      rule([""], ["events"], ["create", "patch"]),
      rule([""], ["configmaps"], ["get", "list", "watch", "create", "update", "patch", "delete"]),
      rule([""], ["configmaps/status"], ["get", "update", "patch"]),
      rule(["coordination.k8s.io"], ["leases"], ["get", "list", "watch", "create", "update", "patch", "delete"]),
      { nonResourceURLs: ["/livez/ping"], verbs: ["head"] },
    ]),
    clusterRole(
      "flux-edit-flux-system",
      [rule(fluxGroups, ["*"], ["create", "delete", "deletecollection", "patch", "update"])],
      ["edit", "admin"],
    ),
    clusterRole(
      "flux-view-flux-system",
      [rule(fluxGroups, ["*"], ["get", "list", "watch"])],
      ["admin", "edit", "view"],
    ),
    clusterRoleBinding("cluster-reconciler-flux-system", "cluster-admin", [
      serviceAccount("kustomize-controller"),
      serviceAccount("helm-controller"),
    ]),
    clusterRoleBinding("crd-controller-flux-system", "crd-controller-flux-system", fluxControllers.map(serviceAccount)),
  ];
}

/**
 * The rights of the role that fetches sources: it reads the Secrets and ServiceAccounts that sources name, and writes
 * the sources' metadata and status under source-controller's field manager. It can write nothing else.
 */
export function sourceGroupRbac(): readonly KubeObject[] {
  const name = `${engineName}-source`;
  return [
    ours(
      clusterRole(name, [
        rule(["source.toolkit.fluxcd.io"], ["*"], ["get", "list", "watch", "patch"]),
        rule([""], ["secrets", "serviceaccounts"], ["get"]),
        rule([""], ["events"], ["create", "patch"]),
      ]),
    ),
    ours(clusterRoleBinding(name, name, [group(groups.source)])),
  ];
}

/**
 * The rights of the role that writes, on clusters with `lockdown`, where it is no cluster admin: it may be whichever
 * ServiceAccount a Flux object names, and nothing on its own account. Bound everywhere: with lock-down it would be too
 * late, and without it nobody is in the group.
 */
export function impersonateGroupRbac(): readonly KubeObject[] {
  const name = `${engineName}-impersonate`;
  return [
    ours(clusterRole(name, [rule([""], ["serviceaccounts"], ["impersonate"])])),
    ours(clusterRoleBinding(name, name, [group(groups.impersonate)])),
  ];
}

/** Label of what belongs to the engine and not to Flux. */
export const engineLabels = { "app.kubernetes.io/managed-by": engineName } as const;

const rule = (apiGroups: readonly string[], resources: readonly string[], verbs: readonly string[]): Rule => ({
  apiGroups,
  resources,
  verbs,
});

const serviceAccount = (name: string): Subject => ({ kind: "ServiceAccount", name, namespace: fluxNamespace });

const group = (name: string): Subject => ({ kind: "Group", name, apiGroup: rbacGroup });

function clusterRole(name: string, rules: readonly Rule[], aggregateTo: readonly string[] = []): KubeObject {
  const aggregation = Object.fromEntries(
    aggregateTo.map((role) => [`rbac.authorization.k8s.io/aggregate-to-${role}`, "true"]),
  );
  return {
    apiVersion: rbacApiVersion,
    kind: "ClusterRole",
    metadata: { name, labels: { ...installationLabels, ...aggregation } },
    rules,
  };
}

function clusterRoleBinding(name: string, role: string, subjects: readonly Subject[]): KubeObject {
  return {
    apiVersion: rbacApiVersion,
    kind: "ClusterRoleBinding",
    metadata: { name, labels: installationLabels },
    roleRef: { apiGroup: rbacGroup, kind: "ClusterRole", name: role },
    subjects,
  };
}

const ours = (object: KubeObject): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, labels: engineLabels },
});
