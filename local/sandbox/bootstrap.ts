/** What every fresh cluster holds before anybody writes: namespaces and the roles that users refer to by name. */
import type { Obj } from "./json.ts";
import type { Objects } from "./objects.ts";
import type { WriteOptions } from "./write-rules.ts";
import type { Registry } from "./resources.ts";
import type { Store } from "./store.ts";

const WRITER: WriteOptions = { fieldManager: "kube-apiserver", dryRun: false, force: true, validation: "Ignore" };
const RBAC = "rbac.authorization.k8s.io/v1";
const READ = ["get", "list", "watch"];
const WRITE = ["create", "delete", "deletecollection", "patch", "update"];

const workloads = (verbs: readonly string[]): Obj[] => [
  {
    apiGroups: [""],
    resources: [
      "configmaps",
      "endpoints",
      "persistentvolumeclaims",
      "pods",
      "replicationcontrollers",
      "replicationcontrollers/scale",
      "serviceaccounts",
      "services",
      "events",
    ],
    verbs,
  },
  {
    apiGroups: ["apps"],
    resources: [
      "controllerrevisions",
      "daemonsets",
      "deployments",
      "deployments/scale",
      "replicasets",
      "replicasets/scale",
      "statefulsets",
      "statefulsets/scale",
    ],
    verbs,
  },
  { apiGroups: ["autoscaling"], resources: ["horizontalpodautoscalers"], verbs },
  { apiGroups: ["batch"], resources: ["cronjobs", "jobs"], verbs },
  { apiGroups: ["policy"], resources: ["poddisruptionbudgets"], verbs },
  { apiGroups: ["networking.k8s.io"], resources: ["ingresses", "networkpolicies"], verbs },
];

const namespacesRead: Obj = {
  apiGroups: [""],
  resources: ["namespaces", "resourcequotas", "limitranges"],
  verbs: READ,
};
const secrets: Obj = { apiGroups: [""], resources: ["secrets"], verbs: [...READ, ...WRITE] };
const rbac: Obj = {
  apiGroups: ["rbac.authorization.k8s.io"],
  resources: ["rolebindings", "roles"],
  verbs: [...READ, ...WRITE],
};

/** The user-facing roles; others' roles join them by label. */
const ROLES: readonly { name: string; rules: readonly Obj[]; aggregates?: string }[] = [
  {
    name: "cluster-admin",
    rules: [
      { apiGroups: ["*"], resources: ["*"], verbs: ["*"] },
      { nonResourceURLs: ["*"], verbs: ["*"] },
    ],
  },
  { name: "view", rules: [...workloads(READ), namespacesRead], aggregates: "view" },
  { name: "edit", rules: [...workloads([...READ, ...WRITE]), namespacesRead, secrets], aggregates: "edit" },
  { name: "admin", rules: [...workloads([...READ, ...WRITE]), namespacesRead, secrets, rbac], aggregates: "admin" },
  {
    name: "system:discovery",
    rules: [
      {
        nonResourceURLs: [
          "/api",
          "/api/*",
          "/apis",
          "/apis/*",
          "/healthz",
          "/livez",
          "/openapi",
          "/openapi/*",
          "/readyz",
          "/version",
          "/version/",
        ],
        verbs: ["get"],
      },
    ],
  },
  {
    name: "system:basic-user",
    rules: [
      {
        apiGroups: ["authorization.k8s.io"],
        resources: ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
        verbs: ["create"],
      },
      { apiGroups: ["authentication.k8s.io"], resources: ["selfsubjectreviews"], verbs: ["create"] },
    ],
  },
];

const BINDINGS: readonly (readonly [role: string, group: string])[] = [
  ["cluster-admin", "system:masters"],
  ["system:discovery", "system:authenticated"],
  ["system:basic-user", "system:authenticated"],
];

export function bootstrap({ store, registry, objects }: { store: Store; registry: Registry; objects: Objects }): void {
  const put = (apiVersion: string, kind: string, object: Obj & { metadata: { name: string; labels?: Obj } }): void => {
    const resource = registry.byKind(apiVersion, kind);
    if (!resource || store.get(resource.storage, "", object.metadata.name)) return;
    objects.create(
      { resource, namespace: "", name: object.metadata.name, subresource: "" },
      { apiVersion, kind, ...object },
      WRITER,
    );
  };
  for (const name of ["default", "kube-system", "kube-public", "kube-node-lease"])
    put("v1", "Namespace", { metadata: { name } });
  const labels = { "kubernetes.io/bootstrapping": "rbac-defaults" };
  for (const { name, rules, aggregates } of ROLES)
    put(RBAC, "ClusterRole", {
      metadata: { name, labels },
      rules,
      ...(aggregates
        ? {
            aggregationRule: {
              clusterRoleSelectors: [
                { matchLabels: { [`rbac.authorization.k8s.io/aggregate-to-${aggregates}`]: "true" } },
              ],
            },
          }
        : {}),
    });
  for (const [role, group] of BINDINGS)
    put(RBAC, "ClusterRoleBinding", {
      metadata: { name: role, labels },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: group }],
    });
}
