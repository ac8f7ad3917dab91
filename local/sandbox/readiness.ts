/**
 * The status that a healthy workload shows. An image tagged `never-ready`, or the annotation
 * `sandbox.driftless.dev/ready: "false"`, keeps a workload unready; no pod ever runs.
 */
import { createHash } from "node:crypto";
import { at, equal, listOf, objOf, textOf, withAt, type Obj } from "./json.ts";

export const SIMULATED: ReadonlySet<string> = new Set([
  "Deployment",
  "StatefulSet",
  "DaemonSet",
  "ReplicaSet",
  "Job",
  "Pod",
  "PersistentVolumeClaim",
  "PodDisruptionBudget",
]);

export const READY_ANNOTATION = "sandbox.driftless.dev/ready";

const REVISION = "deployment.kubernetes.io/revision";
const TEMPLATE_HASH = new WeakMap<Obj, string>();

function neverReady(object: Obj): boolean {
  if (at(object, "metadata", "annotations", READY_ANNOTATION) === "false") return true;
  const pod = objOf(object.kind === "Pod" ? object.spec : at(object, "spec", "template", "spec"));
  return listOf(pod.containers).some((container) => textOf(objOf(container).image).endsWith(":never-ready"));
}

/** The object with its next status, or undefined when nothing changes. */
export function readyStatus(object: Obj, now: string): Obj | undefined {
  const status = SIMULATORS[textOf(object.kind)]?.(object, now);
  if (!status) return undefined;
  const next: Obj = { ...object, status };
  const marked = object.kind === "Deployment" ? revised(next, object) : next;
  return equal(marked.status, object.status) && equal(marked.metadata, object.metadata) ? undefined : marked;
}

type Simulator = (object: Obj, now: string) => Obj | undefined;

const generation = (object: Obj): Obj => ({ observedGeneration: at(object, "metadata", "generation") ?? 1 });

const SIMULATORS: Readonly<Record<string, Simulator>> = {
  Deployment: (object, now) => {
    const replicas = Number(at(object, "spec", "replicas") ?? 1);
    const ready = !neverReady(object);
    const name = `${textOf(at(object, "metadata", "name"))}-${templateHash(object)}`;
    const available = ready || replicas === 0;
    return {
      ...generation(object),
      ...(replicas > 0 ? { replicas, updatedReplicas: replicas } : {}),
      ...(replicas > 0 && ready ? { readyReplicas: replicas, availableReplicas: replicas } : {}),
      ...(replicas > 0 && !ready ? { unavailableReplicas: replicas } : {}),
      conditions: [
        condition(
          object,
          now,
          "Available",
          available,
          available ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
          `Deployment ${available ? "has" : "does not have"} minimum availability.`,
        ),
        condition(
          object,
          now,
          "Progressing",
          true,
          available ? "NewReplicaSetAvailable" : "ReplicaSetUpdated",
          `ReplicaSet "${name}" ${available ? "has successfully progressed" : "is progressing"}.`,
        ),
      ],
    };
  },
  StatefulSet: (object) => {
    const replicas = Number(at(object, "spec", "replicas") ?? 1);
    const revision = `${textOf(at(object, "metadata", "name"))}-${templateHash(object)}`;
    const ready = neverReady(object) ? 0 : replicas;
    return {
      ...generation(object),
      replicas,
      availableReplicas: ready,
      ...(ready > 0 ? { readyReplicas: ready } : {}),
      ...(replicas > 0 ? { updatedReplicas: replicas, currentReplicas: replicas } : {}),
      currentRevision: revision,
      updateRevision: revision,
      collisionCount: 0,
    };
  },
  DaemonSet: (object) => {
    const ready = neverReady(object) ? 0 : 1;
    return {
      ...generation(object),
      currentNumberScheduled: 1,
      desiredNumberScheduled: 1,
      numberMisscheduled: 0,
      numberReady: ready,
      updatedNumberScheduled: 1,
      ...(ready ? { numberAvailable: 1 } : { numberUnavailable: 1 }),
    };
  },
  ReplicaSet: (object) => {
    const replicas = Number(at(object, "spec", "replicas") ?? 1);
    const ready = neverReady(object) ? 0 : replicas;
    return {
      ...generation(object),
      replicas,
      ...(ready ? { readyReplicas: ready, availableReplicas: ready, fullyLabeledReplicas: ready } : {}),
    };
  },
  Job: (object, now) => {
    if (textOf(at(object, "status", "completionTime"))) return undefined;
    if (at(object, "spec", "suspend") === true)
      return { conditions: [jobCondition("Suspended", now, "JobSuspended", "Job suspended")] };
    const startTime = textOf(at(object, "status", "startTime")) || now;
    if (neverReady(object)) return { startTime, active: 1, ready: 0, terminating: 0, uncountedTerminatedPods: {} };
    const reason = "CompletionsReached";
    const message = "Reached expected number of succeeded pods";
    return {
      startTime,
      completionTime: now,
      succeeded: Number(at(object, "spec", "completions") ?? 1),
      ready: 0,
      terminating: 0,
      uncountedTerminatedPods: {},
      conditions: [
        jobCondition("SuccessCriteriaMet", now, reason, message),
        jobCondition("Complete", now, reason, message),
      ],
    };
  },
  Pod: (object, now) => {
    if (neverReady(object)) return undefined;
    const status = objOf(object.status);
    if (status.phase !== "Pending") return undefined;
    const conditions = ["PodScheduled", "Initialized", "ContainersReady", "Ready"].map((type) => ({
      type,
      status: "True",
      lastTransitionTime: now,
      lastProbeTime: null,
    }));
    const containers = listOf(at(object, "spec", "containers")).map(objOf);
    return {
      ...status,
      phase: "Running",
      startTime: now,
      conditions,
      containerStatuses: containers.map(({ name, image }) => ({
        name,
        image,
        imageID: "",
        ready: true,
        started: true,
        restartCount: 0,
        state: { running: { startedAt: now } },
        lastState: {},
      })),
    };
  },
  PersistentVolumeClaim: (object) =>
    at(object, "status", "phase") === "Bound"
      ? undefined
      : {
          phase: "Bound",
          accessModes: at(object, "spec", "accessModes"),
          capacity: at(object, "spec", "resources", "requests"),
        },
  PodDisruptionBudget: (object, now) => ({
    ...generation(object),
    currentHealthy: 0,
    desiredHealthy: 0,
    disruptionsAllowed: 0,
    expectedPods: 0,
    conditions: [
      { ...condition(object, now, "DisruptionAllowed", false, "InsufficientPods", ""), lastUpdateTime: undefined },
    ].map(({ lastUpdateTime: _, ...rest }) => ({ ...rest, ...generation(object) })),
  }),
};

function condition(object: Obj, now: string, type: string, holds: boolean, reason: string, message: string): Obj {
  const old = objOf(listOf(at(object, "status", "conditions")).find((one) => objOf(one).type === type));
  const status = holds ? "True" : "False";
  const same = old.status === status && old.reason === reason && old.message === message;
  return {
    type,
    status,
    lastUpdateTime: same ? old.lastUpdateTime : now,
    lastTransitionTime: old.status === status ? old.lastTransitionTime : now,
    reason,
    message,
  };
}

const jobCondition = (type: string, now: string, reason: string, message: string): Obj => ({
  type,
  status: "True",
  lastProbeTime: now,
  lastTransitionTime: now,
  reason,
  message,
});

function templateHash(object: Obj): string {
  const template = objOf(at(object, "spec", "template"));
  const known = TEMPLATE_HASH.get(template);
  if (known) return known;
  const hash = createHash("sha256").update(JSON.stringify(template)).digest("hex").slice(0, 10);
  TEMPLATE_HASH.set(template, hash);
  return hash;
}

/** The revision annotation: counted up when the template changed since it was last written. */
function revised(next: Obj, object: Obj): Obj {
  const shown = listOf(at(object, "status", "conditions"))
    .map(objOf)
    .find((one) => one.type === "Progressing");
  const changed = !textOf(shown?.message).includes(templateHash(object));
  const revision = Number(at(object, "metadata", "annotations", REVISION) ?? 0);
  return revision === 0 || changed ? withAt(next, ["metadata", "annotations", REVISION], String(revision + 1)) : next;
}
