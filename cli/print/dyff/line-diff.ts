/** The shortest way from one list of lines to another (Myers), with removals before additions. */

export interface LineChange {
  readonly kind: "added" | "removed" | "same";
  readonly lines: readonly string[];
}

/** Neighbouring changes of a kind are one. */
export function diffLines(from: readonly string[], to: readonly string[]): readonly LineChange[] {
  const steps = trace(from, to);
  const changes: { kind: LineChange["kind"]; lines: string[] }[] = [];
  for (const { kind, line } of steps) {
    const last = changes.at(-1);
    if (last?.kind === kind) last.lines.push(line);
    else if (kind === "removed" && last?.kind === "added") {
      const before = changes.at(-2);
      if (before?.kind === "removed") before.lines.push(line);
      else changes.splice(-1, 0, { kind, lines: [line] });
    } else changes.push({ kind, lines: [line] });
  }
  return changes;
}

interface Step {
  readonly kind: LineChange["kind"];
  readonly line: string;
}

function trace(from: readonly string[], to: readonly string[]): readonly Step[] {
  const frontier = new Map<number, number>([[1, 0]]);
  const history: Map<number, number>[] = [];
  for (let distance = 0; ; distance += 1) {
    history.push(new Map(frontier));
    for (let diagonal = -distance; diagonal <= distance; diagonal += 2) {
      let x = startOf(frontier, diagonal, distance);
      while (x < from.length && x - diagonal < to.length && from[x] === to[x - diagonal]) x += 1;
      frontier.set(diagonal, x);
      if (x >= from.length && x - diagonal >= to.length) return backtrack(history, from, to);
    }
  }
}

const comesFromAbove = (frontier: ReadonlyMap<number, number>, diagonal: number, distance: number): boolean =>
  diagonal === -distance ||
  (diagonal !== distance && (frontier.get(diagonal - 1) ?? -1) < (frontier.get(diagonal + 1) ?? -1));

const startOf = (frontier: ReadonlyMap<number, number>, diagonal: number, distance: number): number =>
  comesFromAbove(frontier, diagonal, distance)
    ? (frontier.get(diagonal + 1) ?? 0)
    : (frontier.get(diagonal - 1) ?? 0) + 1;

function backtrack(
  history: readonly ReadonlyMap<number, number>[],
  from: readonly string[],
  to: readonly string[],
): readonly Step[] {
  const steps: Step[] = [];
  let x = from.length;
  let y = to.length;
  for (let distance = history.length - 1; distance >= 0; distance -= 1) {
    const frontier = history[distance] ?? new Map<number, number>();
    const diagonal = x - y;
    const isAddition = comesFromAbove(frontier, diagonal, distance);
    const before = isAddition ? diagonal + 1 : diagonal - 1;
    const startX = distance === 0 ? 0 : (frontier.get(before) ?? 0);
    const startY = distance === 0 ? 0 : startX - before;
    const after = distance === 0 ? 0 : isAddition ? startX : startX + 1;
    while (x > after && y > (distance === 0 ? 0 : isAddition ? startY + 1 : startY)) {
      steps.push({ kind: "same", line: from[x - 1] ?? "" });
      x -= 1;
      y -= 1;
    }
    if (distance > 0)
      steps.push(
        isAddition ? { kind: "added", line: to[startY] ?? "" } : { kind: "removed", line: from[startX] ?? "" },
      );
    x = startX;
    y = startY;
  }
  return steps.reverse();
}
