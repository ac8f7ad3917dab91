/** Compares two observations field by field. A difference names the object and the path in it. */
import type { Observation, SeenEvent } from "./observe.ts";
import type { Tree } from "./normalize.ts";

export interface Difference {
  readonly case: string;
  readonly step: number;
  /** `Kind/namespace/name`; `Event/Kind/namespace/name` for events about it. */
  readonly object: string;
  /** Keys joined by dots; `(object)` where one side lacks the object. */
  readonly path: string;
  /** Undefined where it is absent. */
  readonly flux: unknown;
  readonly driftless: unknown;
}

export interface Comparison {
  readonly objects: number;
  /** Scalars and empty containers that were looked at. */
  readonly fields: number;
  readonly differences: readonly Difference[];
}

export interface Place {
  readonly case: string;
  readonly step: number;
}

const wholeObject = "(object)";

export function compareObjects(place: Place, flux: Observation, driftless: Observation): Comparison {
  const differences: Difference[] = [];
  let fields = 0;
  let objects = 0;
  for (const object of new Set([...flux.objects.keys(), ...driftless.objects.keys()])) {
    const [ours, theirs] = [driftless.objects.get(object), flux.objects.get(object)];
    if (!ours && !theirs) continue;
    objects += 1;
    if (!ours || !theirs) {
      differences.push({ ...place, object, path: wholeObject, flux: theirs, driftless: ours });
      continue;
    }
    fields += compareValues(theirs, ours, [], (path, left, right) =>
      differences.push({ ...place, object, path, flux: left, driftless: right }),
    );
  }
  return { objects, fields, differences };
}

type Report = (path: string, flux: unknown, driftless: unknown) => void;

/** @returns how many scalars were compared; an object that one side lacks is one difference, not one per field */
export function compareValues(flux: unknown, driftless: unknown, path: readonly string[], report: Report): number {
  const [left, right] = [childrenOf(flux), childrenOf(driftless)];
  if (!left || !right || isEmpty(left) || isEmpty(right) || Array.isArray(flux) !== Array.isArray(driftless)) {
    const same = left && right ? isEmpty(left) && isEmpty(right) : Object.is(flux, driftless);
    if (!same) report(path.join("."), flux, driftless);
    return 1;
  }
  let fields = 0;
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)]))
    fields += compareValues(left[key], right[key], [...path, key], report);
  return fields;
}

const childrenOf = (value: unknown): Tree | undefined =>
  typeof value === "object" && value !== null ? (value as Tree) : undefined;
const isEmpty = (tree: Tree): boolean => Object.keys(tree).length === 0;

/**
 * Each distinct event once, however often it was recorded. What has no counterpart word for word is paired by object,
 * type and reason, so that a difference in a message is one difference.
 */
export function compareEvents(place: Place, flux: Observation, driftless: Observation): Comparison {
  const left = [...flux.events];
  const differences: Difference[] = [];
  let fields = 0;
  const pairs: (readonly [SeenEvent, SeenEvent])[] = [];
  const unpaired = driftless.events.filter((event) => !take(left, event, pairs, isSame));
  const alone = unpaired.filter((event) => !take(left, event, pairs, isAlike));
  for (const [theirs, ours] of pairs) {
    const { object, type, reason } = ours;
    fields += compareValues(
      { message: theirs.message, annotations: theirs.annotations },
      { message: ours.message, annotations: ours.annotations },
      [`${type} ${reason}`],
      (path, a, b) => differences.push({ ...place, object: `Event/${object}`, path, flux: a, driftless: b }),
    );
  }
  const single = (event: SeenEvent, side: "flux" | "driftless") => {
    const { object, type, reason, message } = event;
    const absent = { ...place, object: `Event/${object}`, path: `${type} ${reason}`, flux: undefined };
    differences.push({ ...absent, driftless: undefined, [side]: message });
    fields += 1;
  };
  for (const event of left) single(event, "flux");
  for (const event of alone) single(event, "driftless");
  return { objects: pairs.length + left.length + alone.length, fields, differences };
}

type Match = (a: SeenEvent, b: SeenEvent) => boolean;
const isAlike: Match = (a, b) => a.object === b.object && a.type === b.type && a.reason === b.reason;
const isSame: Match = (a, b) => isAlike(a, b) && a.message === b.message;

function take(
  left: SeenEvent[],
  event: SeenEvent,
  pairs: (readonly [SeenEvent, SeenEvent])[],
  matches: Match,
): boolean {
  const index = left.findIndex((other) => matches(other, event));
  const [found] = index < 0 ? [] : left.splice(index, 1);
  if (!found) return false;
  pairs.push([found, event]);
  return true;
}
