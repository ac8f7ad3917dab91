/** Asks the API server for objects whose health nothing has told of yet, and for the Pods of workloads in progress. */
import type { KubeObject, ObjectRef } from "../api/kube-object.ts";
import { type Cluster, KubeError } from "../kubernetes/cluster.ts";
import type { Clock } from "../runtime/clock.ts";
import { each } from "../runtime/each.ts";
import type { KnownHealth } from "./known-health.ts";
import { byKind, type Owned } from "./watch-scopes.ts";

export interface Looks {
  /** At those of which nothing is known. */
  atAbsent(targets: readonly ObjectRef[]): Promise<void>;
  /** At the Pods of what is in progress, now and after growing pauses; a new workload has none yet. */
  atPods(targets: readonly ObjectRef[]): Promise<void>;
}

export interface LookPorts {
  readonly clock: Pick<Clock, "now">;
  readonly owned: Owned;
}

const inFlight = 8;
/** More of a kind are listed. */
const mostGets = 4;
const firstPodsMillis = 1000;
const freshMillis = 5000;

export function createLooks(cluster: Cluster, known: KnownHealth, { clock, owned }: LookPorts): Looks {
  let podsAt: number | undefined;
  let pause = firstPodsMillis;
  const absentOf = (refs: readonly ObjectRef[]) => refs.filter((ref) => !known.of(ref));

  const get = async (ref: ObjectRef): Promise<void> => {
    try {
      const object = await cluster.get(ref);
      if (object) known.saw(object);
      else if (!known.of(ref)) known.gone(ref);
    } catch (error) {
      if (!(error instanceof KubeError) || error.reason !== "NoMatch") throw error;
      known.undefinedKind(ref);
    }
  };
  /** One that bears our label no more, or may not be listed, is asked for by its name. */
  const list = async ([first, ...rest]: readonly ObjectRef[]): Promise<void> => {
    const { selector, has } = owned;
    if (!first || rest.length < mostGets || selector === undefined || ![first, ...rest].every(has)) return;
    const { apiVersion, kind, namespace } = first;
    const isOne = namespace !== undefined && rest.every((ref) => ref.namespace === namespace);
    try {
      const within = isOne ? { namespace } : {};
      const { items } = await cluster.list(apiVersion, kind, { labelSelector: selector, ...within });
      items.forEach((object) => known.saw(object));
    } catch (error) {
      if (!(error instanceof KubeError) || (error.reason !== "Forbidden" && error.reason !== "NoMatch")) throw error;
    }
  };

  return {
    async atAbsent(targets) {
      for (const members of byKind(absentOf(targets))) await list(members);
      await each(absentOf(targets), inFlight, get);
    },
    async atPods(targets) {
      const open = targets.filter((ref) => known.of(ref)?.object);
      podsAt ??= clock.now() + (open.every((ref) => isFresh(known.of(ref)?.object, clock.now())) ? pause : 0);
      if (open.length === 0 || clock.now() < podsAt) return;
      pause *= 2;
      podsAt = clock.now() + pause;
      await each(open, inFlight, (ref) => known.lookAtPods(ref, cluster));
    },
  };
}

/** By the server's clock, which may be another one than ours: then it is no news. */
function isFresh(object: KubeObject | undefined, now: number): boolean {
  const age = now - Date.parse(object?.metadata.creationTimestamp ?? "");
  return object?.metadata.generation === 1 && Math.abs(age) < freshMillis;
}
