import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import type { Difference } from "./compare.ts";
import { explain, parseExceptions } from "./exceptions.ts";

const table = (...rows: readonly string[]) =>
  ["# Title", "", "| id | what | where it shows |", "| --- | --- | --- |", ...rows, "", "After."].join("\n");

const difference = (more: Partial<Difference> = {}): Difference => ({
  case: "prune",
  step: 1,
  object: "GitRepository/prune/repo",
  path: "status.artifact.url",
  flux: "http://a",
  driftless: "s3://b",
  ...more,
});

describe("explain", () => {
  it("takes a difference that a row names as intended, and counts the row's use", () => {
    const exceptions = parseExceptions(
      table("| url | x | `GitRepository/* status.artifact.url` |", "| other | x | – |"),
    );
    const found = explain([difference(), difference({ path: "status.artifact.size" })], exceptions);

    expect(found.unexplained).toEqual([difference({ path: "status.artifact.size" })]);
    expect([...found.uses]).toEqual([["url: GitRepository/* status.artifact.url", 1]]);
  });

  it("says which place of a row nothing needed", () => {
    const exceptions = parseExceptions(table("| url | x | `case:other GitRepository/* status.artifact.url` |"));
    const found = explain([difference()], exceptions);

    expect(found.unexplained).toHaveLength(1);
    expect([...found.uses.values()]).toEqual([0]);
  });

  it("asks for equal values after a replacement", () => {
    const exceptions = parseExceptions(
      table("| paths | x | `* message s/\\/tmp\\/(a\\|b)-\\d+\\/// ` |".replace("/// `", "///`")),
    );
    const message = (flux: string, driftless: string) =>
      explain([difference({ path: "message", flux, driftless })], exceptions).unexplained.length;

    expect(message("stat /tmp/a-12/app: gone", "stat app: gone")).toBe(0);
    expect(message("stat /tmp/b-12/app: gone", "stat app: gone")).toBe(0);
    expect(message("stat /tmp/a-12/app: gone", "stat app: lost")).toBe(1);
  });
});

describe("parseExceptions", () => {
  it.each([
    ["a text without the table", "# Title", "no table"],
    ["two rows of one id", table("| a | x | – |", "| a | y | – |"), "two rows have the id a"],
    ["a place that names no path", table("| a | x | `GitRepository/*` |"), "cannot read"],
  ])("refuses %s", (_, text, message) => {
    expect(() => parseExceptions(text)).toThrow(message);
  });

  it("reads the table of the documentation", () => {
    const text = readFileSync(join(import.meta.dirname, "..", "..", "docs", "compatibility.md"), "utf8");

    expect(parseExceptions(text).map(({ id }) => id)).toContain("artifact-url");
  });
});
