import { execFileSync } from "node:child_process";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { objectName, readPack } from "../../../../shared/source/git/pack.ts";
import { createGitRoot, type GitRoot } from "../../../fakes/git-server.ts";

let root: GitRoot;
let folder: string;
let pack: Buffer;
const limits = { maxInflatedBytes: 50_000_000 };

const packOf = (...flags: readonly string[]) =>
  execFileSync("git", ["-C", folder, "pack-objects", "--all", "--stdout", "-q", ...flags], { input: "" });

beforeAll(() => {
  root = createGitRoot();
  const repository = root.create("history");
  folder = repository.folder;
  for (let round = 0; round < 12; round += 1) {
    const lines = Array.from({ length: 400 }, (_, line) => `line ${line} ${line % 12 === round ? round : 0}`);
    repository.commit({ "a.txt": lines.join("\n"), [`f${round}`]: `${round}`, empty: "" });
  }
  pack = packOf("--revs", "--delta-base-offset");
});

afterAll(() => root.remove());

describe("readPack", () => {
  it.each([
    ["deltas by offset", ["--revs", "--delta-base-offset"]],
    ["deltas by name", ["--revs"]],
    ["no deltas", ["--revs", "--window=0"]],
  ])("finds every object that git has, with %s", (_, flags) => {
    const store = readPack(packOf(...flags), "sha1", limits);

    const list = execFileSync("git", ["-C", folder, "cat-file", "--batch-all-objects", "--batch-check"]).toString();
    const names = list
      .trim()
      .split("\n")
      .map((line) => line.split(" ").slice(0, 2).join(" "));
    expect([...store].map(([name, { type }]) => `${name} ${type}`).sort()).toEqual(names.sort());
  });

  it("keeps to its limit", () => {
    expect(() => readPack(pack, "sha1", { maxInflatedBytes: 1000 })).toThrow("larger than 1000 bytes");
  });

  it.each([
    ["a flipped byte", () => Buffer.from(pack.map((byte, index) => (index === 200 ? byte ^ 1 : byte)))],
    ["a lost end", () => pack.subarray(0, pack.length - 30)],
    ["something else", () => Buffer.from("<html>".repeat(20))],
  ])("refuses %s", (_, damage) => {
    expect(() => readPack(damage(), "sha1", limits)).toThrow("pack is damaged");
  });
});

describe("objectName", () => {
  it("is git's", () => {
    expect(objectName({ type: "blob", content: Buffer.from("hello\n") }, "sha1")).toBe(
      "ce013625030ba8dba906f756967f9e9ca394464a",
    );
  });
});
