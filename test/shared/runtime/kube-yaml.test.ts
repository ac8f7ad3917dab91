import { describe, expect, it } from "vitest";

import { printJson } from "../../../shared/kubernetes/json.ts";
import { parseKubeYaml, splitKubeYaml } from "../../../shared/runtime/kube-yaml.ts";

const value = (yaml: string): string => printJson(parseKubeYaml(`v: ${yaml}\n`)[0]?.v);

describe("parseKubeYaml", () => {
  it.each([
    ["yes", "true"],
    ["on", "true"],
    ["y", "true"],
    ["NO", "false"],
    ["off", "false"],
    ["0755", "493"],
    ["0o755", "493"],
    ["-0o17", "-15"],
    ["0x1F", "31"],
    ["0b11", "3"],
    ["1_000", "1000"],
    ["12:30:45", '"12:30:45"'],
    ["12:30", '"12:30"'],
    ["2026-01-01", '"2026-01-01"'],
    ["2026-01-01T10:00:00Z", '"2026-01-01T10:00:00Z"'],
    ["9223372036854775807", "9223372036854775807"],
    ["18446744073709551615", "18446744073709551615"],
    ["1.0", "1"],
    ["1e3", "1000"],
    ["~", "null"],
    ["", "null"],
    ['"yes"', '"yes"'],
    ["'0755'", '"0755"'],
    ["1.2.3", '"1.2.3"'],
    [".", '"."'],
    ["-.", '"-."'],
    [".5", "0.5"],
    ["5.", "5"],
    ["{a: [1, b]}", '{"a":[1,"b"]}'],
    ["|\n  a\n  b", '"a\\nb\\n"'],
  ])("reads %s as %s", (yaml, json) => {
    expect(value(yaml)).toBe(json);
  });

  it("reads keys as text, merges maps, and takes the last of equal keys", () => {
    const yaml = "base: &b {a: 1, c: 2}\nv: {<<: *b, a: 3}\ny: 1\n8080: x\ntwice: 1\ntwice: 2\n";
    expect(parseKubeYaml(yaml)).toEqual([{ base: { a: 1, c: 2 }, v: { a: 3, c: 2 }, true: 1, "8080": "x", twice: 2 }]);
  });

  it("reads several documents and leaves out empty ones", () => {
    expect(parseKubeYaml("a: 1\n---\n---\n# nothing\n---\nb: 2\n")).toEqual([{ a: 1 }, { b: 2 }]);
  });

  it("says where the text is wrong without showing it", () => {
    const read = () => parseKubeYaml("a: 1\nb: {c: hunter2\n");
    expect(read).toThrow(SyntaxError);
    expect(read).toThrow(/line [23]/);
    expect(read).not.toThrow(/hunter2/);
  });

  it("refuses aliases that explode", () => {
    const levels = Array.from(
      { length: 8 },
      (_, level) => `l${level + 1}: &l${level + 1} [${Array(9).fill(`*l${level}`).join(",")}]`,
    );
    expect(() => parseKubeYaml(`l0: &l0 [x]\n${levels.join("\n")}\n`)).toThrow(/alias/i);
  });
});

describe("splitKubeYaml", () => {
  it("gives each document's text with its first line", () => {
    const documents = splitKubeYaml("---\na: 1\n---\n# only a comment\n---\nb: |\n  ---\n  x\n--- # why\nc: 3\n");
    expect(documents.map(({ text }) => parseKubeYaml(text))).toEqual([[{ a: 1 }], [{ b: "---\nx\n" }], [{ c: 3 }]]);
    expect(documents.map(({ line }) => line)).toEqual([1, 5, 9]);
  });

  it("keeps what stands on the line of the separator", () => {
    expect(splitKubeYaml("a: 1\n--- {b: 2}\n").flatMap(({ text }) => parseKubeYaml(text))).toEqual([
      { a: 1 },
      { b: 2 },
    ]);
  });

  it("reads lines that end as on Windows", () => {
    expect(splitKubeYaml("a: 1\r\n---\r\nb: 2\r\n").flatMap(({ text }) => parseKubeYaml(text))).toEqual([
      { a: 1 },
      { b: 2 },
    ]);
  });
});
