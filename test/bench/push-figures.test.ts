import { describe, expect, it } from "vitest";

import { breaksPromise, isMet } from "./figure.ts";
import { changed, counts, created, pushFigures, type PushRecord } from "./push-figures.ts";

/** Pushes that took so many seconds and requests, for each thing that is pushed. */
function aRecord(seconds: readonly number[], requests: (count: number) => number, untouched = 999): PushRecord {
  const pushes = (count: number) =>
    seconds.map((s) => ({ seconds: s, sourceRequests: 3, applyRequests: requests(count) - 3 }));
  return {
    pushed: new Map([[changed, pushes(3)], ...counts.map((count) => [created(count), pushes(count)] as const)]),
    untouched,
  };
}

const peer = aRecord([9, 7, 8], (count) => 3 * count + 20);
const figuresFor = (driftless: PushRecord) => pushFigures(["B3", "B4"], driftless, peer, "flux 1");

describe("pushFigures", () => {
  it("takes the median, the least and the most of all rounds", () => {
    const figures = figuresFor(aRecord([4, 2, 9, 3], () => 12));

    const ofChange = figures.filter(({ bench }) => bench === "B3");
    expect(ofChange.map(({ driftless }) => driftless)).toEqual([3.5, 2, 12, 999]);
    expect(ofChange.map(({ peer: other }) => other)).toEqual([8, 7, 29, 999]);
  });

  it("keeps every promise with 2N + 12 requests, 12 for a change, and less time", () => {
    const figures = figuresFor(aRecord([1.5], (count) => (count === 3 ? 12 : 2 * count + 12)));

    expect(figures.filter(breaksPromise)).toEqual([]);
    expect(figures.filter((figure) => isMet(figure) === false)).toEqual([]);
  });

  it("breaks the promise of each figure that is one too many", () => {
    const figures = figuresFor(aRecord([9], (count) => (count === 3 ? 16 : 2 * count + 13), 998));

    expect(figures.filter(breaksPromise).map(({ bench, metric }) => `${bench} ${metric}`)).toEqual([
      "B3 1 of 1,000 changed, push to applied, median",
      "B3 1 of 1,000 changed, requests",
      "B3 1 of 1,000 changed, others untouched",
      "B4 1 new object, requests",
      "B4 100 new objects, requests",
      "B4 1,000 new objects, push to applied, median",
      "B4 1,000 new objects, requests",
    ]);
  });

  it("breaks the promises of what was not measured", () => {
    const nothing = { pushed: new Map(), untouched: Infinity };

    expect(figuresFor(nothing).filter(breaksPromise)).toHaveLength(7);
  });

  it("has the figures of the chosen benches only", () => {
    expect(pushFigures(["B4"], peer, peer, "flux 1").every(({ bench }) => bench === "B4")).toBe(true);
  });
});
