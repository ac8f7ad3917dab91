import { describe, expect, it } from "vitest";

import { compareVersions, parseRange, parseTagVersion, parseVersion } from "../../../shared/source/semver.ts";

const includes = (range: string, version: string) => parseRange(range).includes(parseVersion(version)!);

describe("parseRange", () => {
  it.each([
    ["1.x", "1.9.3", true],
    ["1.x", "2.0.0", false],
    ["*", "0.0.1", true],
    [">=1.0.0, <2.0.0", "1.5.0", true],
    [">=1.0.0 <2.0.0", "2.0.0", false],
    ["=>1.2", "1.2.0", true],
    ["~>1.2.3", "1.2.9", true],
    ["~1.2.3", "1.3.0", false],
    ["^0.2.3", "0.2.9", true],
    ["^0.2.3", "0.3.0", false],
    ["^0.0.3", "0.0.4", false],
    ["!=1.2.x", "1.2.3", false],
    ["!=1.2.x", "1.3.0", true],
    [">11", "11.1.0", false],
    [">11.1", "11.2.1", true],
    ["<=2.1", "2.1.9", true],
    ["1.2 - 1.4.5", "1.4.5", true],
    ["1.2 - 1.4.5", "1.4.6", false],
    ["<1.0.0 || >=2.0.0", "2.1.0", true],
    [">=1.0.0", "1.1.0-rc.1", false],
    [">=1.0.0-0", "1.1.0-rc.1", true],
    [">=1.0.0, <2.0.0-0", "1.1.0-rc.1", true],
    ["1.0.0", "1.0.0+build7", true],
  ])("%s and %s: %s", (range, version, expected) => {
    expect(includes(range, version)).toBe(expected);
  });

  it.each(["", "not a range", "1.2.3 ||", ">>1", "1.2.3>1.0.0"])("refuses %j", (range) => {
    expect(() => parseRange(range)).toThrow(/improper constraint/);
  });
});

describe("compareVersions", () => {
  it.each([
    ["1.0.0-rc.2", "1.0.0-rc.11", -1],
    ["1.0.0-rc.1", "1.0.0", -1],
    ["1.0.0-1", "1.0.0-alpha", -1],
    ["1.0.0-alpha.1", "1.0.0-alpha", 1],
    ["v1.0.0+a", "1.0.0+b", 0],
  ])("%s to %s: %i", (a, b, expected) => {
    expect(compareVersions(parseVersion(a)!, parseVersion(b)!)).toBe(expected);
  });
});

describe("parseTagVersion", () => {
  it.each([
    ["v2025.02.03", true],
    ["1.2.3-rc.1", true],
    ["v1.2", false],
    ["release-1.2.3", false],
    ["1.2.3-01", false],
  ])("%s: %s", (tag, valid) => {
    expect(parseTagVersion(tag) !== undefined).toBe(valid);
  });
});
