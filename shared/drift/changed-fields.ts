/**
 * Which fields of a live object differ from what an apply would make of it: exactly those that decide whether it has
 * drifted (ssa/drift.ts), each by its JSON pointer. Pure.
 */
import { isDeepStrictEqual } from "node:util";

import { isLosslessNumber } from "lossless-json";

import type { KubeObject } from "../api/kube-object.ts";
import { type Pointer, without } from "../ssa/json-pointer.ts";

export interface ChangedField {
  /** Into the live object; into the other one where the live object has nothing there. */
  readonly pointer: Pointer;
  /** Undefined where the field is not there. */
  readonly git: unknown;
  readonly live: unknown;
}

/** @param git what a dry-run of the apply makes of the live object */
export function changedFields(
  live: KubeObject,
  git: KubeObject,
  ignored: readonly Pointer[] = [],
): readonly ChangedField[] {
  return compare(compared(without(live, ignored)), compared(without(git, ignored)), []);
}

/** The same of an object that could not be dry-run: fields that Git does not name are no difference. */
export function changedFromDesired(live: KubeObject, desired: KubeObject): readonly ChangedField[] {
  return changedFields(live, desired).filter(({ git }) => git !== undefined);
}

/** Flux compares labels, annotations, and all that is neither metadata nor status. */
function compared(object: KubeObject): Record<string, unknown> {
  const { labels = {}, annotations = {} } = object.metadata;
  const content = Object.entries(object).filter(([name]) => name !== "metadata" && name !== "status");
  return { metadata: { labels, annotations }, ...Object.fromEntries(content) };
}

function compare(live: unknown, git: unknown, pointer: Pointer): readonly ChangedField[] {
  if (isDeepStrictEqual(live, git)) return [];
  if (isMap(live) && isMap(git)) {
    const names = new Set([...Object.keys(git), ...Object.keys(live)]);
    return [...names].flatMap((name) => compare(at(live, name), at(git, name), [...pointer, name]));
  }
  if (Array.isArray(live) && Array.isArray(git)) return compareLists(live, git, pointer);
  return [{ pointer, git, live }];
}

const at = (value: Readonly<Record<string, unknown>>, name: string): unknown =>
  Object.hasOwn(value, name) ? value[name] : undefined;

/** Items with names are compared by name, wherever they stand; else by place, where none came or went. */
function compareLists(live: readonly unknown[], git: readonly unknown[], pointer: Pointer): readonly ChangedField[] {
  const [before, after] = [namesOf(live), namesOf(git)];
  if (before && after) {
    const names = new Set([...after, ...before]);
    return [...names].flatMap((name) => {
      const [inLive, inGit] = [before.indexOf(name), after.indexOf(name)];
      return compare(live[inLive], git[inGit], [...pointer, String(inLive < 0 ? inGit : inLive)]);
    });
  }
  if (live.length !== git.length) return [{ pointer, git, live }];
  return live.flatMap((item, index) => compare(item, git[index], [...pointer, String(index)]));
}

/** Undefined unless every item has a name of its own. */
function namesOf(list: readonly unknown[]): readonly string[] | undefined {
  const names = list.map((item) => (isMap(item) && typeof item.name === "string" ? item.name : undefined));
  const known = names.filter((name) => name !== undefined);
  return known.length === list.length && new Set(known).size === known.length ? known : undefined;
}

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !isLosslessNumber(value);
