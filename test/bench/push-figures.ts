/** The figures of B3 and B4 from the pushes of both sides, with what the project promises and aims at. */
import type { Figure, Target } from "./figure.ts";
import type { Pushed } from "./rig.ts";

export const counts = [1, 100, 1000] as const;
export const changed = "1 of 1,000 changed";

/** Every timed push of one side, by what was pushed. */
export interface PushRecord {
  readonly pushed: Map<string, Pushed[]>;
  /** Objects that B3 left alone, at the least. */
  untouched: number;
}

export const created = (count: number): string =>
  `${count.toLocaleString("en-US")} new object${count === 1 ? "" : "s"}`;

const promised = (relation: Target["relation"], value: number, of: Target["of"]): Target => ({
  relation,
  value,
  of,
  promised: true,
});
const aimedAt = (value: number): Target => ({ relation: "<=", value, of: "ratio", promised: false });

/** Objects of a push besides those that are created or changed, and requests that are allowed around them. */
const untouchedOfThousand = 999;
const requestsOfOneChange = 12;
const requestsAround = 12;

export function pushFigures(
  benches: readonly string[],
  driftless: PushRecord,
  peer: PushRecord,
  peerName: string,
): readonly Figure[] {
  const figure = (bench: string, what: string, measure: Measure, target?: Target): Figure => ({
    bench,
    metric: `${what}, ${measure.name}`,
    unit: measure.unit,
    driftless: measure.of(driftless.pushed.get(what) ?? []),
    peer: measure.of(peer.pushed.get(what) ?? []),
    peerName,
    ...(target ? { target } : {}),
  });
  const ofChange = (): readonly Figure[] => [
    figure("B3", changed, median, promised("<", 1, "ratio")),
    figure("B3", changed, least, aimedAt(0.25)),
    figure("B3", changed, most, promised("<=", requestsOfOneChange, "value")),
    {
      bench: "B3",
      metric: `${changed}, others untouched`,
      unit: "objects",
      driftless: driftless.untouched,
      peer: peer.untouched,
      peerName,
      target: promised("=", untouchedOfThousand, "value"),
    },
  ];
  const ofCreation = (count: number): readonly Figure[] => [
    figure("B4", created(count), median, count === 1000 ? promised("<=", 1, "ratio") : undefined),
    figure("B4", created(count), least, count === 1000 ? aimedAt(0.65) : undefined),
    figure("B4", created(count), most, promised("<=", 2 * count + requestsAround, "value")),
  ];
  return [...(benches.includes("B3") ? ofChange() : []), ...(benches.includes("B4") ? counts.flatMap(ofCreation) : [])];
}

interface Measure {
  readonly name: string;
  readonly unit: Figure["unit"];
  /** NaN or infinite, and so short of every target, when nothing was measured. */
  readonly of: (all: readonly Pushed[]) => number;
}

const median: Measure = {
  name: "push to applied, median",
  unit: "s",
  of: (all) => {
    const sorted = all.map(({ seconds }) => seconds).sort((a, b) => a - b);
    const middle = sorted.length / 2;
    return ((sorted[Math.ceil(middle) - 1] ?? NaN) + (sorted[Math.floor(middle)] ?? NaN)) / 2;
  },
};

const least: Measure = {
  name: "push to applied, least",
  unit: "s",
  of: (all) => Math.min(...all.map(({ seconds }) => seconds)),
};

const most: Measure = {
  name: "requests",
  unit: "requests",
  of: (all) =>
    all.length === 0
      ? NaN
      : Math.max(...all.map(({ sourceRequests, applyRequests }) => sourceRequests + applyRequests)),
};
