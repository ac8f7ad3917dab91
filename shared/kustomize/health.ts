/** Health of what was applied: one look per object, again for a few seconds after a fresh apply, never longer. */
import { groupOf, type KubeObject, type ObjectRef } from "../api/kube-object.ts";
import type { Kustomization, ResourceRef } from "../api/kustomization.ts";
import { assessHealth, type Health, hasPods } from "../health/assess-health.ts";
import { type AssessedObject, concludeHealth, type HealthConclusion } from "../health/conclude-health.ts";
import { formatId, refOfId } from "../inventory/id.ts";
import { type Cluster, KubeError } from "../kubernetes/cluster.ts";
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
  const { healthCheckExprs: expressions = [] } = spec;
  const refs = spec.wait === true ? inventory.map(refOfId) : listed(spec.healthChecks);
  return refs.filter((ref) => {
    if (ref.kind === "Kustomization" && ref.name === metadata.name && ref.namespace === metadata.namespace)
      return false;
    return spec.wait !== true || expressions.length > 0 || !readyWhenApplied.has(kindKey(ref));
  });
}

/** Whether Flux would say how healthy it is, be it of objects that are healthy as soon as they are applied. */
export function asksForHealth({ spec }: Kustomization, inventory: readonly ResourceRef[]): boolean {
  return spec.wait === true ? inventory.length > 0 : (spec.healthChecks ?? []).length > 0;
}

function listed(checks: Kustomization["spec"]["healthChecks"] = []): readonly ObjectRef[] {
  return checks.map(({ apiVersion = "apps/v1", kind, name, namespace }) => ({
    apiVersion,
    kind,
    name,
    ...(namespace ? { namespace } : {}),
  }));
}

/** What is current already is not looked at again by the same watch. */
async function assess(
  cluster: Cluster,
  targets: readonly ObjectRef[],
  found: Map<ObjectRef, AssessedObject>,
  { clock, vanishing = new Set(), byExpression, failFast = true }: WatchOptions,
): Promise<HealthConclusion> {
  const open = targets.filter((ref) => found.get(ref)?.health.status !== "Current");
  await each(open, looksInFlight, async (ref) => {
    const object = await cluster.get(ref).catch(unknownKind);
    const health =
      object instanceof KubeError
        ? unknown(ref)
        : ((object && byExpression?.(object)) ?? (await healthOf(cluster, object, clock.now())));
    found.set(ref, { ref, health, vanishesWhenDone: vanishing.has(formatId(ref)) });
  });
  return concludeHealth(
    targets.flatMap((ref) => found.get(ref) ?? []),
    { failFast },
  );
}

/** A kind that nobody has defined yet may come. */
function unknownKind(error: unknown): KubeError {
  if (error instanceof KubeError && error.reason === "NoMatch") return error;
  throw error;
}

const unknown = ({ apiVersion, kind }: ObjectRef): Health => ({
  status: "Unknown",
  message: `no matches for kind "${kind}" in group "${groupOf(apiVersion)}"`,
});

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

export interface WatchOptions {
  readonly clock: Clock;
  /** How long to look again; 0 looks once. */
  readonly millis: number;
  /** Inventory ids of objects that go by themselves when they are done. */
  readonly vanishing?: ReadonlySet<string>;
  /** `spec.healthCheckExprs`: undefined for kinds that they do not judge. */
  readonly byExpression?: (object: KubeObject) => Health | undefined;
  /** Ends with the first object that cannot become healthy; Flux's default. */
  readonly failFast?: boolean;
}

/** Looks again until all is well, something failed or the time is over. */
export async function watchHealth(
  cluster: Cluster,
  targets: readonly ObjectRef[],
  options: WatchOptions,
): Promise<HealthConclusion> {
  if (targets.length === 0) return { kind: "current" };
  const found = new Map<ObjectRef, AssessedObject>();
  const end = options.clock.now() + options.millis;
  for (let pause = firstPauseMillis; ; pause = Math.min(pause * 2, longestPauseMillis)) {
    const conclusion = await assess(cluster, targets, found, options);
    if (conclusion.kind !== "waiting" || options.clock.now() + pause > end) return conclusion;
    await options.clock.sleep(pause);
  }
}
