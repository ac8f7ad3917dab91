/** Health of what was applied: one look per object, again for a few seconds after a fresh apply, never longer. */
import type { KubeObject, ObjectRef } from "../api/kube-object.ts";
import type { Kustomization, ResourceRef } from "../api/kustomization.ts";
import { assessHealth, type Health, hasPods } from "../health/assess-health.ts";
import { type AssessedObject, concludeHealth, type HealthConclusion } from "../health/conclude-health.ts";
import { refOfId } from "../inventory/id.ts";
import type { Cluster } from "../kubernetes/cluster.ts";
import type { Clock } from "../runtime/clock.ts";
import { each } from "../runtime/each.ts";
import { kindKey } from "./observe-live.ts";

/** Kinds without a rule or a Ready condition of their own: healthy as soon as they exist, and they were just applied. */
const readyWhenApplied = new Set([
  "/ConfigMap",
  "/Secret",
  "/ServiceAccount",
  "/LimitRange",
  "/ResourceQuota",
  "batch/CronJob",
  "networking.k8s.io/NetworkPolicy",
  "rbac.authorization.k8s.io/Role",
  "rbac.authorization.k8s.io/RoleBinding",
  "rbac.authorization.k8s.io/ClusterRole",
  "rbac.authorization.k8s.io/ClusterRoleBinding",
  "scheduling.k8s.io/PriorityClass",
]);

const looksInFlight = 8;

/** `wait` checks everything applied but the Kustomization itself; else the list in the spec. */
export function healthTargets(
  { spec, metadata }: Kustomization,
  inventory: readonly ResourceRef[],
): readonly ObjectRef[] {
  const refs = spec.wait === true ? inventory.map(refOfId) : listed(spec.healthChecks);
  return refs.filter((ref) => {
    if (ref.kind === "Kustomization" && ref.name === metadata.name && ref.namespace === metadata.namespace)
      return false;
    return spec.wait !== true || !readyWhenApplied.has(kindKey(ref));
  });
}

function listed(checks: Kustomization["spec"]["healthChecks"] = []): readonly ObjectRef[] {
  return checks.map(({ apiVersion = "apps/v1", kind, name, namespace }) => ({
    apiVersion,
    kind,
    name,
    ...(namespace ? { namespace } : {}),
  }));
}

async function assess(cluster: Cluster, targets: readonly ObjectRef[], now: number): Promise<HealthConclusion> {
  const found = new Map<ObjectRef, AssessedObject>();
  await each(targets, looksInFlight, async (ref) => {
    const object = await cluster.get(ref);
    const ttl = (object?.spec as { ttlSecondsAfterFinished?: number } | undefined)?.ttlSecondsAfterFinished;
    found.set(ref, {
      ref,
      health: await healthOf(cluster, object, now),
      ...(ref.kind === "Job" && ttl !== undefined ? { vanishesWhenDone: true } : {}),
    });
  });
  return concludeHealth(targets.flatMap((ref) => found.get(ref) ?? []));
}

async function healthOf(cluster: Cluster, object: KubeObject | undefined, now: number): Promise<Health> {
  const health = assessHealth(object, [], now);
  if (!object || health.status !== "InProgress" || !hasPods(object)) return health;
  const selector = (object.spec as { selector?: { matchLabels?: Record<string, string> } } | undefined)?.selector;
  const labelSelector = Object.entries(selector?.matchLabels ?? {})
    .map(([name, value]) => `${name}=${value}`)
    .join(",");
  const { namespace } = object.metadata;
  if (labelSelector === "" || namespace === undefined) return health;
  const pods = await cluster.list("v1", "Pod", { namespace, labelSelector });
  return assessHealth(object, pods.items, now);
}

const firstPauseMillis = 100;
const longestPauseMillis = 1000;

/** Looks again until all is well, something failed or `millis` are over; 0 looks once. */
export async function watchHealth(
  cluster: Cluster,
  targets: readonly ObjectRef[],
  options: { readonly clock: Clock; readonly millis: number },
): Promise<HealthConclusion> {
  if (targets.length === 0) return { kind: "current" };
  const end = options.clock.now() + options.millis;
  for (let pause = firstPauseMillis; ; pause = Math.min(pause * 2, longestPauseMillis)) {
    const conclusion = await assess(cluster, targets, options.clock.now());
    if (conclusion.kind !== "waiting" || options.clock.now() + pause > end) return conclusion;
    await options.clock.sleep(pause);
  }
}
