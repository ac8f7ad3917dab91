import { describe, expect, it } from "vitest";

import { driftModeOf, formatSnooze, markOf, parseSnooze, readGovernance } from "../../../shared/drift/mode.ts";

const now = Date.parse("2026-01-01T12:00:00Z");
const later = "2026-01-01T13:00:00Z";

describe("driftModeOf", () => {
  it("keeps Flux's pace where a fleet is taken over, unless the fleet says otherwise", () => {
    expect(driftModeOf({})).toBe("within-a-minute");
    expect(driftModeOf({ takeOver: true })).toBe("at-interval");
    expect(driftModeOf({ takeOver: true, drift: "warn" })).toBe("warn");
  });
});

describe("readGovernance", () => {
  it("takes the cluster's default where the object says nothing", () => {
    expect(readGovernance(undefined, "warn", now)).toEqual({ mode: "warn", snooze: undefined, problems: [] });
  });

  it("takes the object's mode and snooze, as long as it lasts", () => {
    const annotations = { "driftless.dev/drift": "approve", "driftless.dev/drift-snooze": `${later} a hotfix; wait` };
    const governance = readGovernance(annotations, "warn", now);
    expect(governance).toEqual({
      mode: "approve",
      snooze: { until: Date.parse(later), reason: "a hotfix; wait" },
      problems: [],
    });
    expect(markOf(governance)).toBe(`mode approve, snoozed until ${later} (a hotfix; wait)`);
    expect(readGovernance(annotations, "warn", Date.parse(later)).snooze).toBeUndefined();
  });

  it.each([
    ["driftless.dev/drift", "wran"],
    ["driftless.dev/drift", "toString"],
    ["driftless.dev/drift-snooze", "tomorrow"],
    ["driftless.dev/drift-snooze", ""],
  ])("holds back and silences nothing where %s is %j", (name, value) => {
    const { mode, snooze, problems } = readGovernance({ [name]: value }, "within-a-minute", now);
    expect([mode, snooze]).toEqual(["approve", undefined]);
    expect(problems).toEqual([expect.stringContaining(`annotation ${name} is "${value}", want`)]);
  });
});

describe("parseSnooze", () => {
  it("reads what formatSnooze writes", () => {
    const snooze = { until: Date.parse(later), reason: "INC-7: load test" };
    expect(parseSnooze(formatSnooze(snooze))).toEqual(snooze);
  });

  it("takes a time with an offset, and none without", () => {
    expect(parseSnooze("2026-01-01T13:00:00+02:00")).toEqual({ until: Date.parse("2026-01-01T11:00:00Z"), reason: "" });
    expect(parseSnooze("2026-01-01T13:00:00 x")).toBeUndefined();
    expect(parseSnooze("2026-13-01T13:00:00Z x")).toBeUndefined();
  });
});
