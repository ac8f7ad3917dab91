/**
 * The deletion budget of a Kustomization: annotations that say how much one run may prune without a person's approval.
 * What cannot be read is over the budget, so that a slip of the pen holds back rather than lets through. Pure.
 */
import { createHash } from "node:crypto";

import { type KubeObject, type ObjectRef, groupOf, subjectOf } from "../api/kube-object.ts";
import type { ResourceRef } from "../api/kustomization.ts";

const prefix = "driftless.dev/prune-";

/** Whole number: at most so many objects are pruned by one run. */
export const maxCountAnnotation = `${prefix}max-count`;
/** Whole number up to 100: at most this share of the inventory is pruned by one run. */
export const maxPercentAnnotation = `${prefix}max-percent`;
/** Kinds, or `Kind.group`, separated by commas: none of them is pruned without approval. */
export const protectAnnotation = `${prefix}protect`;
/** The plan that a person approved: the digest of exactly the objects that were held back. */
export const approvalAnnotation = "driftless.dev/approve-prune";

export interface DeletionBudget {
  readonly maxCount: number | undefined;
  readonly maxPercent: number | undefined;
  readonly isProtected: (ref: ObjectRef) => boolean;
  /** Annotations that cannot be followed, and what would be right. */
  readonly problems: readonly string[];
}

type Annotations = Readonly<Record<string, string>>;

/** Undefined without any of the annotations: then nothing is held back. */
export function readBudget(annotations: Annotations = {}): DeletionBudget | undefined {
  const names = Object.keys(annotations).filter((name) => name.startsWith(prefix));
  if (names.length === 0) return undefined;
  const problems: string[] = [];
  const whole = (name: string, most: number, what: string): number | undefined => {
    const text = annotations[name];
    if (text === undefined) return undefined;
    const value = /^\d+$/u.test(text) ? Number(text) : Number.NaN;
    if (value <= most) return value;
    problems.push(`annotation ${name} is "${text}", want ${what}`);
    return undefined;
  };
  const known = [maxCountAnnotation, maxPercentAnnotation, protectAnnotation];
  for (const name of names.filter((given) => !known.includes(given)))
    problems.push(`annotation ${name} is unknown, want one of ${known.join(", ")}`);
  const maxCount = whole(maxCountAnnotation, Number.MAX_SAFE_INTEGER, "a whole number");
  const maxPercent = whole(maxPercentAnnotation, 100, "a whole number from 0 to 100");
  return { maxCount, maxPercent, isProtected: protectedKinds(annotations[protectAnnotation], problems), problems };
}

/** Kinds are compared without regard to case: one that is spelt a little differently shall not lose its protection. */
function protectedKinds(text: string | undefined, problems: string[]): (ref: ObjectRef) => boolean {
  if (text === undefined) return () => false;
  const kinds = new Set<string>();
  for (const part of text.split(",").map((word) => word.trim())) {
    if (/^[A-Za-z][A-Za-z0-9]*(?:\.[a-z0-9][a-z0-9.-]*)?$/u.test(part)) kinds.add(part.toLowerCase());
    else problems.push(`annotation ${protectAnnotation} names "${part}", want Kind or Kind.group, separated by commas`);
  }
  return ({ apiVersion, kind }) =>
    kinds.has(kind.toLowerCase()) || kinds.has(`${kind}.${groupOf(apiVersion)}`.toLowerCase());
}

export const hasBudget = ({ metadata: { annotations = {} } }: KubeObject): boolean =>
  Object.keys(annotations).some((name) => name.startsWith(prefix));

/** Why these deletions need approval; empty when they keep within the budget. */
export function findExcess(budget: DeletionBudget, refs: readonly ObjectRef[], inventorySize: number): string[] {
  const { maxCount, maxPercent, isProtected, problems } = budget;
  if (refs.length === 0) return [];
  const reasons = [...problems];
  if (maxCount !== undefined && refs.length > maxCount) reasons.push(`${maxCountAnnotation} allows ${maxCount}`);
  if (maxPercent !== undefined && refs.length * 100 > maxPercent * inventorySize)
    reasons.push(`${maxPercentAnnotation} allows ${maxPercent}% of ${inventorySize}`);
  const guarded = refs.filter(isProtected);
  if (guarded.length > 0) reasons.push(`${protectAnnotation} guards ${listOf(guarded)}`);
  return reasons;
}

/** Names a set of objects of one incarnation of a Kustomization, whatever their order. */
export function planDigest(uid: string, entries: readonly ResourceRef[]): string {
  const ids = entries.map(({ id }) => id).sort();
  return createHash("sha256")
    .update([uid, ...ids].join("\n"))
    .digest("hex")
    .slice(0, 32);
}

export interface Plan {
  readonly count: number;
  readonly digest: string;
}

export function heldMessage(
  refs: readonly ObjectRef[],
  reasons: readonly string[],
  { digest, name, namespace }: { readonly digest: string; readonly name: string; readonly namespace: string },
): string {
  const command = `driftless approve kustomization ${name} -n ${namespace}`;
  return `${refs.length} to be pruned, held back: ${listOf(refs)}; ${reasons.join("; ")}; approve plan ${digest} with: ${command}`;
}

/** What a message of `heldMessage` is about; undefined for any other text. */
export function parseHeldMessage(message: string): Plan | undefined {
  const [, count, digest] =
    /^(\d+) to be pruned, held back: .*; approve plan ([0-9a-f]{32}) with: /su.exec(message) ?? [];
  return count === undefined || digest === undefined ? undefined : { count: Number(count), digest };
}

const listed = 5;

export function listOf(refs: readonly ObjectRef[]): string {
  const names = refs.slice(0, listed).map(subjectOf).join(", ");
  return refs.length > listed ? `${names} and ${refs.length - listed} more` : names;
}
