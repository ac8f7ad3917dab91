/** The defaults that the API server's Go code gives to built-in kinds (those that no schema declares). */
import { withDefinitionDefaults } from "./custom-resources.ts";
import { isObj, listOf, objOf, textOf, withAt, type Obj } from "./json.ts";

/** Fields of `defaults` that the object lacks. */
const fill = (object: unknown, defaults: Obj): Obj => ({ ...defaults, ...objOf(object) });

type Defaulter = (object: Obj) => Obj;

const spec =
  (change: Defaulter): Defaulter =>
  (object) => ({ ...object, spec: change(objOf(object.spec)) });

const template = (owner: Obj): Obj => withAt(owner, ["template", "spec"], podSpec(objOf(objOf(owner.template).spec)));

const DEFAULTS: Readonly<Record<string, Defaulter>> = {
  Namespace: (object) =>
    withAt(object, ["metadata", "labels", "kubernetes.io/metadata.name"], objOf(object.metadata).name),
  CustomResourceDefinition: withDefinitionDefaults,
  Pod: spec((pod) => ({ enableServiceLinks: true, ...podSpec(pod) })),
  Deployment: spec((s) => {
    const strategy = fill(s.strategy, { type: "RollingUpdate" });
    const rolling = strategy.type === "RollingUpdate";
    const update = { rollingUpdate: fill(strategy.rollingUpdate, { maxUnavailable: "25%", maxSurge: "25%" }) };
    return {
      replicas: 1,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      ...template(s),
      strategy: rolling ? { ...strategy, ...update } : strategy,
    };
  }),
  ReplicaSet: spec((s) => ({ replicas: 1, ...template(s) })),
  StatefulSet: spec((s) => {
    const strategy = fill(s.updateStrategy, { type: "RollingUpdate" });
    const rolling = strategy.type === "RollingUpdate";
    return {
      podManagementPolicy: "OrderedReady",
      replicas: 1,
      revisionHistoryLimit: 10,
      ...template(s),
      persistentVolumeClaimRetentionPolicy: fill(s.persistentVolumeClaimRetentionPolicy, {
        whenDeleted: "Retain",
        whenScaled: "Retain",
      }),
      updateStrategy: rolling
        ? { ...strategy, rollingUpdate: fill(strategy.rollingUpdate, { partition: 0 }) }
        : strategy,
      ...(s.volumeClaimTemplates === undefined
        ? {}
        : {
            volumeClaimTemplates: listOf(s.volumeClaimTemplates).map((claim) => ({
              apiVersion: "v1",
              kind: "PersistentVolumeClaim",
              ...claimOf(objOf(claim)),
            })),
          }),
    };
  }),
  DaemonSet: spec((s) => {
    const strategy = fill(s.updateStrategy, { type: "RollingUpdate" });
    const rolling = strategy.type === "RollingUpdate";
    const update = { rollingUpdate: fill(strategy.rollingUpdate, { maxUnavailable: 1, maxSurge: 0 }) };
    return {
      revisionHistoryLimit: 10,
      ...template(s),
      updateStrategy: rolling ? { ...strategy, ...update } : strategy,
    };
  }),
  Job: spec((s) => ({
    ...(s.completions === undefined && s.parallelism === undefined ? { completions: 1 } : {}),
    parallelism: 1,
    backoffLimit: 6,
    completionMode: "NonIndexed",
    suspend: false,
    podReplacementPolicy: "TerminatingOrFailed",
    ...template(s),
  })),
  CronJob: spec((s) => ({
    concurrencyPolicy: "Allow",
    suspend: false,
    successfulJobsHistoryLimit: 3,
    failedJobsHistoryLimit: 1,
    ...s,
    jobTemplate: withAt(s.jobTemplate, ["spec"], template(objOf(objOf(s.jobTemplate).spec))),
  })),
  Service: spec(serviceSpec),
  PersistentVolumeClaim: claimOf,
  PersistentVolume: spec((s) => ({ persistentVolumeReclaimPolicy: "Retain", volumeMode: "Filesystem", ...s })),
  Secret: (object) => {
    const { stringData, ...rest } = object;
    if (!isObj(stringData)) return fill(rest, { type: "Opaque" });
    const encoded = Object.fromEntries(
      Object.entries(stringData).map(([key, value]) => [key, Buffer.from(String(value)).toString("base64")]),
    );
    return fill({ ...rest, data: { ...objOf(rest.data), ...encoded } }, { type: "Opaque" });
  },
  HorizontalPodAutoscaler: (object) => ({
    ...object,
    spec: {
      minReplicas: 1,
      ...objOf(object.spec),
      metrics: objOf(object.spec).metrics ?? [
        { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 80 } } },
      ],
    },
  }),
  NetworkPolicy: spec((s) => {
    const rules = (value: unknown): unknown =>
      value === undefined
        ? undefined
        : listOf(value).map((rule) =>
            objOf(rule).ports === undefined
              ? rule
              : { ...objOf(rule), ports: listOf(objOf(rule).ports).map((port) => fill(port, { protocol: "TCP" })) },
          );
    return {
      ...s,
      ...(s.ingress === undefined ? {} : { ingress: rules(s.ingress) }),
      ...(s.egress === undefined ? {} : { egress: rules(s.egress) }),
      policyTypes: s.policyTypes ?? ["Ingress", ...(s.egress === undefined ? [] : ["Egress"])],
    };
  }),
  LimitRange: spec((s) => ({ ...s, limits: listOf(s.limits).map((limit) => limitItem(objOf(limit))) })),
  RoleBinding: binding,
  ClusterRoleBinding: binding,
  StorageClass: (object) => fill(object, { reclaimPolicy: "Delete", volumeBindingMode: "Immediate" }),
  PriorityClass: (object) => fill(object, { preemptionPolicy: "PreemptLowerPriority" }),
};

/** The object with defaults; kinds without any come back as they are. */
export const withGoDefaults = (kind: string, object: Obj): Obj => DEFAULTS[kind]?.(object) ?? object;

/** A container's limit is also its request, a maximum also its limit. */
function limitItem(limit: Obj): Obj {
  if (limit.type !== "Container") return limit;
  const limits = { ...objOf(limit.max), ...objOf(limit.default) };
  const requests = { ...limits, ...objOf(limit.min), ...objOf(limit.defaultRequest) };
  return {
    ...limit,
    ...(Object.keys(limits).length > 0 ? { default: limits } : {}),
    ...(Object.keys(requests).length > 0 ? { defaultRequest: requests } : {}),
  };
}

function claimOf(claim: Obj): Obj {
  return {
    ...claim,
    spec: fill(claim.spec, { volumeMode: "Filesystem" }),
    status: fill(claim.status, { phase: "Pending" }),
  };
}

function binding(object: Obj): Obj {
  const rbac = "rbac.authorization.k8s.io";
  const subjects = listOf(object.subjects).map((subject) => {
    const kind = objOf(subject).kind;
    return kind === "User" || kind === "Group"
      ? { ...objOf(subject), apiGroup: objOf(subject).apiGroup || rbac }
      : subject;
  });
  const roleRef = objOf(object.roleRef);
  return {
    ...object,
    roleRef: { ...roleRef, apiGroup: roleRef.apiGroup || rbac },
    ...(subjects.length > 0 ? { subjects } : {}),
  };
}

function serviceSpec(s: Obj): Obj {
  const type = textOf(s.type) || "ClusterIP";
  const ports = listOf(s.ports).map((port) => {
    const filled = fill(port, { protocol: "TCP" });
    const target = filled.targetPort;
    return target === undefined || target === 0 || target === "" ? { ...filled, targetPort: filled.port } : filled;
  });
  const external = type === "NodePort" || type === "LoadBalancer";
  return {
    sessionAffinity: "None",
    type,
    ...(type === "ExternalName" ? {} : { internalTrafficPolicy: "Cluster" }),
    ...(external ? { externalTrafficPolicy: "Cluster" } : {}),
    ...(type === "LoadBalancer" ? { allocateLoadBalancerNodePorts: true } : {}),
    ...s,
    ...(s.sessionAffinity === "ClientIP" && s.sessionAffinityConfig === undefined
      ? { sessionAffinityConfig: { clientIP: { timeoutSeconds: 10800 } } }
      : {}),
    ...(ports.length > 0 ? { ports } : {}),
  };
}

function podSpec(pod: Obj): Obj {
  const account = textOf(pod.serviceAccountName) || textOf(pod.serviceAccount);
  const lists = (field: string, change: (item: Obj) => Obj): Obj =>
    pod[field] === undefined ? {} : { [field]: listOf(pod[field]).map((item) => change(objOf(item))) };
  return {
    restartPolicy: "Always",
    terminationGracePeriodSeconds: 30,
    dnsPolicy: "ClusterFirst",
    schedulerName: "default-scheduler",
    ...pod,
    securityContext: objOf(pod.securityContext),
    ...(account ? { serviceAccountName: account, serviceAccount: account } : {}),
    ...lists("containers", (item) => container(item, pod.hostNetwork === true)),
    ...lists("initContainers", (item) => container(item, pod.hostNetwork === true)),
    ...lists("volumes", volume),
  };
}

function container(c: Obj, hostNetwork: boolean): Obj {
  const image = textOf(c.image);
  const name = image.split("@")[0] ?? "";
  const tag = image.includes("@") ? "digest" : (/:([^/:]+)$/.exec(name)?.[1] ?? "latest");
  const probes = Object.fromEntries(
    ["livenessProbe", "readinessProbe", "startupProbe"]
      .filter((field) => c[field] !== undefined)
      .map((field) => [field, probe(objOf(c[field]))]),
  );
  return {
    imagePullPolicy: tag === "latest" ? "Always" : "IfNotPresent",
    terminationMessagePath: "/dev/termination-log",
    terminationMessagePolicy: "File",
    ...c,
    ...(c.ports === undefined
      ? {}
      : {
          ports: listOf(c.ports).map((port) =>
            fill(port, { protocol: "TCP", ...(hostNetwork ? { hostPort: objOf(port).containerPort } : {}) }),
          ),
        }),
    ...(c.env === undefined ? {} : { env: listOf(c.env).map((variable) => fieldRef(objOf(variable))) }),
    ...(c.lifecycle === undefined
      ? {}
      : {
          lifecycle: Object.fromEntries(
            Object.entries(objOf(c.lifecycle)).map(([hook, action]) => [
              hook,
              isObj(action) ? handler(action) : action,
            ]),
          ),
        }),
    ...probes,
  };
}

function fieldRef(variable: Obj): Obj {
  const from = objOf(variable.valueFrom);
  return isObj(from.fieldRef)
    ? { ...variable, valueFrom: { ...from, fieldRef: fill(from.fieldRef, { apiVersion: "v1" }) } }
    : variable;
}

const handler = (action: Obj): Obj => ({
  ...action,
  ...(isObj(action.httpGet) ? { httpGet: fill(action.httpGet, { path: "/", scheme: "HTTP" }) } : {}),
  ...(isObj(action.grpc) ? { grpc: fill(action.grpc, { service: "" }) } : {}),
});

const probe = (p: Obj): Obj => ({
  timeoutSeconds: 1,
  periodSeconds: 10,
  successThreshold: 1,
  failureThreshold: 3,
  ...handler(p),
});

const SOURCES_WITH_MODE = ["secret", "configMap", "downwardAPI", "projected"];

function volume(v: Obj): Obj {
  const out: Obj = { ...v };
  for (const source of SOURCES_WITH_MODE) if (isObj(out[source])) out[source] = fill(out[source], { defaultMode: 420 });
  if (isObj(out.hostPath)) out.hostPath = fill(out.hostPath, { type: "" });
  const projected = out.projected;
  if (isObj(projected))
    out.projected = {
      ...projected,
      sources: listOf(projected.sources).map((one) => {
        const token = objOf(one).serviceAccountToken;
        return isObj(token) ? { ...objOf(one), serviceAccountToken: fill(token, { expirationSeconds: 3600 }) } : one;
      }),
    };
  return Object.keys(out).length === 1 ? { ...out, emptyDir: {} } : out;
}
