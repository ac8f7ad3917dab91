/** Writes what the engine has to tell about an object as a Kubernetes Event, in the form of Flux's controllers. */
import { randomInt } from "node:crypto";

import { type KubeObject, subjectOf } from "../api/kube-object.ts";
import { rfc3339, type Clock } from "../runtime/clock.ts";
import type { EngineEvent } from "../runtime/event.ts";
import type { Log } from "../runtime/log.ts";
import { type Cluster, KubeError } from "./cluster.ts";

const nanosPerMilli = 1_000_000;
/** An object's name in Kubernetes, less a dot and 16 hexadecimal digits. */
const longestPrefix = 253 - 17;

/**
 * @param component the controller of Flux in whose place the engine acts, e.g. `kustomize-controller`
 * @throws KubeError when the API server refuses; an event is no reason to fail a reconcile, the caller decides
 */
export async function recordEvent(
  cluster: Cluster,
  event: EngineEvent,
  { component, clock, signal }: { readonly component: string; readonly clock: Clock; readonly signal?: AbortSignal },
): Promise<void> {
  await cluster.create(eventObject(event, component, clock.now()), component, signal);
}

/** Logs the event and records it; one that cannot be written is no reason to fail a run. */
export async function tellEvent(
  cluster: Cluster,
  event: EngineEvent,
  { log, ...recording }: { readonly component: string; readonly clock: Clock; readonly log: Log },
): Promise<void> {
  log("event", { reason: event.reason, object: subjectOf(event.involved), message: event.message });
  try {
    await recordEvent(cluster, event, recording);
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    log("event not recorded", { message: error.message });
  }
}

/**
 * `core/v1` Event, named by the object and the time in nanoseconds, as client-go's recorder names it: through
 * `events.k8s.io/v1` the API server would refuse notes longer than 1,024 bytes. Readers find it in both APIs.
 */
export function eventObject(event: EngineEvent, component: string, now: number): KubeObject {
  const { type, reason, message, action, involved, related, annotations } = event;
  const nanos = BigInt(now) * BigInt(nanosPerMilli) + BigInt(randomInt(nanosPerMilli));
  const time = rfc3339(now);
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: {
      name: `${involved.name.slice(0, longestPrefix)}.${nanos.toString(16)}`,
      // Events of cluster-scoped objects live in `default`.
      namespace: involved.namespace ?? "default",
      ...(annotations && Object.keys(annotations).length > 0 ? { annotations } : {}),
    },
    involvedObject: involved,
    ...(related ? { related } : {}),
    action,
    reason,
    message,
    type,
    count: 1,
    firstTimestamp: time,
    lastTimestamp: time,
    source: { component },
    reportingComponent: component,
    reportingInstance: "",
  };
}
