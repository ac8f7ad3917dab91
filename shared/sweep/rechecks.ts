/**
 * Which owners are looked at in full now: each once a day at its own moment, and those whose surroundings changed, a few in
 * each sweep and none more than once an hour.
 */
import { refOfId, readInventory } from "../inventory/id.ts";
import { isLookedAt } from "./drift.ts";
import type { FluxObject } from "./due.ts";
import { appliesElsewhere } from "./spokes.ts";
import { changedAround, groupsOf, type Surroundings } from "./surroundings.ts";

export interface Rechecks {
  /** Seconds since the epoch: nothing from before counts. */
  readonly since: number;
  /** When each owner was last asked for, in seconds since the epoch. */
  readonly told: Readonly<Record<string, number>>;
}

const daySeconds = 86_400;
const hourSeconds = 3600;
/** All owners are through within so many sweeps. */
const sweepsForAll = 20;

export interface FoundRechecks {
  readonly keys: readonly string[];
  /** The same object when nothing is due. */
  readonly rechecks: Rechecks;
}

/** @param now seconds since the epoch */
export function findRechecks(
  objects: readonly FluxObject[],
  before: Rechecks | undefined,
  surroundings: Surroundings,
  now: number,
): FoundRechecks {
  if (!before || before.since > now) return { keys: [], rechecks: { since: now, told: {} } };
  const owners = objects.filter(({ object }) => isLookedAt(object));
  const most = Math.max(1, Math.ceil(owners.length / sweepsForAll));
  const due = owners.filter((flux) => {
    const { key, object } = flux;
    const last = Math.min(before.told[key] ?? 0, now);
    if (now - last < hourSeconds) return false;
    const groups = groupsOf(readInventory(object.status).map(refOfId));
    // What surrounds the objects of another cluster is not known here.
    const changed = appliesElsewhere(flux) ? 0 : changedAround(surroundings, groups);
    const asked = Math.max(dailyMoment(key, now), changed);
    return asked > Math.max(last, before.since);
  });
  const waited = due.map(({ key }) => key).sort((a, b) => (before.told[a] ?? 0) - (before.told[b] ?? 0));
  const keys = waited.slice(0, most);
  if (keys.length === 0) return { keys, rechecks: before };
  // Whoever is looked at is not ready meanwhile: it stays known that it was asked for.
  const there = new Set(objects.map(({ key }) => key));
  const told = Object.entries(before.told).filter(([key]) => there.has(key));
  return {
    keys,
    rechecks: {
      ...before,
      told: { ...Object.fromEntries(told), ...Object.fromEntries(keys.map((key) => [key, now])) },
    },
  };
}

/** The last one that has passed. */
function dailyMoment(key: string, now: number): number {
  let offset = 0;
  for (const char of key) offset = (offset * 31 + (char.codePointAt(0) ?? 0)) % daySeconds;
  return Math.floor((now - offset) / daySeconds) * daySeconds + offset;
}
