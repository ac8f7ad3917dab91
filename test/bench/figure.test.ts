import { describe, expect, it } from "vitest";

import {
  breaksPromise,
  type Figure,
  isMet,
  jsonLine,
  markdownTable,
  ratioOf,
  type Target,
  textTable,
} from "./figure.ts";

const peerName = "flux 2.9.5 (kustomize-controller 1.9.5)";

function aFigure(given: Partial<Figure> = {}): Figure {
  return { bench: "B4", metric: "1 new object, push to applied", unit: "s", driftless: 2, peer: 4, peerName, ...given };
}

const aTarget = (given: Partial<Target> = {}): Target => ({
  relation: "<=",
  value: 0.5,
  of: "ratio",
  promised: true,
  ...given,
});

describe("jsonLine", () => {
  it("has every field, on one line", () => {
    const line = jsonLine(aFigure({ driftless: 1.234567, target: aTarget() }));

    expect(line).not.toContain("\n");
    expect(JSON.parse(line)).toEqual({
      bench: "B4",
      metric: "1 new object, push to applied",
      unit: "s",
      driftless: 1.2346,
      peer: 4,
      peerName,
      ratio: 0.3086,
      target: "≤ 0.5 × peer",
      met: true,
    });
  });

  it("keeps the fields of what was not measured or promised, as null", () => {
    const { peer: _, peerName: __, ...alone } = aFigure();

    expect(JSON.parse(jsonLine(alone))).toMatchObject({
      peer: null,
      peerName: null,
      ratio: null,
      target: null,
      met: null,
    });
  });
});

describe("isMet", () => {
  it.each([
    [2, "<=", 0.5, "ratio", true],
    [2, "<", 0.5, "ratio", false],
    [2.01, "<=", 0.5, "ratio", false],
    [15, "<=", 15, "value", true],
    [16, "<=", 15, "value", false],
    [999, "=", 999, "value", true],
    [1000, "=", 999, "value", false],
  ] as const)("%d %s %d by %s is %s", (driftless, relation, value, of, expected) => {
    expect(isMet(aFigure({ driftless, target: aTarget({ relation, value, of }) }))).toBe(expected);
  });

  it("is false where there is no peer to compare with, or nothing was measured", () => {
    const { peer: _, ...alone } = aFigure({ target: aTarget() });

    expect(isMet(alone)).toBe(false);
    expect(isMet(aFigure({ driftless: NaN, target: aTarget() }))).toBe(false);
  });

  it("is undefined without a target", () => {
    expect(isMet(aFigure())).toBeUndefined();
  });
});

describe("breaksPromise", () => {
  it("holds for a missed promise only, not for a missed aim", () => {
    expect(breaksPromise(aFigure({ target: aTarget({ value: 0.4 }) }))).toBe(true);
    expect(breaksPromise(aFigure({ target: aTarget({ value: 0.4, promised: false }) }))).toBe(false);
    expect(breaksPromise(aFigure({ target: aTarget() }))).toBe(false);
    expect(breaksPromise(aFigure())).toBe(false);
  });
});

describe("ratioOf", () => {
  it("is undefined for a peer that needed nothing", () => {
    expect(ratioOf(aFigure({ peer: 0 }))).toBeUndefined();
  });
});

describe("textTable", () => {
  it("aligns its columns and shouts what was missed", () => {
    const requests = { metric: "requests", unit: "requests", driftless: 2012, peer: 3013 } as const;
    const missed = aTarget({ value: 2000, of: "value" });

    const lines = textTable([aFigure(), aFigure({ ...requests, target: missed })]).split("\n");

    expect(lines).toEqual(
      [
        "bench  metric                         Driftless     peer  ratio  target   met",
        "B4     1 new object, push to applied    2.000 s  4.000 s  0.500  –        –",
        "B4     requests                           2,012    3,013  0.668  ≤ 2000   NO",
      ].map((line) => expect.stringMatching(new RegExp(`^${line.replaceAll(/ +/g, " +")}$`)) as unknown),
    );
  });
});

describe("markdownTable", () => {
  it("has a row per figure below its heading", () => {
    expect(markdownTable([aFigure({ target: aTarget() })]).split("\n")).toEqual([
      "| bench | metric | Driftless | peer | ratio | target | met |",
      "| --- | --- | ---: | ---: | ---: | --- | --- |",
      "| B4 | 1 new object, push to applied | 2.000 s | 4.000 s | 0.500 | ≤ 0.5 × peer | yes |",
    ]);
  });
});
