/** Manifests of the simulated fleet, as JSON, which is YAML too. */
import type { KubeObject } from "../../../shared/api/kube-object.ts";

export const kustomizeVersion = "kustomize.toolkit.fluxcd.io/v1";

export const namespace = (name: string): KubeObject => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } });

export const configMap = (name: string, inNamespace: string, data: Readonly<Record<string, string>>): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: inNamespace },
  data,
});

export function kustomization(
  name: string,
  path: string,
  spec: Readonly<Record<string, unknown>> = {},
  inNamespace = "flux-system",
): KubeObject {
  return {
    apiVersion: kustomizeVersion,
    kind: "Kustomization",
    metadata: { name, namespace: inNamespace },
    spec: {
      interval: "10m",
      retryInterval: "1m",
      timeout: "3m",
      path: `./${path}`,
      prune: true,
      sourceRef: { kind: "GitRepository", name: "flux-system", namespace: "flux-system" },
      ...spec,
    },
  };
}

export function deployment(name: string, inNamespace: string, image: string): KubeObject {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: inNamespace },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: "web", image }] } },
    },
  };
}

export const serviceAccount = (name: string, inNamespace: string): KubeObject => ({
  apiVersion: "v1",
  kind: "ServiceAccount",
  metadata: { name, namespace: inNamespace },
});

/** The account may do everything in its own namespace, or in another one. */
export const adminBinding = (account: string, ofNamespace: string, inNamespace = ofNamespace): KubeObject => ({
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "RoleBinding",
  metadata: { name: `${account}-of-${ofNamespace}`, namespace: inNamespace },
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
  subjects: [{ kind: "ServiceAccount", name: account, namespace: ofNamespace }],
});

export const print = (...objects: readonly KubeObject[]): string =>
  objects.map((object) => JSON.stringify(object)).join("\n---\n");

export const parse = (text: string): readonly KubeObject[] =>
  text.split("\n---\n").map((part) => JSON.parse(part) as KubeObject);

/**
 * A tenant of three levels: the platform's Kustomization, the tenant's own under its account, and one of its making. It
 * also has an object in a namespace that is not its own and that outlives it, as long as its account may delete it.
 */
export function tenantFiles(
  tenant: string,
  content: string,
  clusters: Iterable<string>,
  outside = "shared",
): [path: string, text: string][] {
  const account = "reconciler";
  const own = { serviceAccountName: account };
  return [
    ...[...clusters].map((cluster): [string, string] => [
      `clusters/${cluster}/${tenant}.yaml`,
      print(kustomization(tenant, `tenants/${tenant}/base`)),
    ]),
    [
      `tenants/${tenant}/base/tenant.yaml`,
      print(
        namespace(tenant),
        serviceAccount(account, tenant),
        adminBinding(account, tenant),
        adminBinding(account, tenant, outside),
        kustomization(`${tenant}-apps`, `tenants/${tenant}/apps`, own, tenant),
      ),
    ],
    [
      `tenants/${tenant}/apps/apps.yaml`,
      print(
        configMap("settings", tenant, { content }),
        kustomization(`${tenant}-leaf`, `tenants/${tenant}/leaf`, own, tenant),
      ),
    ],
    [
      `tenants/${tenant}/leaf/leaf.yaml`,
      print(configMap("leaf-1", tenant, { content }), configMap(`of-${tenant}`, outside, { content })),
    ],
  ];
}
