import { describe, expect, it } from "vitest";

import { printGoYaml } from "../../cli/print/go-yaml.ts";

const words = (count: number) => Array.from({ length: count }, () => "word").join(" ");

describe("printGoYaml", () => {
  // Each as Flux's CLI 2.9.5 printed it.
  it.each([
    ["a string that looks like something else", { a: "yes", b: "123", c: "1e3", d: "12:30:45", e: "null", f: "" }],
    ["a time", { a: "2024-01-01", b: "2024-13-01", c: "2024-01-01T00:00:00Z" }],
    ["numbers", { a: [1, -5, 1.5, 0.0001, 0.00001, 123456.789, 1234567.5, 1e21, 1e-7] }],
    ["indicators", { a: "key: value", b: "a #b", c: "a#b", d: "- a", e: "-a", f: "x:", g: "*x", h: "@x", i: "%x" }],
    ["spaces", { a: " lead", b: "trail ", c: "a\tb", d: "a \nb" }],
    ["characters", { a: "grüße 漢字", b: "hi 😀", c: 'say "hi"', d: "a\\b", e: "it's: 'so'" }],
    ["lines", { a: "one\ntwo\n", b: "one\ntwo", c: "one\n\n\n", d: "  in\nx", e: "\n" }],
    ["a long plain text", { deep: { a: words(20) } }],
    ["a long text in single quotes", { a: `key: ${words(20)}` }],
    ["a long text in double quotes", { a: `\t${words(20)}` }],
    ["nested lists", { a: [[1, 2], [[3]], [{ a: 1, b: [1] }], { c: [{ d: 1 }], a: {} }], b: [], c: null }],
    ["keys", { a10: 1, a9: 1, B: 1, _x: 1, "a-b": 1, "8080": 1, true: 1, on: 1, [`k${"x".repeat(130)}`]: 1 }],
  ])("prints %s", (_, value) => {
    expect(printGoYaml(value)).toMatchSnapshot();
  });

  it("prints whole numbers that no double holds", () => {
    expect(printGoYaml({ a: 9007199254740993n })).toBe("a: 9007199254740993\n");
  });

  it("prints empty documents", () => {
    expect([printGoYaml({}), printGoYaml([]), printGoYaml({ a: undefined })]).toEqual(["{}\n", "[]\n", "{}\n"]);
  });
});
