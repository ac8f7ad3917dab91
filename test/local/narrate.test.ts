import { describe, expect, it } from "vitest";

import type { AlarmChange } from "../../local/alarm-watch.ts";
import { createNarration, describeAlarm } from "../../local/narrate.ts";

const change: AlarmChange = {
  name: "driftless-my-engine-DriftDetected",
  from: "OK",
  to: "ALARM",
  reason: "1 of 1 values",
  suppressed: false,
};

describe("describeAlarm", () => {
  it.each<[Partial<AlarmChange>, string | undefined]>([
    [{}, "alarm DriftDetected: OK → ALARM, 1 of 1 values"],
    [{ from: "ALARM", to: "OK" }, "alarm DriftDetected: ALARM → OK"],
    [{ from: "INSUFFICIENT_DATA", to: "OK" }, undefined],
    [{ suppressed: true }, "alarm DriftDetected: OK → ALARM, 1 of 1 values (nobody is told: its suppressor rings)"],
  ])("tells of %o", (given, expected) => {
    expect(describeAlarm({ ...change, ...given }, "my-engine")).toBe(expected);
  });
});

describe("createNarration", () => {
  it("says who changed what by hand", () => {
    const told: string[] = [];
    const line = { event: "changed by hand", user: "ada", verb: "patch", first: "configmaps/shop/settings" };
    createNarration((text) => told.push(text))(`local-audit ${JSON.stringify(line)}`);

    expect(told).toEqual([
      expect.stringMatching(/^\d\d:\d\d:\d\d changed by hand: patch configmaps\/shop\/settings by ada$/),
    ]);
  });
});
