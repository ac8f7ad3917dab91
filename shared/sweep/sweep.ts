/**
 * Looks at one cluster: may we write, what changed among Flux's own objects, which applied objects moved. It triggers
 * what needs a run and writes nothing but the ownership object and, once, what bootstrap adds.
 */
import { gitRepositoryKind } from "../api/git-repository.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { kustomizationKind } from "../api/kustomization.ts";
import { rootName } from "../bootstrap/names.ts";
import type { FleetCluster } from "../config/fleet.ts";
import { driftModeOf } from "../drift/mode.ts";
import { countStanding, isGovernedAnew, type StandingCount } from "../drift/standing.ts";
import { bindSignal } from "../kubernetes/bind-signal.ts";
import { type Cluster, isUnavailable, KubeError } from "../kubernetes/cluster.ts";
import { createFollower } from "../kubernetes/follow.ts";
import { proveServer } from "../kubernetes/server-of.ts";
import type { Spokes } from "../kubernetes/spokes.ts";
import { defaultFluxSettings } from "../config/flux-settings.ts";
import { decodeFluxSettings, encodeFluxSettings } from "../config/stored-settings.ts";
import { findPending } from "../kustomize/prune-pending.ts";
import { isRoot } from "../kustomize/root.ts";
import { isOnlyDue } from "../kustomize/look-at-inputs.ts";
import type { Table } from "../lease/ports.ts";
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
import { beginCloseLook, closeLookSeconds, isActedOn, isCloseLook, lookClosely, toldOf } from "./close-look.ts";
import { findDue, fluxObjects, type FluxObject } from "./due.ts";
import { incarnationOf } from "./incarnation.ts";
import { detached, guardCluster } from "./interlock.ts";
import { readKnown } from "./known.ts";
import { followFlux, isFluxBusy } from "./flux-views.ts";
import { lookCloser } from "./look-closer.ts";
import { loadMemory } from "./memory.ts";

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
  /** How long a WATCH must be silent to be believed; without it every kind is listed. */
  readonly silenceMillis?: number | undefined;
}

/** Each sweep arms the next one itself; the tick only watches. */
const sweepSeconds = 60;
const migrationSeconds = 3600;
/** Requests to the table and the queues at a time. */
const inFlight = 16;

export async function sweep(fleetCluster: FleetCluster, held: Held, ports: SweepPorts): Promise<WorkResult> {
  const { name } = fleetCluster;
  let isClose = false;
  try {
    const closely = isOnlyDue(held.lease.row) ? await lookClosely(fleetCluster, held, ports) : undefined;
    isClose = closely ?? (await sweepReachable(fleetCluster, held, ports));
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    ports.unreachable(name);
    ports.log(isUnavailable(error) ? "unreachable" : "refused", { key: `${name}/sweep`, message: error.message });
  }
  return { kind: "done", againInSeconds: isClose ? closeLookSeconds : sweepSeconds };
}

/** @returns whether somebody acts there, so that a close look follows */
async function sweepReachable(fleetCluster: FleetCluster, held: Held, ports: SweepPorts): Promise<boolean> {
  const { name } = fleetCluster;
  const { table, clock, engine, silenceMillis } = ports;
  const open = async (purpose: "sweep" | "apply") => bindSignal(await ports.openCluster(name, purpose), held.signal);
  const reader = await open("sweep");
  const [proof, record] = await Promise.all([proveServer(reader), readClusterRecord(table, name)]);
  const server = incarnationOf(proof, record);
  const same = record?.server === server;
  const memory = await loadMemory(ports.blobs, name, server);
  const newest = proof.version;
  const follower = createFollower(reader, memory.views ?? {}, { now: clock.now(), silenceMillis, newest });

  const before = {
    known: same && record.bootstrapped,
    migration: migrationOf(same ? record : undefined, clock),
    owned: same && silenceMillis !== undefined ? record.owned : undefined,
  };
  const guarded = await guardCluster(fleetCluster, engine, before, {
    reader,
    follower,
    writer: () => open("apply"),
    clock,
    fence: held.fenceWrite,
  });
  const { sources, kustomizations } = await followFlux(follower);
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
  await writeClusterRecord(table, name, {
    ...{ server, sweptAt, frozen, bootstrapped, migratedAt, newest },
    owned: guarded.owned,
  });
  ports.frozen(name, frozen);
  if (frozen.length > 0) {
    ports.log("frozen", { key: `${name}/sweep`, message: frozen.join("; ") });
    return false;
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
    isGovernedAnew: (object: KubeObject, failed: unknown) => isGovernedAnew(object, mode, clock.now(), failed),
  };
  const due = findDue(name, objects, known);
  await each(due, inFlight, ({ key, why }) => ports.trigger(key, why, { uid: server }));
  const told = toldOf(due, objects);
  // One that is told of again has not run yet: nobody did anything since.
  const isFresh = isActedOn(due.filter(({ key }) => told[key] !== memory.told?.[key]));
  const isClose = isFresh || isCloseLook(record, clock);
  if (isFresh) await beginCloseLook(name, table, clock);
  const look = { cluster: name, server, reader, follower, memory, settings, signal: held.signal, told };
  await lookCloser(objects, look, ports);
  ports.swept(name);
  return isClose && silenceMillis !== undefined && !isFluxBusy(follower);
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
