/** Where the objects whose health is waited for are watched: one WATCH per kind, as narrow as the objects allow. */
import type { ObjectRef } from "../api/kube-object.ts";
import { kindKey } from "./observe-live.ts";

export interface Scope {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface Owned {
  /** Selects what the run applies; undefined where nothing bears a label. */
  readonly selector: string | undefined;
  /** Whether the object bears it, as far as is known. */
  readonly has: (ref: ObjectRef) => boolean;
}

/** Objects without our label are watched one by one, so many of a kind at most. */
export const mostByName = 4;

/** One object is watched by its name, several of ours by the owner's label; a kind that has neither is left out. */
export function scopesOf(refs: readonly ObjectRef[], owned: Owned): readonly Scope[] {
  return byKind(refs).flatMap((members) => scopesOfKind(members, owned));
}

export function byKind(refs: readonly ObjectRef[]): readonly (readonly ObjectRef[])[] {
  const kinds = new Map<string, ObjectRef[]>();
  for (const ref of refs) {
    const members = kinds.get(kindKey(ref));
    if (members) members.push(ref);
    else kinds.set(kindKey(ref), [ref]);
  }
  return [...kinds.values()];
}

function scopesOfKind(members: readonly ObjectRef[], { selector, has }: Owned): readonly Scope[] {
  const ours = selector === undefined ? [] : members.filter(has);
  const [first] = ours;
  if (!first || selector === undefined || ours.length === 1) return byNames(members);
  const { apiVersion, kind, namespace } = first;
  const isOne = ours.every((ref) => ref.namespace === namespace);
  const scope = { apiVersion, kind, labelSelector: selector, ...(isOne && namespace ? { namespace } : {}) };
  return [scope, ...byNames(members.filter((ref) => !has(ref)))];
}

const byNames = (refs: readonly ObjectRef[]): readonly Scope[] => (refs.length > mostByName ? [] : refs.map(byName));

const byName = ({ apiVersion, kind, namespace, name }: ObjectRef): Scope => ({
  apiVersion,
  kind,
  fieldSelector: `metadata.name=${name}`,
  ...(namespace ? { namespace } : {}),
});

/** Whether a WATCH there tells of the object. */
export function covers(scope: Scope, ref: ObjectRef, { has }: Owned): boolean {
  if (kindKey(scope) !== kindKey(ref)) return false;
  if (scope.namespace !== undefined && scope.namespace !== ref.namespace) return false;
  return scope.fieldSelector === undefined ? has(ref) : scope.fieldSelector === `metadata.name=${ref.name}`;
}

/** Whether a WATCH by the selector `name=value,…` tells of an object with these labels. */
export function isSelected(labels: Readonly<Record<string, string>>, selector: string): boolean {
  return selector.split(",").every((term) => {
    const [name = "", value = ""] = term.split("=");
    return labels[name] === value;
  });
}
