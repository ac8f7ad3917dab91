/** Works on one message about a Kustomization: reads the object afresh, reconciles it, and says what its row keeps. */
import { describeFindings } from "../api/fields.ts";
import { findCulprit } from "../audit/culprit.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { kustomizationApiVersion, kustomizationKind, parseKustomization } from "../api/kustomization.ts";
import { fluxNamespace, rootName } from "../bootstrap/names.ts";
import type { Compatibility } from "../config/compatibility.ts";
import { defaultFluxSettings, type FluxSettings, readFluxSettings } from "../config/flux-settings.ts";
import { isWatched } from "../config/watch-scope.ts";
import { decodeFluxSettings, encodeFluxSettings } from "../config/stored-settings.ts";
import { type ClusterRecord, recordSettings } from "../runtime/cluster-record.ts";
import type { DriftMode } from "../drift/mode.ts";
import { createDriftRecords } from "../drift/records.ts";
import { governedAs } from "../drift/standing.ts";
import { assertNever } from "../runtime/assert-never.ts";
import type { BlobStore } from "../runtime/blob-store.ts";
import type { Clock } from "../runtime/clock.ts";
import { bindSignal, bindSpokes } from "../kubernetes/bind-signal.ts";
import { claim } from "../kubernetes/finalizer.ts";
import type { Cluster } from "../kubernetes/cluster.ts";
import { tellEvent } from "../kubernetes/record-event.ts";
import { refuseObject, stallObject } from "../kubernetes/refuse-object.ts";
import type { Spokes } from "../kubernetes/spokes.ts";
import { type ClusterPorts, workInCluster } from "../kubernetes/work-in-cluster.ts";
import { formatKey, type ObjectKey } from "../lease/message.ts";
import type { Item } from "../lease/ports.ts";
import type { Held, WorkResult } from "../lease/with-lease.ts";
import { createAnnouncer, type Trigger } from "./announcer.ts";
import { createAppliedStates } from "./applied-state.ts";
import { measureApplyLag } from "./apply-lag.ts";
import { parsePhase, type KustomizePorts, type Outcome, type Renderer, type Sources } from "./ports.ts";
import { controllerUser, reconcile } from "./reconcile.ts";
import { isRoot } from "./root.ts";
import { sourceKeyOf, sourceRefOf } from "./source-ref.ts";
import { controller, statusManager } from "./status.ts";
import { letGo } from "./unreadable.ts";

export interface WorkerPorts extends ClusterPorts {
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly renderer: Renderer;
  readonly sources: (cluster: string) => Sources;
  readonly spokes: (hub: string) => Spokes;
  readonly trigger: Trigger;
  /** One line per outcome, for metrics. */
  readonly outcome: (cluster: string, outcome: Outcome["kind"], seconds: number) => void;
  /** Told once of each revision, in seconds since it was stored. */
  readonly applied: (seconds: number) => void;
  /** The level that the fleet file names for the cluster. */
  readonly compatibility: (cluster: string) => Compatibility | undefined;
  readonly driftMode: (cluster: string) => DriftMode;
  readonly digestKey: () => Promise<Uint8Array>;
  /** Objects of a Kustomization were found to differ although neither Git nor the Kustomization had changed. */
  readonly drifted: (cluster: string, found: { readonly key: string; readonly objects: number }) => void;
}

const settingsSeconds = 30;

const phaseFields = [
  "phase",
  "phaseRev",
  "phaseOf",
  "phaseGen",
  "phaseStart",
  "phaseUntil",
  "phaseDigest",
  "phaseChanged",
  "phaseHealthy",
];

export function workOnKustomization(self: ObjectKey, held: Held, ports: WorkerPorts): Promise<WorkResult> {
  return workInCluster(self, ports, (cluster, record) =>
    workOnObject(self, held, ports, bindSignal(cluster, held.signal), record),
  );
}

async function workOnObject(
  self: ObjectKey,
  held: Held,
  ports: WorkerPorts,
  cluster: Cluster,
  { server, settings: stored }: ClusterRecord,
): Promise<WorkResult> {
  const { clock, table, log } = ports;
  const { namespace, name } = self;
  const key = formatKey(self);
  const own = cluster.as(controllerUser);
  const options = { clock, fence: held.fenceWrite, fieldManager: statusManager };
  if (self.group !== "kustomize.toolkit.fluxcd.io" || self.kind !== kustomizationKind)
    return refuseObject(self, own, options);
  const ref = { apiVersion: kustomizationApiVersion, kind: kustomizationKind, namespace, name };
  const known = decodeFluxSettings(stored);
  const isNew = held.lease.row.seenUid === undefined && known?.refused.length === 0 && isEverything(known);
  const object = isNew ? await claim(ref, own, { ...options, fence: held.fenceWrite }) : await own.get(ref);
  if (!object) return forget(key, ports);
  const parsed = parseKustomization(object);
  if (!parsed.ok) {
    if (await letGo(object, own, options)) {
      await createAnnouncer(self, table, ports.trigger).gone(object);
      return forget(key, ports);
    }
    const message = `the spec cannot be read, correct it: ${describeFindings(parsed.findings)}`;
    const stalled = await stallObject(self, object, { reason: "Failed", message }, own, options);
    return { ...stalled, seenRev: await storedRevision(object, ports.sources(self.cluster)) };
  }
  if (!isRoot(object)) {
    const missing = known ? known.refused : ["the root Kustomization has not been built yet"];
    if (missing.length > 0) return waitForSettings(self, object, missing, ports);
  }
  if (known && !isWatched(known.kustomize.watched, object)) return ignore(self, object);
  const compatibility = ports.compatibility(self.cluster);
  const startedAt = clock.now();
  const row = held.lease.row;
  const related = sourceRefOf(parsed.value);
  const lag = measureApplyLag(ports.sources(self.cluster));
  // In their order, but no step of the run waits for the one before to be written down.
  let told = Promise.resolve();
  const engine: KustomizePorts = {
    cluster,
    server,
    settings: known ?? defaultFluxSettings(compatibility),
    storeSettings: async (objects) => {
      const settings = readFluxSettings(objects, { compatibility });
      for (const warning of settings.warnings) log("setting", { key, message: warning });
      const text = encodeFluxSettings(settings);
      if (text !== stored) await recordSettings(table, self.cluster, server, text);
      return settings;
    },
    spokes: bindSpokes(ports.spokes(self.cluster), held.signal),
    sources: lag.sources,
    renderer: ports.renderer,
    states: createAppliedStates(ports.blobs),
    announcer: createAnnouncer(self, table, ports.trigger),
    announcerOf: (name) => createAnnouncer({ ...self, cluster: name }, table, ports.trigger),
    clock,
    log: (event, fields) => log(event, { key, pushedAt: numberOf(row.pushedAt), ...fields }),
    event: async (event) => {
      told = told.then(() => tellEvent(own, { ...event, related }, { component: controller, clock, log }));
      // Seen below, when the run has ended: until then nobody looks.
      told.catch(() => undefined);
    },
    fence: held.fenceWrite,
    isDeadlineNear: () => held.isDeadlineNear(),
    drifts: createDriftRecords(table, clock),
    findCulprit: (change) => findCulprit(table, self.cluster, change),
    digestKey: ports.digestKey,
    driftMode: ports.driftMode(self.cluster),
    drifted: (objects) => ports.drifted(self.cluster, { key, objects }),
  };
  const outcome = await reconcile(parsed.value, key, row, engine).finally(() => told);
  const seconds = (clock.now() - startedAt) / 1000;
  ports.outcome(self.cluster, outcome.kind, seconds);
  if (outcome.kind === "ready" || outcome.kind === "health") {
    const waited = lag.of(outcome.revision, row.seenRev, clock.now());
    if (waited !== undefined) ports.applied(waited);
  }
  log("reconciled", {
    key,
    outcome: outcome.kind,
    revision: revisionOf(outcome),
    seconds,
    pushedAt: numberOf(row.pushedAt),
  });
  if (outcome.kind === "gone") return forget(key, ports);
  return toResult(outcome, self, object, { row, governed: governedAs(object, engine.driftMode, startedAt) });
}

/** Nothing is left to anybody else, so that what is new can be taken before it is read. */
const isEverything = ({ kustomize: { watched } }: FluxSettings): boolean =>
  watched.some(({ namespace, labelSelector }) => namespace === "" && labelSelector === "");

/** An object of a shard that nobody serves, or of a namespace that is not watched: seen, and left alone as by Flux. */
function ignore(self: ObjectKey, { metadata: { uid = "", generation = 0 } }: KubeObject): WorkResult {
  return { kind: "done", set: { seenUid: uid, seenGen: generation, vpk: `CL#${self.cluster}`, vsk: formatKey(self) } };
}

/** Fails closed: what the flags forbid is not known, or not understood, yet. */
async function waitForSettings(
  self: ObjectKey,
  object: KubeObject,
  missing: readonly string[],
  { log, trigger }: WorkerPorts,
): Promise<WorkResult> {
  const { cluster, namespace, name } = self;
  const root = {
    group: "kustomize.toolkit.fluxcd.io",
    kind: kustomizationKind,
    namespace: fluxNamespace,
    name: rootName,
  };
  log("waits for the cluster's settings", { key: `${cluster} ${namespace}/${name}`, message: missing.join("; ") });
  await trigger(formatKey({ cluster, ...root }), "settings");
  // Its source must find it all the same.
  return { kind: "done", againInSeconds: settingsSeconds, set: indexOf(self, object) };
}

/** The revision of whatever source an unreadable spec names, so that the sweep does not take it for news each time. */
async function storedRevision(object: KubeObject, sources: Sources): Promise<string | undefined> {
  const { kind, name, namespace } =
    (object.spec as { sourceRef?: Record<string, unknown> } | undefined)?.sourceRef ?? {};
  if (typeof kind !== "string" || typeof name !== "string") return undefined;
  const where = typeof namespace === "string" ? namespace : (object.metadata.namespace ?? "");
  return (await sources.artifactOf({ apiVersion: "source.toolkit.fluxcd.io/v1", kind, name, namespace: where }))
    ?.revision;
}

/** The row of an object that does not exist any more leaves the indexes, so that nobody looks for it again. */
async function forget(key: string, { blobs, table, clock }: WorkerPorts): Promise<WorkResult> {
  await blobs.delete(`state/${key}.json.gz`);
  await createDriftRecords(table, clock).delete(key);
  return {
    kind: "done",
    remove: ["rpk", "rsk", "vpk", "vsk", "seenUid", "seenGen", "seenRev", "failedGov", ...phaseFields],
  };
}

function toResult(
  outcome: Exclude<Outcome, { kind: "gone" }>,
  self: ObjectKey,
  object: KubeObject,
  { row, governed }: { readonly row: Item; readonly governed: string },
): WorkResult {
  if (outcome.kind === "continued") return { kind: "continue", progress: outcome.progress };
  const { metadata } = object;
  const set: Item = {
    seenUid: metadata.uid ?? "",
    seenGen: metadata.generation ?? 0,
    ...indexOf(self, object),
    ready: outcome.kind === "ready",
    failedGov: failures.has(outcome.kind) ? governed : "",
    ...(outcome.kind === "health" ? { ...outcome.phase } : {}),
  };
  const remove = outcome.kind === "health" || !parsePhase(row) ? {} : { remove: phaseFields };
  const seenRev = revisionOf(outcome);
  const base = { kind: "done" as const, seenRev, set, ...remove };
  switch (outcome.kind) {
    case "stalled":
    case "suspended":
      return base;
    case "ready":
    case "waiting":
    case "retrying":
    case "health":
      return { ...base, againInSeconds: outcome.afterSeconds };
    default:
      return assertNever(outcome);
  }
}

/** Ends that a run may come to before it looks at drift; each has its own time of the next run. */
const failures: ReadonlySet<Outcome["kind"]> = new Set(["stalled", "waiting", "retrying"]);

/** By its source and by its cluster. */
function indexOf(self: ObjectKey, object: KubeObject): Item {
  const key = formatKey(self);
  return { rpk: `SR#${sourceKeyOf(self.cluster, object) ?? ""}`, rsk: key, vpk: `CL#${self.cluster}`, vsk: key };
}

const revisionOf = (outcome: Outcome): string | undefined => ("revision" in outcome ? outcome.revision : undefined);
const numberOf = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);
