/** What is known of the health of objects, from replies, lists and events: the newest version of each counts. */
import { groupOf, type KubeObject, type ObjectRef, refOf } from "../api/kube-object.ts";
import { assessHealth, type Health, hasPods } from "../health/assess-health.ts";
import { fieldAt } from "../health/fields.ts";
import { formatId } from "../inventory/id.ts";
import type { Cluster } from "../kubernetes/cluster.ts";
import { kindKey } from "./observe-live.ts";

export interface Known {
  readonly ref: ObjectRef;
  readonly health: Health;
  /** Kept while it is not as wanted: time and its Pods may still change the judgement. */
  readonly object: KubeObject | undefined;
  readonly version: string;
  readonly generation: number;
  /** None where nothing is there. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface KnownHealth {
  of(ref: ObjectRef): Known | undefined;
  /** Ignored when something newer is known of the object. @returns whether the health is another one now */
  saw(object: KubeObject): boolean;
  /** Ignored when something newer is known: another object may bear the name since. */
  gone(ref: ObjectRef, version?: string): boolean;
  /** A kind that nobody has defined yet may come. */
  undefinedKind(ref: ObjectRef): void;
  forget(ref: ObjectRef): void;
  /** What told of it is not there any more. */
  alarm(): void;
  /** Whether something has failed, has to be looked at again, or gave an alarm, since this was last asked. */
  isAlarmed(): boolean;
  /** Judges again by the clock, and by the Pods of a workload in progress. */
  lookAtPods(ref: ObjectRef, cluster: Pick<Cluster, "list">): Promise<void>;
}

export type Judge = (object: KubeObject) => Health | undefined;

/** @param judge the spec's own rules; undefined for kinds that they do not judge */
export function createKnownHealth(judge: Judge, now: () => number): KnownHealth {
  const known = new Map<string, Known>();
  const clusterWide = new Set<string>();
  let isAlarmed = false;
  /** The server passes over the namespace that a spec names for a kind that has none, and answers without it. */
  const idOf = (ref: ObjectRef): string =>
    ref.namespace !== undefined && clusterWide.has(kindKey(ref)) ? formatId({ ...ref, namespace: "" }) : formatId(ref);
  const healthOf = (object: KubeObject): Health => judge(object) ?? assessHealth(object, [], now());
  const keep = (entry: Known): boolean => {
    const id = idOf(entry.ref);
    const before = known.get(id);
    known.set(id, entry);
    isAlarmed ||= entry.health.status === "Failed";
    return before?.health.status !== entry.health.status;
  };
  const none = { object: undefined, generation: 0, labels: {} };
  return {
    of: (ref) => known.get(idOf(ref)),
    saw(object) {
      const ref = refOf(object);
      if (ref.namespace === undefined) clusterWide.add(kindKey(ref));
      const before = known.get(idOf(ref));
      if (before && isOlder(object, before)) return false;
      const health = healthOf(object);
      const { resourceVersion: version = "", generation = 0, labels = {} } = object.metadata;
      const isDone = health.status === "Current";
      return keep({ ref, health, object: isDone ? undefined : object, version, generation, labels });
    },
    gone(ref, version = "") {
      const before = known.get(idOf(ref));
      if (before && precedes(version, before.version)) return false;
      return keep({ ...none, ref, health: assessHealth(undefined), version });
    },
    undefinedKind: (ref) => void keep({ ...none, ref, health: unknown(ref), version: "" }),
    forget: (ref) => {
      known.delete(idOf(ref));
      isAlarmed = true;
    },
    alarm: () => {
      isAlarmed = true;
    },
    isAlarmed: () => {
      const was = isAlarmed;
      isAlarmed = false;
      return was;
    },
    async lookAtPods(ref, cluster) {
      const entry = known.get(idOf(ref));
      if (!entry?.object) return;
      const { object } = entry;
      const health = judge(object) ?? (await withPods(object, cluster, now));
      if (known.get(idOf(ref)) === entry) keep({ ...entry, health });
    },
  };
}

/** Versions of one kind are numbers that grow; where a server has others, its generation is the second best. */
function isOlder({ metadata: { resourceVersion = "", generation } }: KubeObject, before: Known): boolean {
  if (isNumber(resourceVersion) && isNumber(before.version)) return precedes(resourceVersion, before.version);
  return (generation ?? 0) < before.generation;
}

const precedes = (version: string, other: string): boolean =>
  isNumber(version) && isNumber(other) && BigInt(version) < BigInt(other);

const isNumber = (text: string): boolean => /^\d+$/.test(text);

async function withPods(object: KubeObject, cluster: Pick<Cluster, "list">, now: () => number): Promise<Health> {
  const health = assessHealth(object, [], now());
  if (health.status !== "InProgress" || !hasPods(object) || fieldAt(object, "spec", "replicas") === 0) return health;
  const selector = fieldAt(object, "spec", "selector", "matchLabels");
  const labelSelector = Object.entries((selector ?? {}) as Record<string, string>)
    .map(([name, value]) => `${name}=${value}`)
    .join(",");
  const { namespace } = object.metadata;
  if (labelSelector === "" || namespace === undefined) return health;
  const pods = await cluster.list("v1", "Pod", { namespace, labelSelector });
  return assessHealth(object, pods.items, now());
}

const unknown = ({ apiVersion, kind }: ObjectRef): Health => ({
  status: "Unknown",
  message: `no matches for kind "${kind}" in group "${groupOf(apiVersion)}"`,
});
