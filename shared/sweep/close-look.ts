/**
 * After somebody acted on a cluster (a request, a spec edited by hand), its Flux objects are looked at every few seconds for
 * two minutes: whoever tries things sees them happen. Three requests each time; all else waits for the sweep of the minute.
 */
import type { KubeObject } from "../api/kube-object.ts";
import type { FleetCluster } from "../config/fleet.ts";
import { driftModeOf } from "../drift/mode.ts";
import { isGovernedAnew } from "../drift/standing.ts";
import { bindSignal } from "../kubernetes/bind-signal.ts";
import { createFollower } from "../kubernetes/follow.ts";
import { proveServer } from "../kubernetes/server-of.ts";
import type { Table } from "../lease/ports.ts";
import type { Held } from "../lease/with-lease.ts";
import type { Clock } from "../runtime/clock.ts";
import { type ClusterRecord, readClusterRecord, recordCloseLook } from "../runtime/cluster-record.ts";
import { each } from "../runtime/each.ts";
import { type Due, findDue, fluxObjects, type FluxObject } from "./due.ts";
import { followFlux, isFluxBusy } from "./flux-views.ts";
import { incarnationOf } from "./incarnation.ts";
import { readKnown } from "./known.ts";
import { loadMemory, saveMemory } from "./memory.ts";
import type { SweepPorts } from "./sweep.ts";

export const closeLookSeconds = 4;
const lastsSeconds = 120;
/** A whole sweep is due by then. */
const wholeSeconds = 60;
const inFlight = 16;

/** What a person or another tool does to an object, unlike what follows by itself. */
const acts = new Set<Due["why"]>(["new", "spec", "deleted", "approved", "governed", "requestedAt"]);

export const isActedOn = (due: readonly Due[]): boolean =>
  due.some(({ why }) => why === "spec" || why === "requestedAt");

export async function beginCloseLook(cluster: string, table: Table, clock: Clock): Promise<void> {
  await recordCloseLook(table, cluster, Math.floor(clock.now() / 1000) + lastsSeconds);
}

/** A time that lies further ahead is of a clock that jumped. */
export function isCloseLook(record: ClusterRecord | undefined, clock: Clock): boolean {
  const left = (record?.closeUntil ?? 0) - clock.now() / 1000;
  return left > 0 && left <= lastsSeconds;
}

/** What each object that must run was told of: the same is not told again while its run is under way. */
export function toldOf(due: readonly Due[], objects: readonly FluxObject[]): Readonly<Record<string, string>> {
  const byKey = new Map(objects.map(({ key, object }) => [key, object]));
  const told = due.filter(({ why }) => acts.has(why)).map(({ key, why }) => [key, tokenOf(why, byKey.get(key))]);
  return Object.fromEntries(told) as Record<string, string>;
}

function tokenOf(why: Due["why"], object: KubeObject | undefined): string {
  const { uid = "", generation = 0, annotations = {} } = object?.metadata ?? {};
  return [why, uid, generation, annotations["reconcile.fluxcd.io/requestedAt"] ?? ""].join(" ");
}

/**
 * @returns undefined where a whole sweep is due; else whether the next look is to be a close one
 * @throws KubeError
 */
export async function lookClosely(
  fleetCluster: FleetCluster,
  held: Held,
  ports: SweepPorts,
): Promise<boolean | undefined> {
  const { name: cluster } = fleetCluster;
  const { table, clock, blobs, silenceMillis } = ports;
  const record = await readClusterRecord(table, cluster);
  if (!record || silenceMillis === undefined || record.frozen.length > 0 || !isCloseLook(record, clock))
    return undefined;
  const age = clock.now() / 1000 - record.sweptAt;
  if (age < 0 || age >= wholeSeconds - closeLookSeconds) return undefined;
  const reader = bindSignal(await ports.openCluster(cluster, "sweep"), held.signal);
  const proof = await proveServer(reader);
  if (incarnationOf(proof, record) !== record.server) return undefined;
  const memory = await loadMemory(blobs, cluster, record.server);
  const views = memory.views ?? {};
  const follower = createFollower(reader, views, { now: clock.now(), silenceMillis, newest: proof.version });
  if (isFluxBusy(follower)) return undefined;
  const { sources, kustomizations } = await followFlux(follower);
  const objects = fluxObjects(cluster, [...sources, ...kustomizations]);
  const mode = driftModeOf(fleetCluster);
  const known = {
    ...(await readKnown(cluster, objects, table)),
    now: Math.floor(clock.now() / 1000),
    isGovernedAnew: (object: KubeObject, failed: unknown) => isGovernedAnew(object, mode, clock.now(), failed),
  };
  const due = findDue(cluster, objects, known);
  const told = toldOf(due, objects);
  const news = due.filter(({ key, why }) => acts.has(why) && told[key] !== memory.told?.[key]);
  await each(news, inFlight, ({ key, why }) => ports.trigger(key, why, { uid: record.server }));
  if (isActedOn(news)) await beginCloseLook(cluster, table, clock);
  if (follower.kept() !== views || news.length > 0)
    await saveMemory(blobs, cluster, { ...memory, views: follower.kept(), told: { ...memory.told, ...told } });
  return true;
}
