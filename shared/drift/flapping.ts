/**
 * The brake against fighting: a field that one manager rewrites after each correction is corrected three times within an
 * hour, then with the interval, and never more than five times an hour whoever rewrites it. Pure; the counts are written
 * down before the correction, so that a worker that dies in between has counted once too often, never too seldom.
 */
import { createHash } from "node:crypto";

import type { Corrections, DriftedObject } from "./record.ts";

/** Against one manager, before the pace falls back to the interval. */
export const quickCorrections = 3;
/** Of one field, whoever rewrites it. */
export const correctionsAnHour = 5;

const hourSeconds = 3600;
/** More are not told apart; the oldest go first. */
const trackedLimit = 1000;
/** Beyond so many fields an object is counted as a whole. */
const trackedFields = 20;

export type Pace = "quick" | "slow" | "none";

/** How the object may be corrected, by what was done to its busiest field. `now` in epoch milliseconds. */
export function paceOf(object: DriftedObject, corrections: Corrections, now: number): Pace {
  const since = secondsOf(now) - hourSeconds;
  const count = (key: string) => (corrections[key] ?? []).filter((at) => at > since).length;
  const keys = keysOf(object);
  if (keys.some(({ field }) => count(field) >= correctionsAnHour)) return "none";
  return keys.some(({ against }) => count(against) >= quickCorrections) ? "slow" : "quick";
}

/** Epoch milliseconds from which the cap lets the object be corrected again. */
export function freeAt(object: DriftedObject, corrections: Corrections, now: number): number {
  const since = secondsOf(now) - hourSeconds;
  const times = keysOf(object).map(({ field }) => {
    const recent = (corrections[field] ?? []).filter((at) => at > since).sort((a, b) => b - a);
    return recent[correctionsAnHour - 1];
  });
  const latest = Math.max(...times.map((at) => (at === undefined ? 0 : at + hourSeconds)));
  return Math.max(now, latest * 1000);
}

export function withCorrections(corrections: Corrections, objects: readonly DriftedObject[], now: number): Corrections {
  const at = secondsOf(now);
  const next = new Map(Object.entries(corrections));
  for (const key of new Set(
    objects.flatMap((object) => keysOf(object).flatMap(({ field, against }) => [field, against])),
  ))
    next.set(key, [...(next.get(key) ?? []), at].slice(-correctionsAnHour));
  const recent = [...next]
    .map(([key, times]) => [key, times.filter((time) => time > at - hourSeconds)] as const)
    .filter(([, times]) => times.length > 0)
    .sort(([, a], [, b]) => (b.at(-1) ?? 0) - (a.at(-1) ?? 0));
  return Object.fromEntries(recent.slice(0, trackedLimit));
}

/** Whose writes are corrected: one for each field; the whole object where it was deleted or much of it changed. */
function keysOf({ id, fields, more = 0 }: DriftedObject): readonly { field: string; against: string }[] {
  const whole = fields.length + more > trackedFields || fields.length === 0;
  const told = whole ? [{ pointer: "", manager: fields[0]?.manager }] : fields;
  return told.map(({ pointer, manager = "" }) => ({
    field: digestOf(id, pointer),
    against: digestOf(id, pointer, manager),
  }));
}

const digestOf = (...parts: readonly string[]): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 12);

const secondsOf = (millis: number): number => Math.floor(millis / 1000);
