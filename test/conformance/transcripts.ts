/**
 * Requests whose replies were recorded from a real API server (`fixtures/conformance`): the sandbox must give the same
 * replies, managedFields included, and the real server must still give them.
 */
export interface Step {
  /** `GET /path`, `APPLY /path` (server-side apply), `MERGE`, `JSON`, `STRATEGIC`, `POST`, `PUT`, `DELETE`. */
  readonly send: string;
  readonly body?: unknown;
  /** Runs but is not compared: a controller works on the object at the same time. */
  readonly unchecked?: boolean;
}

export interface Transcript {
  readonly name: string;
  readonly steps: readonly Step[];
}

const NS = "/api/v1/namespaces";
const MANAGER = "fieldManager=kustomize-controller&force=true";

const core = (namespace: string, plural: string, name: string): string => `${NS}/${namespace}/${plural}/${name}`;
const apps = (namespace: string, name: string): string => `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`;

const configMap = (name: string, namespace: string, data: unknown, more: object = {}): object => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace, ...more },
  data,
});

const deployment = (namespace: string, spec: object = {}, container: object = {}): object => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "app", namespace },
  spec: {
    replicas: 0,
    selector: { matchLabels: { app: "app" } },
    template: {
      metadata: { labels: { app: "app" } },
      spec: { containers: [{ name: "app", image: "example.com/app:1.0.0", ...container }] },
    },
    ...spec,
  },
});

const namespace = (name: string): Step => ({
  send: `POST ${NS}?fieldManager=tester`,
  body: { apiVersion: "v1", kind: "Namespace", metadata: { name } },
});

const widgets = (group: string, schema: object, more: object = {}): object => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `widgets.${group}` },
  spec: {
    group,
    scope: "Namespaced",
    names: { kind: "Widget", plural: "widgets" },
    versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: schema }, ...more }],
  },
});

export const TRANSCRIPTS: readonly Transcript[] = [
  {
    name: "config-map",
    steps: [
      namespace("t-config-map"),
      {
        send: `APPLY ${core("t-config-map", "configmaps", "a")}?${MANAGER}&dryRun=All`,
        body: configMap("a", "t-config-map", { x: "1", y: "2" }),
      },
      { send: `GET ${core("t-config-map", "configmaps", "a")}` },
      {
        send: `APPLY ${core("t-config-map", "configmaps", "a")}?${MANAGER}`,
        body: configMap("a", "t-config-map", { x: "1", y: "2" }, { labels: { l: "1" } }),
      },
      {
        send: `APPLY ${core("t-config-map", "configmaps", "a")}?${MANAGER}`,
        body: configMap("a", "t-config-map", { x: "1", y: "2" }, { labels: { l: "1" } }),
      },
      {
        send: `MERGE ${core("t-config-map", "configmaps", "a")}?fieldManager=hand`,
        body: { data: { x: "changed", z: "added" } },
      },
      {
        send: `APPLY ${core("t-config-map", "configmaps", "a")}?fieldManager=kustomize-controller`,
        body: configMap("a", "t-config-map", { x: "1", y: "2" }),
      },
      {
        send: `APPLY ${core("t-config-map", "configmaps", "a")}?${MANAGER}&dryRun=All`,
        body: configMap("a", "t-config-map", { x: "1" }),
      },
      {
        send: `APPLY ${core("t-config-map", "configmaps", "a")}?${MANAGER}`,
        body: configMap("a", "t-config-map", { x: "1" }),
      },
      {
        send: `APPLY ${core("t-config-map", "configmaps", "a")}?fieldManager=other`,
        body: configMap("a", "t-config-map", { x: "1" }),
      },
      {
        send: `APPLY ${core("t-config-map", "configmaps", "a")}?fieldManager=other`,
        body: configMap("a", "t-config-map", { x: "2", z: "3" }),
      },
      {
        send: `JSON ${core("t-config-map", "configmaps", "a")}?fieldManager=hand`,
        body: [{ op: "remove", path: "/data/z" }],
      },
      {
        send: `JSON ${core("t-config-map", "configmaps", "a")}?fieldManager=hand`,
        body: [{ op: "test", path: "/data/x", value: "no" }],
      },
      {
        send: `STRATEGIC ${core("t-config-map", "configmaps", "a")}?fieldManager=hand`,
        body: { metadata: { annotations: { note: "1" } }, data: { x: null } },
      },
      {
        send: `MERGE ${core("t-config-map", "configmaps", "a")}?fieldManager=hand`,
        body: { metadata: { managedFields: [{}] } },
      },
      {
        send: `MERGE ${core("t-config-map", "configmaps", "a")}?fieldManager=hand`,
        body: { data: { untracked: "1" } },
      },
      {
        send: `APPLY ${core("t-config-map", "configmaps", "a")}?${MANAGER}`,
        body: configMap("a", "t-config-map", { x: "1" }),
      },
      {
        send: `MERGE ${core("t-config-map", "configmaps", "a")}?fieldManager=hand`,
        body: { metadata: { resourceVersion: "1" }, data: { y: "9" } },
      },
      {
        send: `PUT ${core("t-config-map", "configmaps", "a")}?fieldManager=replacer`,
        body: configMap("a", "t-config-map", { only: "1" }),
      },
      { send: `DELETE ${core("t-config-map", "configmaps", "a")}`, body: { preconditions: { uid: "another" } } },
      { send: `DELETE ${core("t-config-map", "configmaps", "a")}?dryRun=All` },
      { send: `DELETE ${core("t-config-map", "configmaps", "a")}` },
      { send: `DELETE ${core("t-config-map", "configmaps", "a")}` },
      { send: `GET ${core("t-config-map", "configmaps", "a")}` },
    ],
  },
  {
    name: "refusals",
    steps: [
      namespace("t-refusals"),
      { send: `POST ${NS}`, body: { apiVersion: "v1", kind: "Namespace", metadata: { name: "t-refusals" } } },
      { send: `POST ${NS}`, body: { apiVersion: "v1", kind: "Namespace", metadata: { name: "Not_A_Name" } } },
      { send: `APPLY ${core("nowhere", "configmaps", "a")}?${MANAGER}`, body: configMap("a", "nowhere", {}) },
      { send: `POST ${NS}/nowhere/configmaps`, body: configMap("a", "nowhere", {}) },
      { send: `APPLY ${core("t-refusals", "configmaps", "a")}`, body: configMap("a", "t-refusals", {}) },
      { send: `APPLY ${core("t-refusals", "configmaps", "a")}?${MANAGER}`, body: configMap("b", "t-refusals", {}) },
      {
        send: `APPLY ${core("t-refusals", "configmaps", "a")}?${MANAGER}`,
        body: configMap("a", "t-refusals", {}, { uid: "1234" }),
      },
      {
        send: `APPLY ${core("t-refusals", "configmaps", "a")}?${MANAGER}`,
        body: { ...configMap("a", "t-refusals", {}), kind: "Secret" },
      },
      {
        send: `APPLY ${core("t-refusals", "configmaps", "a")}?${MANAGER}`,
        body: configMap("a", "t-refusals", {}, { managedFields: [] }),
      },
      {
        send: `APPLY ${core("t-refusals", "configmaps", "a")}?${MANAGER}&dryRun=some`,
        body: configMap("a", "t-refusals", {}),
      },
      { send: `APPLY ${apps("t-refusals", "app")}?${MANAGER}`, body: deployment("t-refusals", { unknownField: 1 }) },
      { send: `APPLY ${apps("t-refusals", "app")}?${MANAGER}`, body: deployment("t-refusals", { replicas: "three" }) },
      {
        send: `APPLY ${apps("t-refusals", "app")}?${MANAGER}`,
        body: deployment("t-refusals", { selector: { matchLabels: { app: "other" } } }),
      },
      {
        send: `POST /apis/apps/v1/namespaces/t-refusals/deployments`,
        body: { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "empty" }, spec: {} },
      },
      {
        send: `APPLY ${core("t-refusals", "services", "s")}?${MANAGER}`,
        body: { apiVersion: "v1", kind: "Service", metadata: { name: "s" }, spec: { ports: [{ port: 99999 }] } },
      },
      {
        send: `APPLY ${core("t-refusals", "services", "s")}?${MANAGER}`,
        body: {
          apiVersion: "v1",
          kind: "Service",
          metadata: { name: "s" },
          spec: { ports: [{ port: 80 }, { port: 81 }] },
        },
      },
      {
        send: `POST ${NS}/t-refusals/configmaps?fieldValidation=Strict`,
        body: { ...configMap("s", "t-refusals", {}), extra: 1 },
      },
      {
        send: `POST ${NS}/t-refusals/configmaps?fieldManager=tester`,
        body: { ...configMap("s", "t-refusals", { a: "1" }), extra: 1 },
      },
      { send: `POST ${NS}/t-refusals/configmaps`, body: configMap("s", "t-refusals", {}) },
      { send: `POST ${NS}/t-refusals/configmaps`, body: configMap("n", "t-refusals", { a: 1 }) },
      { send: `MERGE ${core("t-refusals", "configmaps", "absent")}`, body: { data: {} } },
      { send: `GET /api/v1/namespaces/t-refusals/gadgets` },
      { send: `GET /apis/none.example.com/v1/gadgets` },
      { send: `GET ${NS}/t-refusals/configmaps?resourceVersion=nonsense` },
      { send: `GET ${NS}/t-refusals/configmaps?fieldSelector=data.a%3D1` },
    ],
  },
  {
    name: "deployment",
    steps: [
      namespace("t-deployment"),
      {
        send: `APPLY ${apps("t-deployment", "app")}?${MANAGER}&dryRun=All`,
        body: deployment(
          "t-deployment",
          {},
          {
            ports: [{ containerPort: 8080 }],
            resources: { requests: { cpu: "0.5", memory: "1024Mi" } },
            env: [
              { name: "A", value: "1" },
              { name: "B", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
            ],
          },
        ),
      },
      {
        send: `APPLY ${apps("t-deployment", "app")}?${MANAGER}&dryRun=All`,
        body: deployment(
          "t-deployment",
          { strategy: { type: "Recreate" } },
          {
            readinessProbe: { httpGet: { port: 8080 } },
            volumeMounts: [{ name: "v", mountPath: "/v" }],
            securityContext: { runAsNonRoot: true, privileged: false },
          },
        ),
      },
      {
        send: `POST /apis/apps/v1/namespaces/t-deployment/deployments?fieldManager=kubectl-create&dryRun=All`,
        body: deployment("t-deployment"),
      },
      {
        send: `APPLY ${apps("t-deployment", "app")}?${MANAGER}`,
        body: deployment(
          "t-deployment",
          { paused: true },
          {
            env: [
              { name: "A", value: "1" },
              { name: "B", value: "2" },
            ],
          },
        ),
        unchecked: true,
      },
      {
        send: `STRATEGIC ${apps("t-deployment", "app")}?fieldManager=hand&dryRun=All`,
        body: {
          spec: {
            template: {
              spec: {
                containers: [
                  {
                    name: "app",
                    env: [
                      { name: "C", value: "3" },
                      { name: "A", $patch: "delete" },
                    ],
                  },
                  { name: "side", image: "example.com/side:1" },
                ],
              },
            },
          },
        },
        unchecked: true,
      },
      {
        send: `MERGE ${apps("t-deployment", "app")}?fieldManager=hand`,
        body: { spec: { selector: { matchLabels: { other: "1" } } } },
      },
      { send: `DELETE ${apps("t-deployment", "app")}`, unchecked: true },
    ],
  },
  {
    name: "kinds",
    steps: [
      namespace("t-kinds"),
      {
        send: `APPLY ${core("t-kinds", "services", "app")}?${MANAGER}`,
        body: {
          apiVersion: "v1",
          kind: "Service",
          metadata: { name: "app", namespace: "t-kinds" },
          spec: {
            selector: { app: "app" },
            ports: [
              { name: "http", port: 80, targetPort: 8080 },
              { name: "dns", port: 53, protocol: "UDP" },
            ],
          },
        },
      },
      {
        send: `APPLY ${core("t-kinds", "services", "app")}?${MANAGER}`,
        body: {
          apiVersion: "v1",
          kind: "Service",
          metadata: { name: "app", namespace: "t-kinds" },
          spec: { selector: { app: "app" }, ports: [{ name: "http", port: 80, targetPort: "web" }] },
        },
      },
      {
        send: `APPLY ${core("t-kinds", "services", "headless")}?${MANAGER}`,
        body: {
          apiVersion: "v1",
          kind: "Service",
          metadata: { name: "headless", namespace: "t-kinds" },
          spec: { clusterIP: "None", ports: [{ port: 80 }] },
        },
      },
      {
        send: `POST ${NS}/t-kinds/services?fieldManager=tester`,
        body: { apiVersion: "v1", kind: "Service", metadata: { name: "posted" }, spec: { ports: [{ port: 80 }] } },
      },
      {
        send: `APPLY ${core("t-kinds", "serviceaccounts", "app")}?${MANAGER}`,
        body: { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "app", namespace: "t-kinds" } },
      },
      {
        send: `APPLY ${core("t-kinds", "secrets", "app")}?${MANAGER}`,
        body: {
          apiVersion: "v1",
          kind: "Secret",
          metadata: { name: "app", namespace: "t-kinds" },
          stringData: { a: "b" },
        },
      },
      {
        send: `APPLY ${core("t-kinds", "secrets", "app")}?${MANAGER}`,
        body: {
          apiVersion: "v1",
          kind: "Secret",
          metadata: { name: "app", namespace: "t-kinds" },
          stringData: { a: "b" },
        },
      },
      {
        send: `APPLY /apis/rbac.authorization.k8s.io/v1/namespaces/t-kinds/roles/app?${MANAGER}`,
        body: {
          apiVersion: "rbac.authorization.k8s.io/v1",
          kind: "Role",
          metadata: { name: "app", namespace: "t-kinds" },
          rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }],
        },
      },
      {
        send: `APPLY /apis/rbac.authorization.k8s.io/v1/namespaces/t-kinds/rolebindings/app?${MANAGER}`,
        body: {
          apiVersion: "rbac.authorization.k8s.io/v1",
          kind: "RoleBinding",
          metadata: { name: "app", namespace: "t-kinds" },
          roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "app" },
          subjects: [
            { kind: "ServiceAccount", name: "app", namespace: "t-kinds" },
            { kind: "User", name: "u" },
          ],
        },
      },
      {
        send: `APPLY /apis/rbac.authorization.k8s.io/v1/namespaces/t-kinds/rolebindings/app?${MANAGER}`,
        body: {
          apiVersion: "rbac.authorization.k8s.io/v1",
          kind: "RoleBinding",
          metadata: { name: "app", namespace: "t-kinds" },
          roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "other" },
        },
      },
      {
        send: `APPLY /apis/autoscaling/v2/namespaces/t-kinds/horizontalpodautoscalers/app?${MANAGER}`,
        body: {
          apiVersion: "autoscaling/v2",
          kind: "HorizontalPodAutoscaler",
          metadata: { name: "app", namespace: "t-kinds" },
          spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "app" } },
        },
      },
      {
        send: `APPLY /apis/batch/v1/namespaces/t-kinds/cronjobs/app?${MANAGER}`,
        body: {
          apiVersion: "batch/v1",
          kind: "CronJob",
          metadata: { name: "app", namespace: "t-kinds" },
          spec: {
            schedule: "0 3 * * *",
            suspend: true,
            jobTemplate: {
              spec: {
                template: { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "example.com/job:1" }] } },
              },
            },
          },
        },
      },
      {
        send: `APPLY /apis/apps/v1/namespaces/t-kinds/statefulsets/db?${MANAGER}&dryRun=All`,
        body: {
          apiVersion: "apps/v1",
          kind: "StatefulSet",
          metadata: { name: "db", namespace: "t-kinds" },
          spec: {
            replicas: 0,
            serviceName: "db",
            selector: { matchLabels: { app: "db" } },
            template: {
              metadata: { labels: { app: "db" } },
              spec: { containers: [{ name: "db", image: "example.com/db" }] },
            },
            volumeClaimTemplates: [
              {
                metadata: { name: "data" },
                spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
              },
            ],
          },
        },
      },
      {
        send: `APPLY /apis/apps/v1/namespaces/t-kinds/daemonsets/ds?${MANAGER}&dryRun=All`,
        body: {
          apiVersion: "apps/v1",
          kind: "DaemonSet",
          metadata: { name: "ds", namespace: "t-kinds" },
          spec: {
            selector: { matchLabels: { app: "ds" } },
            template: {
              metadata: { labels: { app: "ds" } },
              spec: {
                containers: [{ name: "ds", image: "example.com/ds:2", args: ["--x"] }],
                volumes: [{ name: "c", configMap: { name: "c" } }, { name: "e" }],
              },
            },
          },
        },
      },
      {
        send: `APPLY /apis/batch/v1/namespaces/t-kinds/jobs/j?${MANAGER}&dryRun=All`,
        body: {
          apiVersion: "batch/v1",
          kind: "Job",
          metadata: { name: "j", namespace: "t-kinds" },
          spec: {
            template: { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "example.com/job:1" }] } },
          },
        },
      },
      {
        send: `APPLY /apis/networking.k8s.io/v1/namespaces/t-kinds/ingresses/app?${MANAGER}`,
        body: {
          apiVersion: "networking.k8s.io/v1",
          kind: "Ingress",
          metadata: { name: "app", namespace: "t-kinds" },
          spec: {
            rules: [
              {
                host: "app.example.com",
                http: {
                  paths: [
                    { path: "/", pathType: "Prefix", backend: { service: { name: "app", port: { number: 80 } } } },
                  ],
                },
              },
            ],
          },
        },
      },
      {
        send: `APPLY /apis/networking.k8s.io/v1/namespaces/t-kinds/networkpolicies/app?${MANAGER}`,
        body: {
          apiVersion: "networking.k8s.io/v1",
          kind: "NetworkPolicy",
          metadata: { name: "app", namespace: "t-kinds" },
          spec: { podSelector: {}, ingress: [{ ports: [{ port: 8080 }] }] },
        },
      },
      {
        send: `APPLY /apis/policy/v1/namespaces/t-kinds/poddisruptionbudgets/app?${MANAGER}&dryRun=All`,
        body: {
          apiVersion: "policy/v1",
          kind: "PodDisruptionBudget",
          metadata: { name: "app", namespace: "t-kinds" },
          spec: { minAvailable: 1, selector: { matchLabels: { app: "app" } } },
        },
      },
      {
        send: `APPLY ${core("t-kinds", "persistentvolumeclaims", "data")}?${MANAGER}&dryRun=All`,
        body: {
          apiVersion: "v1",
          kind: "PersistentVolumeClaim",
          metadata: { name: "data", namespace: "t-kinds" },
          spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
        },
      },
      {
        send: `APPLY /apis/scheduling.k8s.io/v1/priorityclasses/t-kinds?${MANAGER}`,
        body: {
          apiVersion: "scheduling.k8s.io/v1",
          kind: "PriorityClass",
          metadata: { name: "t-kinds" },
          value: 10,
          description: "x",
        },
      },
      {
        send: `APPLY /apis/storage.k8s.io/v1/storageclasses/t-kinds?${MANAGER}`,
        body: {
          apiVersion: "storage.k8s.io/v1",
          kind: "StorageClass",
          metadata: { name: "t-kinds" },
          provisioner: "example.com/none",
        },
      },
      {
        send: `APPLY ${core("t-kinds", "resourcequotas", "q")}?${MANAGER}&dryRun=All`,
        body: {
          apiVersion: "v1",
          kind: "ResourceQuota",
          metadata: { name: "q", namespace: "t-kinds" },
          spec: { hard: { cpu: "1000m", memory: "2048Mi" } },
        },
      },
      {
        send: `APPLY ${core("t-kinds", "limitranges", "l")}?${MANAGER}`,
        body: {
          apiVersion: "v1",
          kind: "LimitRange",
          metadata: { name: "l", namespace: "t-kinds" },
          spec: { limits: [{ type: "Container", default: { cpu: "500m" } }] },
        },
      },
      {
        send: `POST ${NS}/t-kinds/events?fieldManager=gotk-kustomize-controller`,
        body: {
          apiVersion: "v1",
          kind: "Event",
          metadata: { name: "e.1", namespace: "t-kinds" },
          involvedObject: { kind: "ConfigMap", namespace: "t-kinds", name: "a", apiVersion: "v1" },
          reason: "Progressing",
          message: "m",
          type: "Normal",
          count: 1,
          firstTimestamp: "2026-01-01T00:00:00Z",
          lastTimestamp: "2026-01-01T00:00:00Z",
          source: { component: "kustomize-controller" },
          reportingComponent: "kustomize-controller",
        },
      },
      { send: `GET ${NS}/t-kinds/events?fieldSelector=involvedObject.name%3Da,involvedObject.kind%3DConfigMap` },
      { send: `GET /apis/events.k8s.io/v1/namespaces/t-kinds/events/e.1` },
      { send: `GET ${NS}/t-kinds/events?fieldSelector=involvedObject.name%3Db` },
    ],
  },
  {
    name: "finalizers",
    steps: [
      namespace("t-finalizers"),
      {
        send: `APPLY ${core("t-finalizers", "configmaps", "a")}?${MANAGER}`,
        body: configMap("a", "t-finalizers", { x: "1" }, { finalizers: ["example.com/keep", "example.com/other"] }),
      },
      {
        send: `APPLY ${core("t-finalizers", "configmaps", "a")}?${MANAGER}`,
        body: configMap("a", "t-finalizers", { x: "1" }, { finalizers: ["example.com/keep"] }),
      },
      { send: `DELETE ${core("t-finalizers", "configmaps", "a")}?propagationPolicy=Background` },
      { send: `DELETE ${core("t-finalizers", "configmaps", "a")}` },
      {
        send: `MERGE ${core("t-finalizers", "configmaps", "a")}?fieldManager=hand`,
        body: { metadata: { finalizers: ["example.com/keep", "example.com/new"] } },
      },
      {
        send: `MERGE ${core("t-finalizers", "configmaps", "a")}?fieldManager=hand`,
        body: { metadata: { finalizers: [] } },
      },
      { send: `GET ${core("t-finalizers", "configmaps", "a")}` },
    ],
  },
  {
    name: "definition",
    steps: [
      namespace("t-definition"),
      {
        send: `APPLY /apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.t.example.com?${MANAGER}`,
        body: widgets(
          "t.example.com",
          {
            type: "object",
            properties: {
              spec: {
                type: "object",
                required: ["color"],
                properties: {
                  color: { type: "string", enum: ["blue", "red"] },
                  size: { type: "integer", default: 3, minimum: 1 },
                  tags: { type: "array", items: { type: "string" }, "x-kubernetes-list-type": "set" },
                  parts: {
                    type: "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    items: {
                      type: "object",
                      required: ["name"],
                      properties: { name: { type: "string" }, count: { type: "integer" } },
                    },
                  },
                  free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
                  values: { "x-kubernetes-preserve-unknown-fields": true },
                  port: { "x-kubernetes-int-or-string": true },
                },
              },
              status: {
                type: "object",
                properties: {
                  phase: { type: "string" },
                  conditions: {
                    type: "array",
                    items: { type: "object", properties: { type: { type: "string" }, status: { type: "string" } } },
                  },
                },
              },
            },
          },
          { subresources: { status: {} } },
        ),
        unchecked: true,
      },
    ],
  },
  {
    name: "custom-objects",
    steps: [
      {
        send: `APPLY /apis/t.example.com/v1/namespaces/t-definition/widgets/w?${MANAGER}`,
        body: {
          apiVersion: "t.example.com/v1",
          kind: "Widget",
          metadata: { name: "w", namespace: "t-definition" },
          spec: {
            color: "blue",
            tags: ["a", "b"],
            parts: [{ name: "p", count: 1 }, { name: "q" }],
            free: { any: { thing: [1] } },
            values: { a: 1 },
            port: "http",
          },
        },
      },
      {
        send: `APPLY /apis/t.example.com/v1/namespaces/t-definition/widgets/w?${MANAGER}`,
        body: {
          apiVersion: "t.example.com/v1",
          kind: "Widget",
          metadata: { name: "w", namespace: "t-definition" },
          spec: { color: "blue", tags: ["b"], parts: [{ name: "q", count: 2 }], free: { any: { thing: [1] } } },
        },
      },
      {
        send: `MERGE /apis/t.example.com/v1/namespaces/t-definition/widgets/w/status?fieldManager=gotk`,
        body: { status: { phase: "Ready", conditions: [{ type: "Ready", status: "True" }] }, spec: { color: "red" } },
      },
      {
        send: `MERGE /apis/t.example.com/v1/namespaces/t-definition/widgets/w?fieldManager=hand`,
        body: { status: { phase: "Ignored" }, spec: { size: 5 } },
      },
      {
        send: `MERGE /apis/t.example.com/v1/namespaces/t-definition/widgets/w?fieldManager=hand`,
        body: {
          metadata: { annotations: { "reconcile.fluxcd.io/requestedAt": "1" }, finalizers: ["finalizers.fluxcd.io"] },
        },
      },
      {
        send: `MERGE /apis/t.example.com/v1/namespaces/t-definition/widgets/w?fieldManager=hand`,
        body: { spec: { color: "green" } },
      },
      {
        send: `MERGE /apis/t.example.com/v1/namespaces/t-definition/widgets/w?fieldManager=hand`,
        body: { spec: { size: 0 } },
      },
      {
        send: `APPLY /apis/t.example.com/v1/namespaces/t-definition/widgets/bad?${MANAGER}`,
        body: {
          apiVersion: "t.example.com/v1",
          kind: "Widget",
          metadata: { name: "bad", namespace: "t-definition" },
          spec: { color: "blue", unknown: 1 },
        },
      },
      {
        send: `APPLY /apis/t.example.com/v1/namespaces/t-definition/widgets/bad?${MANAGER}`,
        body: {
          apiVersion: "t.example.com/v1",
          kind: "Widget",
          metadata: { name: "bad", namespace: "t-definition" },
          spec: {},
        },
      },
      {
        send: `APPLY /apis/t.example.com/v1/namespaces/t-definition/widgets/bad?${MANAGER}`,
        body: {
          apiVersion: "t.example.com/v1",
          kind: "Widget",
          metadata: { name: "bad", namespace: "t-definition" },
          spec: { color: "blue", size: "big" },
        },
      },
      {
        send: `POST /apis/t.example.com/v1/namespaces/t-definition/widgets?fieldManager=tester`,
        body: {
          apiVersion: "t.example.com/v1",
          kind: "Widget",
          metadata: { name: "posted" },
          spec: { color: "red", size: "big" },
        },
      },
      {
        send: `POST /apis/t.example.com/v1/namespaces/t-definition/widgets?fieldManager=tester`,
        body: {
          apiVersion: "t.example.com/v1",
          kind: "Widget",
          metadata: { name: "posted" },
          spec: { color: "red", unknown: 1 },
          status: { phase: "no" },
        },
      },
      {
        send: `PUT /apis/t.example.com/v1/namespaces/t-definition/widgets/posted`,
        body: { apiVersion: "t.example.com/v1", kind: "Widget", metadata: { name: "posted" }, spec: { color: "blue" } },
      },
      {
        send: `STRATEGIC /apis/t.example.com/v1/namespaces/t-definition/widgets/posted`,
        body: { spec: { color: "blue" } },
      },
      {
        send: `APPLY /apis/t.example.com/v1/namespaces/t-definition/widgets/w/status?fieldManager=s`,
        body: {
          apiVersion: "t.example.com/v1",
          kind: "Widget",
          metadata: { name: "w", namespace: "t-definition" },
          status: { phase: "Applied" },
        },
      },
      {
        send: `APPLY /apis/t.example.com/v1/namespaces/t-definition/widgets/w/status?fieldManager=s&force=true`,
        body: {
          apiVersion: "t.example.com/v1",
          kind: "Widget",
          metadata: { name: "w", namespace: "t-definition" },
          status: { phase: "Applied" },
        },
      },
      { send: `GET /apis/t.example.com/v1/namespaces/t-definition/widgets` },
      {
        send: `MERGE /apis/t.example.com/v1/namespaces/t-definition/widgets/w`,
        body: { metadata: { finalizers: null } },
        unchecked: true,
      },
      { send: `DELETE /apis/t.example.com/v1/namespaces/t-definition/widgets/w` },
      { send: `GET /apis/t.example.com/v1` },
      { send: `GET /apis/t.example.com` },
    ],
  },
];
