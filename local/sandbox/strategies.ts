/** What a kind does when it is created or changed: status kept apart, generation counted, fields that the server fills in. */
import { definitionStatus } from "./custom-resources.ts";
import { at, equal, isObj, listOf, objOf, textOf, withAt, type Obj } from "./json.ts";
import type { Resource } from "./resources.ts";

export interface StrategyContext {
  readonly now: string;
  readonly uid: string;
  /** The next free cluster address; only called when a Service needs one. */
  readonly allocateAddress: () => string;
}

/** The status that a fresh object of these kinds shows. */
const FRESH_STATUS: Readonly<Record<string, Obj>> = {
  Deployment: {},
  CronJob: {},
  Job: {},
  StatefulSet: { replicas: 0, availableReplicas: 0 },
  ReplicaSet: { replicas: 0 },
  ReplicationController: { replicas: 0 },
  DaemonSet: { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 },
  Service: { loadBalancer: {} },
  Ingress: { loadBalancer: {} },
  Namespace: { phase: "Active" },
  Pod: { phase: "Pending", qosClass: "BestEffort" },
  PersistentVolumeClaim: { phase: "Pending" },
  PersistentVolume: { phase: "Pending" },
  PodDisruptionBudget: { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 },
  HorizontalPodAutoscaler: { desiredReplicas: 0, currentMetrics: null },
  ResourceQuota: {},
  Node: {},
};

export function prepareCreate(resource: Resource, object: Obj, context: StrategyContext): Obj {
  const meta = objOf(object.metadata);
  const {
    deletionTimestamp: _,
    deletionGracePeriodSeconds: _g,
    resourceVersion: _rv,
    selfLink: _s,
    generation: _gen,
    ...rest
  } = meta;
  let out: Obj = {
    ...object,
    metadata: {
      ...rest,
      uid: context.uid,
      creationTimestamp: context.now,
      ...(resource.counted || resource.kind === "PriorityClass" ? { generation: 1 } : {}),
    },
  };
  if (resource.custom) return resource.hasStatus ? withAt(out, ["status"], undefined) : out;
  const status = FRESH_STATUS[resource.kind];
  if (resource.hasStatus && status) out = { ...out, status };
  return onCreate(resource.kind, out, context);
}

function onCreate(kind: string, object: Obj, context: StrategyContext): Obj {
  switch (kind) {
    case "Namespace":
      return { ...object, spec: { ...objOf(object.spec), finalizers: ["kubernetes"] } };
    case "Service":
      return { ...object, spec: withAddress(objOf(object.spec), undefined, context) };
    case "PersistentVolumeClaim":
      return withAt(
        object,
        ["metadata", "finalizers"],
        [...new Set([...listOf(at(object, "metadata", "finalizers")), "kubernetes.io/pvc-protection"])],
      );
    case "CustomResourceDefinition":
      return { ...object, status: definitionStatus(object, context.now) };
    case "Job": {
      const selected = withJobSelector(object, context.uid);
      const labels = at(object, "metadata", "labels") ?? at(selected, "spec", "template", "metadata", "labels");
      return withAt(
        withAt(selected, ["metadata", "labels"], labels),
        ["spec", "manualSelector"],
        at(object, "spec", "manualSelector") ?? false,
      );
    }
    case "DaemonSet":
      return withAt(object, ["metadata", "annotations", TEMPLATE_GENERATION], "1");
    default:
      return object;
  }
}

const TEMPLATE_GENERATION = "deprecated.daemonset.template.generation";

function withJobSelector(object: Obj, uid: string): Obj {
  if (at(object, "spec", "manualSelector") === true) return object;
  const name = at(object, "metadata", "name");
  const labels = {
    "batch.kubernetes.io/controller-uid": uid,
    "batch.kubernetes.io/job-name": name,
    "controller-uid": uid,
    "job-name": name,
  };
  const selected = withAt(object, ["spec", "selector"], { matchLabels: { "batch.kubernetes.io/controller-uid": uid } });
  return withAt(selected, ["spec", "template", "metadata", "labels"], {
    ...objOf(at(object, "spec", "template", "metadata", "labels")),
    ...labels,
  });
}

function withAddress(spec: Obj, old: Obj | undefined, context: StrategyContext): Obj {
  if (spec.type === "ExternalName") return spec;
  const address =
    textOf(spec.clusterIP) || textOf(listOf(spec.clusterIPs)[0]) || textOf(old?.clusterIP) || context.allocateAddress();
  const bare = address === "None" && spec.selector === undefined;
  return {
    ...spec,
    clusterIP: address,
    clusterIPs: spec.clusterIPs ?? old?.clusterIPs ?? [address],
    ipFamilies: spec.ipFamilies ?? old?.ipFamilies ?? (bare ? ["IPv4", "IPv6"] : ["IPv4"]),
    ipFamilyPolicy: spec.ipFamilyPolicy ?? old?.ipFamilyPolicy ?? (bare ? "RequireDualStack" : "SingleStack"),
  };
}

/** Fields that no client may change through the main resource. */
const SERVER_FIELDS = [
  "uid",
  "creationTimestamp",
  "generation",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "selfLink",
] as const;

export function prepareUpdate(resource: Resource, object: Obj, old: Obj, context: StrategyContext): Obj {
  let out = object;
  for (const field of SERVER_FIELDS) out = withAt(out, ["metadata", field], at(old, "metadata", field));
  if (resource.hasStatus) out = withAt(out, ["status"], old.status);
  if (resource.kind === "Service") out = { ...out, spec: withAddress(objOf(out.spec), objOf(old.spec), context) };
  if (resource.kind === "Namespace") out = withAt(out, ["spec", "finalizers"], at(old, "spec", "finalizers"));
  if (resource.kind === "CustomResourceDefinition") out = { ...out, status: definitionStatus(out, context.now) };
  if (resource.kind === "Job")
    out = withAt(
      withAt(out, ["spec", "selector"], at(old, "spec", "selector")),
      ["spec", "template"],
      keptTemplate(out, old),
    );
  if (resource.kind === "DaemonSet") {
    const generation = Number(at(old, "metadata", "annotations", TEMPLATE_GENERATION) ?? 1);
    const same = equal(at(out, "spec", "template"), at(old, "spec", "template"));
    out = withAt(out, ["metadata", "annotations", TEMPLATE_GENERATION], String(same ? generation : generation + 1));
  }
  return counted(resource, out, old);
}

/** A Job's template may be sent without the labels that the server added. */
function keptTemplate(object: Obj, old: Obj): unknown {
  const labels = {
    ...objOf(at(old, "spec", "template", "metadata", "labels")),
    ...objOf(at(object, "spec", "template", "metadata", "labels")),
  };
  return withAt(at(object, "spec", "template"), ["metadata", "labels"], labels);
}

function counted(resource: Resource, object: Obj, old: Obj): Obj {
  if (!resource.counted) return object;
  const changed = resource.custom
    ? !equal(specOf(resource, object), specOf(resource, old))
    : !equal(object.spec, old.spec) ||
      (annotated(resource.kind) && !equal(at(object, "metadata", "annotations"), at(old, "metadata", "annotations")));
  return changed
    ? withAt(object, ["metadata", "generation"], Number(at(old, "metadata", "generation") ?? 0) + 1)
    : object;
}

/** An annotation of a Deployment counts as a change. */
const annotated = (kind: string): boolean => kind === "Deployment";

function specOf(resource: Resource, object: Obj): Obj {
  const { metadata: _, apiVersion: _a, kind: _k, status, ...rest } = object;
  return resource.hasStatus ? rest : { ...rest, ...(status === undefined ? {} : { status }) };
}

/** Only the status of `object` counts; everything else is the old object's. */
export function prepareStatus(resource: Resource, object: Obj, old: Obj): Obj {
  const meta = objOf(old.metadata);
  const kept = resource.custom
    ? meta
    : { ...meta, annotations: at(object, "metadata", "annotations") ?? meta.annotations };
  const metadata = Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== undefined));
  const out: Obj = { ...old, metadata: { ...metadata, managedFields: at(object, "metadata", "managedFields") } };
  return isObj(object.status) ? { ...out, status: object.status } : withAt(out, ["status"], undefined);
}
