import { describe, expect, it } from "vitest";

import { findGoDuration, formatGoDuration, parseGoDuration } from "../../../shared/runtime/go-duration.ts";

describe("parseGoDuration", () => {
  it.each([
    ["1h30m", 5_400_000],
    ["60s", 60_000],
    ["500ms", 500],
    ["1.5s", 1500],
    ["1m.5s", 60_500],
    ["0", 0],
    ["-2s", -2000],
    ["100us", 0.1],
  ])("reads %s", (text, milliseconds) => {
    expect(parseGoDuration(text)).toBe(milliseconds);
  });

  it.each(["", "5", "1d", "1h 30m", "s", ".s", "1hh"])("refuses %j", (text) => {
    expect(() => parseGoDuration(text)).toThrow(TypeError);
    expect(findGoDuration(text)).toBeUndefined();
  });
});

describe("formatGoDuration", () => {
  it.each([
    [0, "0s"],
    [600_000, "10m0s"],
    [3_600_000, "1h0m0s"],
    [1500, "1.5s"],
    [193.333441, "193.333441ms"],
    [30_012.886216, "30.012886216s"],
    [90_061_000, "25h1m1s"],
    [0.0015, "1.5µs"],
    [0.000001, "1ns"],
    [-1500, "-1.5s"],
  ])("writes %d ms", (milliseconds, text) => {
    expect(formatGoDuration(milliseconds)).toBe(text);
  });
});
