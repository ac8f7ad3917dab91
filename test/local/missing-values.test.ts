import { describe, expect, it } from "vitest";

import { type AlarmValue, decide, extraPeriods } from "../../local/missing-values.ts";

const states: Readonly<Record<string, AlarmValue>> = {
  OK: "OK",
  ALARM: "ALARM",
  NONE: "INSUFFICIENT_DATA",
};

/** `X` breaches, `0` does not, `-` is missing; the newest is at the right, as CloudWatch's documentation prints them. */
const read = (values: string) =>
  values
    .split(" ")
    .reverse()
    .map((each) => (each === "-" ? undefined : each === "X"));

/** What CloudWatch's documentation says of each; `KEPT` is the state that the alarm had before. */
const threeOfThree: readonly [
  values: string,
  missing: string,
  ignore: string,
  breaching: string,
  notBreaching: string,
][] = [
  ["0 - X - X", "OK", "OK", "OK", "OK"],
  ["0 - - - -", "OK", "OK", "OK", "OK"],
  ["- - - - -", "NONE", "KEPT", "ALARM", "OK"],
  ["0 X X - X", "ALARM", "ALARM", "ALARM", "ALARM"],
  ["- - X - -", "ALARM", "KEPT", "ALARM", "OK"],
];
const twoOfThree: typeof threeOfThree = [
  ["0 - X - X", "ALARM", "ALARM", "ALARM", "ALARM"],
  ["0 0 X 0 X", "ALARM", "ALARM", "ALARM", "ALARM"],
  ["0 - X - -", "OK", "OK", "ALARM", "OK"],
  ["- - - - 0", "OK", "OK", "ALARM", "OK"],
  ["- - - X -", "ALARM", "KEPT", "ALARM", "OK"],
];
const cases = [...threeOfThree.map((row) => [3, ...row] as const), ...twoOfThree.map((row) => [2, ...row] as const)];

describe("decide", () => {
  it.each(cases)("takes %i of 3 values %s as CloudWatch does", (needed, values, missing, ignore, breaching, not) => {
    expect(read(values)).toHaveLength(3 + extraPeriods);
    for (const before of ["OK", "ALARM"] as const) {
      const decided = (treatMissing: string) => decide(read(values), { periods: 3, needed, treatMissing, before });
      const wanted = (state: string) => (state === "KEPT" ? before : states[state]);
      expect([decided("missing"), decided("ignore"), decided("breaching"), decided("notBreaching")]).toEqual([
        wanted(missing),
        wanted(ignore),
        wanted(breaching),
        wanted(not),
      ]);
    }
  });
});
