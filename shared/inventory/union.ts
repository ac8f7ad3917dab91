/** What an unfinished run may own: everything of before, and what has come to be since. */
import type { ResourceRef } from "../api/kustomization.ts";

/** The entries of before in their order and in their version, then those that are new, by id. */
export function unionOf(
  before: readonly ResourceRef[],
  since: ReadonlyMap<string, Pick<ResourceRef, "v">>,
): readonly ResourceRef[] {
  const known = new Set(before.map(({ id }) => id));
  const added = [...since].filter(([id]) => !known.has(id)).map(([id, { v }]) => ({ id, v }));
  return [...before, ...added];
}
