import { existsSync, readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import {
  createIgnoreMatcher,
  defaultPatterns,
  matchName,
  matchPattern,
  matcherOf,
  parseIgnorePattern,
  parseIgnoreRules,
} from "../../../shared/source/ignore.ts";

interface Vectors {
  readonly cases: readonly {
    name: string;
    rules: string;
    domain: string[];
    defaults: boolean;
    extraPatterns: string[];
    ignored: string[];
    kept: string[];
  }[];
  readonly patterns: readonly {
    name: string;
    pattern: string;
    domain: string[];
    path: string[];
    isDir: boolean;
    expected: string;
  }[];
  readonly matcher: readonly { name: string; patterns: string[]; path: string[]; isDir: boolean; expected: boolean }[];
}

const file = "../shared/vectors/sourceignore.json";
const vectors = (
  existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { cases: [], patterns: [], matcher: [] }
) as Vectors;

describe.skipIf(!existsSync(file))(`Flux's own cases (${file})`, () => {
  it.each(vectors.patterns)("$name", ({ pattern, domain, path, isDir, expected }) => {
    expect(matchPattern(parseIgnorePattern(pattern, domain), path, isDir)).toBe(expected);
  });

  it.each(vectors.matcher)("$name", ({ patterns, path, isDir, expected }) => {
    expect(matcherOf(patterns.map((pattern) => parseIgnorePattern(pattern)))(path, isDir)).toBe(expected);
  });

  it.each(vectors.cases)("$name", ({ rules, domain, defaults, extraPatterns, ignored, kept }) => {
    const extra = extraPatterns.map((pattern) => parseIgnorePattern(pattern, domain));
    const patterns = [...parseIgnoreRules(rules, domain), ...extra];
    const matcher = matcherOf(defaults ? [...defaultPatterns(domain), ...patterns] : patterns);

    expect(ignored.filter((path) => !matcher(path.split("/"), false))).toEqual([]);
    expect(kept.filter((path) => matcher(path.split("/"), false))).toEqual([]);
  });
});

describe("createIgnoreMatcher", () => {
  const ignored = (rules: string, path: string) => createIgnoreMatcher(parseIgnoreRules(rules))(path.split("/"), false);

  it("leaves out pictures, archives and CI files as long as nobody wrote a pattern", () => {
    expect([ignored("", "a/b.png"), ignored("", ".github/workflows/x.yaml"), ignored("", "a/.sops.yaml")]).toEqual([
      true,
      true,
      true,
    ]);
  });

  it("keeps them as soon as somebody did", () => {
    expect([ignored("docs/", "a/b.png"), ignored("docs/", ".github/workflows/x.yaml")]).toEqual([false, false]);
  });

  it("always leaves out what belongs to Git", () => {
    expect(ignored("docs/", "a/.gitignore")).toBe(true);
  });

  it("follows a white-list", () => {
    const rules = "# only deploy\n/*\r\n!/deploy\n";

    expect([ignored(rules, "README.md"), ignored(rules, "deploy/a.yaml")]).toEqual([true, false]);
  });

  it("brings a file back from below an ignored directory, unlike Git", () => {
    expect(ignored("docs/\n!docs/keep.yaml", "docs/keep.yaml")).toBe(false);
  });
});

describe("matchName", () => {
  it("takes no longer for hostile patterns than for others", () => {
    expect(matchName(`${"a*".repeat(2_000)}b`, "a".repeat(4_000))).toBe(false);
  });
});
