/**
 * Looks at one cluster: may we write, what changed among Flux's own objects, which applied objects moved. It triggers
 * what needs a run and writes nothing but the ownership object and, once, what bootstrap adds.
 */
import { isDeepStrictEqual } from "node:util";

import { gitRepositoryApiVersion, gitRepositoryKind } from "../api/git-repository.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { kustomizationApiVersion, kustomizationKind } from "../api/kustomization.ts";
import { rootName } from "../bootstrap/names.ts";
import type { FleetCluster } from "../config/fleet.ts";
import { driftModeOf } from "../drift/mode.ts";
import { countStanding, isGovernedAnew, type StandingCount } from "../drift/standing.ts";
import { bindSignal } from "../kubernetes/bind-signal.ts";
import { type Cluster, isUnavailable, KubeError } from "../kubernetes/cluster.ts";
import { serverOf } from "../kubernetes/server-of.ts";
import type { Spokes } from "../kubernetes/spokes.ts";
import { applySettingsOf, defaultFluxSettings, type FluxSettings } from "../config/flux-settings.ts";
import { decodeFluxSettings, encodeFluxSettings } from "../config/stored-settings.ts";
import { findPending } from "../kustomize/prune-pending.ts";
import { isRoot } from "../kustomize/root.ts";
import { createAppliedStates } from "../kustomize/applied-state.ts";
import type { Item, Table } from "../lease/ports.ts";
import type { Held, WorkResult } from "../lease/with-lease.ts";
import type { BlobStore } from "../runtime/blob-store.ts";
import type { Clock } from "../runtime/clock.ts";
import {
  type ClusterRecord,
  readClusterRecord,
  recordSettings,
  writeClusterRecord,
} from "../runtime/cluster-record.ts";
import { each } from "../runtime/each.ts";
import type { Log } from "../runtime/log.ts";
import { type Drifted, findDrift } from "./drift.ts";
import { findDue, fluxObjects, type FluxObject, type Known } from "./due.ts";
import { detached, guardCluster, listOrNone } from "./interlock.ts";
import { findChangedInputs, type InputLook, type InputVersions } from "./inputs.ts";
import { loadMemory, saveMemory } from "./memory.ts";
import { appliesElsewhere, lookAtSpokes } from "./spokes.ts";

export interface SweepPorts {
  readonly engine: string;
  readonly table: Table;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly openCluster: (cluster: string, purpose: "sweep" | "apply") => Promise<Cluster>;
  /** Clusters that a hub's Kustomizations apply to, to be read. */
  readonly spokes: (hub: string) => Spokes;
  /** `uid` is that of the API server's `kube-system`: what a row knew of another one is forgotten. */
  readonly trigger: (key: string, why: string, server: { readonly uid: string }) => Promise<void>;
  readonly frozen: (cluster: string, reasons: readonly string[]) => void;
  readonly unreachable: (cluster: string) => void;
  /** The cluster was looked at as a whole, and what must run was told. */
  readonly swept: (cluster: string) => void;
  /** How many Kustomizations have a prune that waits for approval; told only when there are any. */
  readonly prunePending: (cluster: string, kustomizations: number) => void;
  /** Drift that runs have left; told only when there is any. */
  readonly driftStands: (cluster: string, count: StandingCount) => void;
}

/** Each sweep arms the next one itself; the tick only watches. */
const sweepSeconds = 60;
const migrationSeconds = 3600;
/** Requests to the table and the queues at a time. */
const inFlight = 16;

export async function sweep(fleetCluster: FleetCluster, held: Held, ports: SweepPorts): Promise<WorkResult> {
  const { name } = fleetCluster;
  try {
    await sweepReachable(fleetCluster, held, ports);
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    ports.unreachable(name);
    ports.log(isUnavailable(error) ? "unreachable" : "refused", { key: `${name}/sweep`, message: error.message });
  }
  return { kind: "done", againInSeconds: sweepSeconds };
}

async function sweepReachable(fleetCluster: FleetCluster, held: Held, ports: SweepPorts): Promise<void> {
  const { name } = fleetCluster;
  const { table, clock, engine } = ports;
  const open = async (purpose: "sweep" | "apply") => bindSignal(await ports.openCluster(name, purpose), held.signal);
  const reader = await open("sweep");
  const server = await serverOf(reader);
  const record = await readClusterRecord(table, name);
  const same = record?.server === server;

  const before = { known: same && record.bootstrapped, migration: migrationOf(same ? record : undefined, clock) };
  const guarded = await guardCluster(fleetCluster, engine, before, {
    reader,
    writer: () => open("apply"),
    clock,
    fence: held.fenceWrite,
  });
  const sources = await listOrNone(reader, gitRepositoryApiVersion, gitRepositoryKind);
  const kustomizations = await listOrNone(reader, kustomizationApiVersion, kustomizationKind);
  const pending = kustomizations.filter((object) => findPending(object)).length;
  if (pending > 0) ports.prunePending(name, pending);
  const standing = countStanding(kustomizations);
  if (standing.uncorrected > 0) ports.driftStands(name, standing);
  const objects = fluxObjects(name, [...sources, ...kustomizations]);
  const lost = same && record.bootstrapped && guarded.created.length === 0 ? findLostRoots(fleetCluster, objects) : [];
  const frozen = lost.length > 0 ? [...guarded.frozen, detached(lost)] : guarded.frozen;
  const bootstrapped = (same && record.bootstrapped) || guarded.frozen.length === 0;
  const sweptAt = Math.floor(clock.now() / 1000);
  // Whoever froze us may store in an old version again.
  const migratedAt = frozen.length > 0 ? undefined : before.migration === "done" ? record?.migratedAt : sweptAt;
  await writeClusterRecord(table, name, { server, sweptAt, frozen, bootstrapped, migratedAt });
  ports.frozen(name, frozen);
  if (frozen.length > 0) {
    ports.log("frozen", { key: `${name}/sweep`, message: frozen.join("; ") });
    return;
  }

  if (guarded.unmigrated.length > 0)
    ports.log("unmigrated", { key: `${name}/sweep`, message: guarded.unmigrated.join("; ") });

  // Without a root nothing will ever tell of flags; whoever is triggered below must find settings.
  const settings = decodeFluxSettings(same ? record.settings : undefined);
  if (!settings && !kustomizations.some(isRoot))
    await recordSettings(table, name, server, encodeFluxSettings(defaultFluxSettings(fleetCluster.compatibility)));
  const mode = driftModeOf(fleetCluster);
  const known = {
    ...(await readKnown(name, objects, table)),
    now: sweptAt,
    isGovernedAnew: (object: KubeObject) => isGovernedAnew(object, mode, clock.now()),
  };
  await each(findDue(name, objects, known), inFlight, ({ key, why }) => ports.trigger(key, why, { uid: server }));
  await lookCloser(name, server, objects, reader, held, ports, settings);
  ports.swept(name);
}

/** What only a comparison with the last sweep shows: changed inputs, and drift. */
async function lookCloser(
  cluster: string,
  server: string,
  objects: readonly FluxObject[],
  reader: Cluster,
  { signal }: Held,
  ports: SweepPorts,
  settings = defaultFluxSettings(),
): Promise<void> {
  const { blobs, clock, log, trigger } = ports;
  const states = createAppliedStates(blobs);
  const memory = await loadMemory(blobs, cluster, server);
  const inputs = await lookAtInputs(objects, memory.inputs ?? {}, {
    cluster: reader,
    settings,
    log,
    key: `${cluster}/sweep`,
  });
  await each(inputs.changed, inFlight, (key) => trigger(key, "input", { uid: server }));
  const here = objects.filter((object) => !appliesElsewhere(object));
  const own = { cluster: reader, states, server, settings: applySettingsOf(settings) };
  const { drifted, clean } = await findDrift(here, memory.clean, own);
  await wake(drifted, server, ports);
  const spokes = ports.spokes(cluster);
  const elsewhere = await lookAtSpokes(objects, memory.spokes ?? {}, {
    ...{ hub: reader, spokes, states, settings, clock, log, signal },
  });
  await wake(elsewhere.drifted, server, ports);
  const seen = {
    v: 1 as const,
    server,
    clean,
    ...(isEmpty(elsewhere.clean) ? {} : { spokes: elsewhere.clean }),
    ...(isEmpty(inputs.versions) ? {} : { inputs: inputs.versions }),
  };
  if (!isDeepStrictEqual(memory, seen)) await saveMemory(blobs, cluster, seen);
}

/** Who may not list Secrets still finds drift. */
async function lookAtInputs(
  objects: readonly FluxObject[],
  before: InputVersions,
  { log, key, ...looking }: { cluster: Cluster; settings: FluxSettings; log: Log; key: string },
): Promise<InputLook> {
  try {
    return await findChangedInputs(objects, before, looking);
  } catch (error) {
    if (!(error instanceof KubeError) || isUnavailable(error)) throw error;
    log("inputs not seen", { key, message: error.message });
    return { changed: [], versions: before };
  }
}

const isEmpty = (record: object): boolean => Object.keys(record).length === 0;

async function wake(drifted: readonly Drifted[], server: string, { log, trigger }: SweepPorts): Promise<void> {
  await each(drifted, inFlight, async ({ key, ids }) => {
    log("moved", { key, objects: ids.length, first: ids[0] });
    await trigger(key, "drift", { uid: server });
  });
}

/** A definition that comes with a new version makes the old one's objects due; looking costs two requests a kind. */
function migrationOf(record: ClusterRecord | undefined, clock: Clock): "owed" | "due" | "done" {
  if (record?.migratedAt === undefined) return "owed";
  return clock.now() / 1000 - record.migratedAt >= migrationSeconds ? "due" : "done";
}

function findLostRoots({ sync }: FleetCluster, objects: readonly FluxObject[]): readonly string[] {
  if (!sync) return [];
  const has = (kind: string) =>
    objects.some(
      ({ object }) =>
        object.kind === kind && object.metadata.name === rootName && object.metadata.namespace === rootName,
    );
  return [gitRepositoryKind, kustomizationKind]
    .filter((kind) => !has(kind))
    .map((kind) => `${kind}/${rootName}/${rootName}`);
}

/** Rows come by the index, which may lag; what decides about a missed revision is read consistently. */
async function readKnown(cluster: string, objects: readonly FluxObject[], table: Table): Promise<Omit<Known, "now">> {
  const rows = new Map<string, Item>();
  for (const row of await table.query({ index: "view", pk: `CL#${cluster}` }))
    if (typeof row.vsk === "string") rows.set(row.vsk, row);
  const sources = new Map<string, Item>();
  await each(objects, inFlight, async ({ key, object }) => {
    if (object.kind === kustomizationKind && !rows.has(key)) {
      const row = await table.get({ pk: `OB#${key}`, sk: "RUN" }, { consistent: true });
      if (row) rows.set(key, row);
    }
    if (object.kind !== gitRepositoryKind) return;
    const source = await table.get({ pk: `OB#${key}`, sk: "SRC" }, { consistent: true });
    if (source) sources.set(key, source);
  });
  return { rows, sources };
}
