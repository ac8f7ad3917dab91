/**
 * Finds the Kustomizations whose objects moved since somebody last proved them clean: one LIST per applied kind for the
 * whole cluster, compared by uid and resource version; only what moved is looked at closer.
 */
import type { KubeObject, ObjectRef } from "../api/kube-object.ts";
import type { ResourceRef } from "../api/kustomization.ts";
import { readInventory, refOfId } from "../inventory/id.ts";
import type { Cluster } from "../kubernetes/cluster.ts";
import { statusOf } from "../kubernetes/status-writer.ts";
import type { AppliedState, AppliedStates } from "../kustomize/applied-state.ts";
import type { ApplySettings } from "../config/apply-settings.ts";
import { type ApplyRules, readRules } from "../kustomize/apply-rules.ts";
import { notDrifting } from "../kustomize/drift-ledger.ts";
import { liveDigest } from "../kustomize/live-digest.ts";
import type { Follower } from "../kubernetes/follow.ts";
import { isQuiet, type Live, type LiveObjects } from "../kustomize/observe-live.ts";
import { ownerName, ownerNamespace } from "../ssa/owner.ts";
import { completeContent } from "./complete-content.ts";
import type { FluxObject } from "./due.ts";
import { observeInventory } from "./observe-inventory.ts";

export interface DriftPorts {
  readonly cluster: Cluster;
  /** Of the same cluster. */
  readonly follower: Follower;
  readonly states: AppliedStates;
  readonly server: string;
  readonly settings?: ApplySettings;
}

export interface Drifted {
  readonly key: string;
  /** Inventory ids that moved or vanished. */
  readonly ids: readonly string[];
}

/** Versions at which every object of an owner was last found clean: `<uid> <resource version>` by inventory id. */
export type CleanVersions = Readonly<Record<string, string>>;

export interface DriftLook {
  readonly drifted: readonly Drifted[];
  readonly clean: CleanVersions;
  /** `Kind: why`, of kinds that cannot be looked at now: their objects count as they were. */
  readonly unseen: readonly string[];
}

/** @param objects whose applied objects are all in `ports.cluster` */
export async function findDrift(
  objects: readonly FluxObject[],
  before: CleanVersions,
  ports: DriftPorts,
): Promise<DriftLook> {
  const owners = objects.filter(({ object }) => isLookedAt(object));
  const refs = owners.flatMap(({ object }) => inventoryOf(object).map(refOfId));
  const seen = await observeInventory(ports.cluster, ports.follower, refs);
  let live: LiveObjects = seen;
  const clean: Record<string, string> = {};
  const drifted: Drifted[] = [];
  for (const { key, object } of owners) {
    const moved = inventoryOf(object).filter(({ id, v }) => {
      if (!live.covers(refOfId({ id, v }))) {
        if (before[id] !== undefined) clean[id] = before[id];
        return false;
      }
      const version = versionOf(live.byId.get(id), object);
      if (version === undefined || before[id] !== version) return true;
      clean[id] = version;
      return false;
    });
    if (moved.length === 0) continue;
    const state = await ports.states.load(key, ports.server);
    const rules = readRules(object, ports.settings);
    live = await completeContent(ports.cluster, live, unclear(moved, state, live));
    const left = leftAlone(state, live, object);
    const ids = moved.filter(({ id }) => !left.has(id) && !isClean(state, id, live, object, rules)).map(({ id }) => id);
    for (const { id } of moved) {
      const version = versionOf(live.byId.get(id), object);
      if (version !== undefined && !ids.includes(id)) clean[id] = version;
    }
    if (ids.length > 0) drifted.push({ key, ids });
  }
  return { drifted, clean, unseen: seen.unseen };
}

/** One that fails has its own retries; one that is suspended or going is left alone. */
export function isLookedAt(object: KubeObject): boolean {
  if (object.kind !== "Kustomization" || object.metadata.deletionTimestamp !== undefined) return false;
  if ((object.spec as { suspend?: boolean } | undefined)?.suspend) return false;
  const conditions = statusOf(object).conditions as readonly { type: string; status: string }[] | undefined;
  return conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
}

const inventoryOf = (object: KubeObject): readonly ResourceRef[] => readInventory(object.status);

/**
 * A Job that its TTL deleted comes back with the interval, as with Flux, not with each sweep. What waits for its prune
 * has nothing in Git that it could differ from. What a run left although it was gone is known.
 */
function leftAlone(
  { vanishing = [], held = [], superseded = [], drifting = notDrifting }: AppliedState,
  live: LiveObjects,
  owner: KubeObject,
): ReadonlySet<string> {
  const unseen = Object.entries(drifting.objects).filter(
    ([id, how]) => how === "unseen" && versionOf(live.byId.get(id), owner) === undefined,
  );
  return new Set([
    ...vanishing.filter((id) => !live.byId.has(id)),
    ...unseen.map(([id]) => id),
    ...held,
    ...superseded,
  ]);
}

/** Undefined when it is not there, or not under this owner's labels any more. */
function versionOf(live: Live | undefined, owner: KubeObject): string | undefined {
  if (live?.labels[ownerName] !== owner.metadata.name) return undefined;
  if (live.labels[ownerNamespace] !== owner.metadata.namespace) return undefined;
  return `${live.uid} ${live.rv}`;
}

/** Moved, and nobody can tell by the version alone whether it was only their status. */
function unclear(moved: readonly ResourceRef[], { objects }: AppliedState, live: LiveObjects): readonly ObjectRef[] {
  return moved.map(refOfId).filter((ref, index) => {
    const id = moved[index]?.id ?? "";
    const known = objects[id];
    const seen = live.byId.get(id);
    if (!known || !seen || seen.object || isQuiet(ref) || known.live === "") return false;
    return known.uid === seen.uid && known.rv !== seen.rv;
  });
}

function isClean(state: AppliedState, id: string, live: LiveObjects, owner: KubeObject, rules: ApplyRules): boolean {
  const known = state.objects[id];
  const seen = live.byId.get(id);
  if (!known || !seen || versionOf(seen, owner) === undefined || known.uid !== seen.uid) return false;
  if (known.rv === seen.rv) return true;
  return seen.object !== undefined && known.live !== "" && liveDigest(seen.object, rules) === known.live;
}
