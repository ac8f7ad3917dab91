/**
 * Generated ConfigMaps and Secrets whose name bears a hash: when their content changes, another one takes their place,
 * while Pods of the old revision still ask for them. So they are pruned only when what was applied is healthy.
 */
import { type ObjectRef, groupOf } from "../api/kube-object.ts";
import type { Kustomization, ResourceRef } from "../api/kustomization.ts";
import { refOfId } from "../inventory/id.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { appliedEvent } from "./events.ts";
import { lookAtHealth } from "./readiness.ts";
import { prune } from "./prune.ts";
import { type Run, targetOf } from "./run.ts";

/** The hash of kustomize's generators: ten of hexadecimal's digits, less those that could spell words. */
const hashed = /^(.+)-[2456789bcdfghkmt]{10}$/u;

const workloads = new Set(["apps/Deployment", "apps/StatefulSet", "apps/DaemonSet"]);

/** Those of `stale` in whose place something wanted has come, where anything may still run with them. */
export function findSuperseded(
  { spec }: Kustomization,
  stale: readonly ResourceRef[],
  wanted: readonly ResourceRef[],
): readonly ResourceRef[] {
  if (!hasChecks(spec) && workloadsOf(wanted).length === 0) return [];
  const successors = new Set(wanted.flatMap((entry) => baseOf(refOfId(entry)) ?? []));
  return stale.filter((entry) => {
    const base = baseOf(refOfId(entry));
    return base !== undefined && successors.has(base);
  });
}

function baseOf({ apiVersion, kind, namespace = "", name }: ObjectRef): string | undefined {
  if (groupOf(apiVersion) !== "" || (kind !== "ConfigMap" && kind !== "Secret")) return undefined;
  const base = hashed.exec(name)?.[1];
  return base === undefined ? undefined : `${kind}/${namespace}/${base}`;
}

const hasChecks = ({ wait, healthChecks = [] }: Kustomization["spec"]): boolean =>
  wait === true || healthChecks.length > 0;

const workloadsOf = (entries: readonly ResourceRef[]): readonly ObjectRef[] =>
  entries.map(refOfId).filter(({ apiVersion, kind }) => workloads.has(`${groupOf(apiVersion)}/${kind}`));

/**
 * After the health that the spec asks for was established. Where it asks for none, one look at the workloads decides.
 * @returns whether all are gone
 * @throws ReconcileError PruneFailed with those that could not be deleted, which stay in the inventory
 */
export async function pruneSuperseded(run: Run): Promise<boolean> {
  const { kustomization, superseded, held, ports, key, revision = "" } = run;
  const { name, namespace } = kustomization.metadata;
  if (superseded.length === 0) return true;
  const { applier, announcer, server } = targetOf(run);
  const entries = run.status.inventory?.entries ?? [];
  const running = workloadsOf(entries.filter(({ id }) => !held.has(id)));
  if (!hasChecks(kustomization.spec) && !(await areHealthy(run, running))) return false;
  const result = await prune(superseded, { name, namespace }, { cluster: applier, announcer, fence: ports.fence });
  const left = new Set(result.remaining.map(({ id }) => id));
  const gone = new Set(superseded.filter(({ id }) => !left.has(id)).map(({ id }) => id));
  run.status = { ...run.status, inventory: { entries: entries.filter(({ id }) => !gone.has(id)) } };
  run.superseded = result.remaining;
  const { superseded: _, ...state } = await ports.states.load(key, server);
  await ports.states.save(key, state);
  if (result.lines.length > 0) await ports.event(appliedEvent(kustomization, result.lines, revision, "Prune"));
  if (result.errors.length > 0) throw new ReconcileError("retry", "PruneFailed", result.errors.join("\n"));
  return true;
}

async function areHealthy(run: Run, targets: readonly ObjectRef[]): Promise<boolean> {
  const { ports, byExpression } = run;
  const options = { clock: ports.clock, millis: 0, judge: byExpression };
  return (await lookAtHealth(targetOf(run).applier, targets, options)).kind === "current";
}
