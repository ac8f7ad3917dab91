import { describe, expect, it } from "vitest";

import { nearest } from "../../../shared/runtime/nearest.ts";

const known = ["interval", "path", "postBuild", "prune", "retryInterval", "wait"];

describe("nearest", () => {
  it.each([
    ["postBiuld", "postBuild"],
    ["intervall", "interval"],
    ["Prune", "prune"],
    ["pth", "path"],
    ["retryinterval", "retryInterval"],
    ["decryption", undefined],
    ["xyz", undefined],
  ])("to %s is %s", (name, meant) => {
    expect(nearest(name, known)).toBe(meant);
  });
});
