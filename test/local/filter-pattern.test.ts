import { describe, expect, it } from "vitest";

import { parseFilterPattern } from "../../local/filter-pattern.ts";

const line = JSON.stringify({ verb: "patch", user: { username: "system:node:a" }, code: 200 });

describe("parseFilterPattern", () => {
  it.each([
    ['{ $.verb = "patch" }', true],
    ['{ $.verb != "patch" }', false],
    ['{ $.user.username = "system:*" }', true],
    ['{ $.user.username = "*:a" && $.verb = "p*" }', true],
    ['{ $.user.username = "*node*" }', true],
    ['{ $.verb = "get" || ($.verb = "patch" && $.user.username != "eks:*") }', true],
    ['{ $.verb = "get" || $.verb = "patch" && $.user.username = "eks:*" }', false],
    ['{ $.absent != "a" }', false],
    ['{ $.code = "200" }', false],
  ])("%s lets the line pass: %s", (pattern, passes) => {
    expect(parseFilterPattern(pattern)(line)).toBe(passes);
  });

  it("lets nothing pass that is no JSON", () => {
    expect(parseFilterPattern('{ $.verb != "x" }')("E0101 something")).toBe(false);
  });

  it.each(["ERROR", "{ $.a > 5 }", '{ $.a = "b"', '{ ($.a = "b" }', "{ $.a = b }", "[a, b]"])(
    "refuses %s",
    (pattern) => {
      expect(() => parseFilterPattern(pattern)).toThrow(/filter pattern|JSON/);
    },
  );
});
