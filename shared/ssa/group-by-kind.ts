/** Cuts an ordered list where the kind changes: within one kind the order has no meaning, and a server has many hands. */
export function groupByKind<T>(ordered: readonly T[], kindOf: (entry: T) => string): readonly (readonly T[])[] {
  const groups: T[][] = [];
  let last: string | undefined;
  for (const entry of ordered) {
    const kind = kindOf(entry);
    if (kind !== last) groups.push([]);
    groups.at(-1)?.push(entry);
    last = kind;
  }
  return groups;
}
