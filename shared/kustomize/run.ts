/** What one run carries from step to step: its clusters, its status writer, and how far it came. */
import type { Kustomization, KustomizationStatus, ResourceRef } from "../api/kustomization.ts";
import type { KubeObject } from "../api/kube-object.ts";
import type { Health } from "../health/result.ts";
import type { Cluster } from "../kubernetes/cluster.ts";
import type { StatusWriter } from "../kubernetes/status-writer.ts";
import { findGoDuration, formatGoDuration } from "../runtime/go-duration.ts";
import type { DriftLedger, Drifting } from "./drift-ledger.ts";
import type { KustomizePorts } from "./ports.ts";
import type { Readiness } from "./readiness.ts";
import type { Target } from "./target.ts";
import { momentOf, progress, unhealthyYet } from "./status.ts";

export interface Run {
  readonly kustomization: Kustomization;
  readonly ports: KustomizePorts;
  /** Key of the object's row, also the name of its state. */
  readonly key: string;
  /** As Flux's controller: the object itself, its source, its dependencies. */
  readonly own: Cluster;
  readonly writer: StatusWriter;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  /** Undefined until its `kubeConfig` was followed. */
  target: Target | undefined;
  /** What has happened so far; survives into the failure, so that no object we own is forgotten. */
  status: KustomizationStatus;
  /** Tells of the health of what is applied; undefined until the target is known. */
  readiness: Readiness | undefined;
  step: string;
  revision: string | undefined;
  digest: string | undefined;
  changed: boolean;
  /** Inventory ids of Jobs that their TTL deletes. */
  vanishing: ReadonlySet<string>;
  /** Inventory ids that stay until their prune is approved: nobody asks after their health. */
  held: ReadonlySet<string>;
  /** Replaced by newer generations, and pruned once all is healthy. */
  superseded: readonly ResourceRef[];
  /** What was built or put in may change without a new revision, and without the sweep seeing it. */
  moving: boolean;
  /** Objects that are known to differ from Git and were left so, by an earlier run or by this one. */
  drifting: Drifting;
  /** Open between build and health. */
  drift: DriftLedger | undefined;
  /** Judges the kinds of `spec.healthCheckExprs`. */
  byExpression: (object: KubeObject) => Health | undefined;
  /** Values of Secrets that the manifests may hold: not to be told in messages. */
  secretValues: readonly string[];
}

/** Nobody falls back on the object's own cluster: what is meant for another one has no business there. */
export function targetOf({ target, key }: Run): Target {
  if (!target) throw new Error(`the run of ${key} has not opened its target`);
  return target;
}

export function readinessOf({ readiness, key }: Run): Readiness {
  if (!readiness) throw new Error(`the run of ${key} has not opened its target`);
  return readiness;
}

/** Names the object and the API servers that it is on and applies to: one that was deleted and made again is another. */
export function incarnationOf(run: Run): string {
  const { server } = targetOf(run);
  const own = `${run.ports.server}/${run.kustomization.metadata.uid ?? ""}`;
  return server === run.ports.server ? own : `${own}/${server}`;
}

const shortestTimeoutMillis = 30_000;

/** Flux's: interval less 30 s unless given, never under 30 s. */
export function timeoutMillis({ spec }: Kustomization): number {
  const given = findGoDuration(spec.timeout) ?? (findGoDuration(spec.interval) ?? 0) - 30_000;
  return Math.max(given, shortestTimeoutMillis);
}

export function retrySeconds({ spec }: Kustomization): number {
  return Math.max(1, Math.round((findGoDuration(spec.retryInterval ?? spec.interval) ?? 60_000) / 1000));
}

/** Names the step for the status and for the failure that may come; written with the next save. */
export function step(run: Run, verb: string): void {
  const timeout = formatGoDuration(timeoutMillis(run.kustomization));
  run.step = `${verb} for revision ${run.revision ?? ""} with a timeout of ${timeout}`;
}

/** Flux says of a wait that the health is not known. */
export async function saveWaiting(run: Run): Promise<void> {
  const moment = momentOf(run.kustomization, run.ports.clock.now());
  run.status = unhealthyYet(progress(run.status, run.step, moment), run.step, moment);
  await run.writer.save(run.status);
}

export async function saveProgress(run: Run, inventory: readonly ResourceRef[]): Promise<void> {
  run.status = {
    ...progress(run.status, run.step, momentOf(run.kustomization, run.ports.clock.now())),
    inventory: { entries: [...inventory] },
  };
  await run.writer.save(run.status);
}
