/** Works on one message about a Kustomization: reads the object afresh, reconciles it, and says what its row keeps. */
import type { KubeObject } from "../api/kube-object.ts";
import { kustomizationApiVersion, kustomizationKind, parseKustomization } from "../api/kustomization.ts";
import { assertNever } from "../runtime/assert-never.ts";
import type { BlobStore } from "../runtime/blob-store.ts";
import type { Clock } from "../runtime/clock.ts";
import { readClusterRecord } from "../runtime/cluster-record.ts";
import type { EngineEvent } from "../runtime/event.ts";
import type { Log } from "../runtime/log.ts";
import { type Cluster, isUnavailable, KubeError } from "../kubernetes/cluster.ts";
import { recordEvent } from "../kubernetes/record-event.ts";
import { formatKey, type ObjectKey } from "../lease/message.ts";
import type { Item, Table } from "../lease/ports.ts";
import type { Held, WorkResult } from "../lease/with-lease.ts";
import { createAnnouncer, type Trigger } from "./announcer.ts";
import { createAppliedStates } from "./applied-state.ts";
import { parsePhase, type KustomizePorts, type Outcome, type Renderer, type Sources } from "./ports.ts";
import { controllerUser, reconcile } from "./reconcile.ts";
import { refuseObject } from "../kubernetes/refuse-object.ts";
import { controller, statusManager } from "./status.ts";

export interface WorkerPorts {
  readonly table: Table;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly renderer: Renderer;
  readonly sources: (cluster: string) => Sources;
  /** @throws KubeError Unreachable when the way to the API server is barred */
  readonly openCluster: (cluster: string) => Promise<Cluster>;
  readonly trigger: Trigger;
  /** One line per outcome, for metrics. */
  readonly outcome: (cluster: string, outcome: Outcome["kind"], seconds: number) => void;
  /** Objects that were corrected although neither Git nor the Kustomization had changed. */
  readonly drifted: (cluster: string, objects: number) => void;
  readonly unreachable: (cluster: string) => void;
}

const frozenSeconds = 60;
const unreachableSeconds = 30;
const phaseFields = ["phase", "phaseRev", "phaseGen", "phaseStart", "phaseUntil", "phaseDigest", "phaseChanged"];

export async function workOnKustomization(self: ObjectKey, held: Held, ports: WorkerPorts): Promise<WorkResult> {
  const record = await readClusterRecord(ports.table, self.cluster);
  // Settings fail closed: nothing is written before the cluster's first sweep, nor while another engine is there.
  if (!record || record.frozen.length > 0) return { kind: "done", againInSeconds: frozenSeconds };
  try {
    const cluster = await ports.openCluster(self.cluster);
    return await workOnObject(self, held, ports, cluster, record.server);
  } catch (error) {
    // A refusal that could not even be written into the object's status is no defect of ours: the object comes again.
    if (!(error instanceof KubeError)) throw error;
    if (isUnavailable(error)) ports.unreachable(self.cluster);
    ports.log(isUnavailable(error) ? "unreachable" : "refused", { key: formatKey(self), message: error.message });
    return { kind: "done", againInSeconds: unreachableSeconds };
  }
}

async function workOnObject(
  self: ObjectKey,
  held: Held,
  ports: WorkerPorts,
  cluster: Cluster,
  server: string,
): Promise<WorkResult> {
  const { clock, table, log } = ports;
  const { namespace, name } = self;
  const key = formatKey(self);
  if (self.group !== "kustomize.toolkit.fluxcd.io" || self.kind !== kustomizationKind)
    return refuseObject(self, cluster.as(controllerUser), {
      clock,
      fence: held.fenceWrite,
      fieldManager: statusManager,
    });
  const ref = { apiVersion: kustomizationApiVersion, kind: kustomizationKind, namespace, name };
  const object = await cluster.as(controllerUser).get(ref, held.signal);
  if (!object) return forget(key, ports);
  const parsed = parseKustomization(object);
  if (!parsed.ok)
    throw new TypeError(`${key}: ${parsed.findings.map(({ path, message }) => `${path} ${message}`).join("; ")}`);
  const startedAt = clock.now();
  const row = held.lease.row;
  // In their order, but no step of the run waits for the one before to be written down.
  let told = Promise.resolve();
  const engine: KustomizePorts = {
    cluster,
    server,
    sources: ports.sources(self.cluster),
    renderer: ports.renderer,
    states: createAppliedStates(ports.blobs),
    announcer: createAnnouncer(self, table, ports.trigger),
    clock,
    log: (event, fields) => log(event, { key, pushedAt: numberOf(row.pushedAt), ...fields }),
    event: async (event) => {
      told = told.then(() => tell(cluster, event, ports));
      // Seen below, when the run has ended: until then nobody looks.
      told.catch(() => undefined);
    },
    fence: held.fenceWrite,
    isDeadlineNear: () => held.isDeadlineNear(),
    drifted: (objects) => ports.drifted(self.cluster, objects),
  };
  const outcome = await reconcile(parsed.value, key, row, engine).finally(() => told);
  const seconds = (clock.now() - startedAt) / 1000;
  ports.outcome(self.cluster, outcome.kind, seconds);
  log("reconciled", {
    key,
    outcome: outcome.kind,
    revision: revisionOf(outcome),
    seconds,
    pushedAt: numberOf(row.pushedAt),
  });
  if (outcome.kind === "gone") return forget(key, ports);
  return toResult(outcome, self, object, row);
}

/** An event that cannot be written is no reason to fail the run. */
export async function tell(cluster: Cluster, event: EngineEvent, { clock, log }: WorkerPorts): Promise<void> {
  log("event", {
    reason: event.reason,
    object: `${event.involved.kind}/${event.involved.namespace ?? ""}/${event.involved.name}`,
    message: event.message,
  });
  try {
    await recordEvent(cluster.as(controllerUser), event, { component: controller, clock });
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    log("event not recorded", { message: error.message });
  }
}

/** The row of an object that does not exist any more leaves the indexes, so that nobody looks for it again. */
async function forget(key: string, { blobs }: WorkerPorts): Promise<WorkResult> {
  await blobs.delete(`state/${key}.json.gz`);
  return { kind: "done", remove: ["rpk", "rsk", "vpk", "vsk", "seenUid", "seenGen", "seenRev", ...phaseFields] };
}

function toResult(
  outcome: Exclude<Outcome, { kind: "gone" }>,
  self: ObjectKey,
  object: KubeObject,
  row: Item,
): WorkResult {
  if (outcome.kind === "continued") return { kind: "continue", progress: outcome.progress };
  const { metadata } = object;
  const set: Item = {
    seenUid: metadata.uid ?? "",
    seenGen: metadata.generation ?? 0,
    ...indexOf(self, object),
    ready: outcome.kind === "ready",
    ...(outcome.kind === "health" ? { ...outcome.phase } : {}),
  };
  const remove = outcome.kind === "health" || !parsePhase(row) ? {} : { remove: phaseFields };
  const seenRev = revisionOf(outcome);
  const base = { kind: "done" as const, seenRev, set, ...remove };
  switch (outcome.kind) {
    case "ready":
    case "stalled":
    case "suspended":
      return base;
    case "waiting":
    case "retrying":
    case "health":
      return { ...base, againInSeconds: outcome.afterSeconds };
    default:
      return assertNever(outcome);
  }
}

function indexOf({ cluster }: ObjectKey, object: KubeObject): Item {
  const { namespace = "", name } = object.metadata;
  const { sourceRef } = object.spec as { sourceRef: { kind: string; name: string; namespace?: string } };
  const key = formatKey({ cluster, group: "kustomize.toolkit.fluxcd.io", kind: kustomizationKind, namespace, name });
  const source = formatKey({
    cluster,
    group: "source.toolkit.fluxcd.io",
    kind: sourceRef.kind,
    namespace: sourceRef.namespace ?? namespace,
    name: sourceRef.name,
  });
  return { rpk: `SR#${source}`, rsk: key, vpk: `CL#${cluster}`, vsk: key };
}

const revisionOf = (outcome: Outcome): string | undefined => ("revision" in outcome ? outcome.revision : undefined);
const numberOf = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);
