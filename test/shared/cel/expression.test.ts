import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { compileExpression, type Expression, parseExpression } from "../../../shared/cel/expression.ts";
import { parseJson } from "../../../shared/kubernetes/json.ts";

type Answer = boolean | string;

/** What Flux's own package (fluxcd/pkg/runtime 0.110.3, cel-go 0.26.1) answered. `*` stands for every object. */
const recorded = parseJson(readFileSync(new URL("../../fixtures/cel/answers.json", import.meta.url), "utf8")) as {
  readonly objects: Readonly<Record<string, Record<string, unknown>>>;
  readonly expressions: readonly {
    readonly mode: "parse" | "compile";
    readonly expr: string;
    readonly answers: Readonly<Record<string, Answer>>;
  }[];
};

const { objects } = recorded;

function answer(expr: string, made: () => Expression, bindings: Record<string, unknown>): Answer {
  try {
    return made().evaluateBoolean(bindings);
  } catch (error) {
    const { message } = error as Error;
    if (/Syntax error|reserved identifier/.test(message)) return "parse: Syntax error";
    return message
      .replace(`failed to evaluate the CEL expression '${expr}': `, "evaluate: ")
      .replace(`failed to parse the CEL expression '${expr}': `, "parse: ");
  }
}

describe("an expression", () => {
  it.each(recorded.expressions)("answers as Flux: $expr ($mode)", ({ mode, expr, answers }) => {
    for (const [name, object] of Object.entries(objects)) {
      const expected = answers[name] ?? answers["*"];
      if (expected === undefined || (mode === "compile" && name === "noStatus")) continue;
      const actual =
        mode === "parse"
          ? answer(expr, () => parseExpression(expr), object)
          : answer(expr, () => compileExpression(expr, ["self", "dep"]), { self: objects.noStatus, dep: object });
      expect({ name, answer: actual }).toEqual({ name, answer: expected });
    }
  });
});

describe("parseExpression", () => {
  it("shows where the text is wrong", () => {
    expect(() => parseExpression("status.a ==\n  9223372036854775808")).toThrow(
      "ERROR: <input>:2:3: invalid int literal\n |   9223372036854775808\n | ..^",
    );
  });

  it.each(["", "  ", "a.?", "[?]", "'\\q'", "x.all(1, true)", "has(x)", "for"])("refuses %j", (text) => {
    expect(() => parseExpression(text)).toThrow("failed to parse the CEL expression");
  });

  it.each([["'a'.matches('(')"], ["duration('x') == duration('1s')"], ["Foo{a: 1} == 1"]])(
    "refuses a constant that cannot be: %s",
    (text) => {
      expect(() => parseExpression(text)).toThrow("failed to create CEL program: ");
    },
  );

  it("leaves question marks in texts, comments and conditions alone", () => {
    const expression = parseExpression("(a == '.?b[?c' ? [r'\\?', \"x\"] : [?b]).size() == 2 // .?no");
    expect(expression.evaluateBoolean({ a: ".?b[?c" })).toBe(true);
  });

  it("takes whole numbers for ints and keeps their digits", () => {
    const object = parseJson('{"n": 9223372036854775807, "far": 92233720368547758070, "half": 0.5}') as object;
    const text = "n == 9223372036854775807 && type(n) == int && type(far) == double && type(half) == double";
    expect(parseExpression(text).evaluateBoolean({ ...object })).toBe(true);
  });
});

describe("a hostile expression", () => {
  const list = (length: number) => `[${Array.from({ length }, (_, index) => index).join(",")}]`;

  it.each([
    ["loops in loops", `${list(200)}.all(a, ${list(200)}.all(b, ${list(200)}.all(c, a + b + c >= 0)))`],
    [
      "loops whose failure is outvoted",
      `${list(300)}.exists(a, ${list(300)}.exists(b, ${list(300)}.exists(c, c < 0)))`,
    ],
    [
      "growing lists",
      `[1]${".map(x, [x, x, x, x, x, x, x, x])".repeat(1)}.map(x, ${"x + ".repeat(20)}x).size() > 0 && ${list(999)}.all(a, ${list(999)}.map(b, a).size() == 999)`,
    ],
    ["growing text", `["0123456789"]${".map(x, x + x + x + x + x + x + x + x)".repeat(12)}[0] == ''`],
  ])("ends soon: %s", (_, text) => {
    const start = performance.now();
    expect(() => parseExpression(text).evaluateBoolean({})).toThrow(/more than|longer than/);
    expect(performance.now() - start).toBeLessThan(5000);
  });

  it("uses a linear regular expression engine", () => {
    const text = parseExpression("text.matches('^(a+)+$')");
    expect(text.evaluateBoolean({ text: `${"a".repeat(5000)}b` })).toBe(false);
  });

  it.each([
    `${"(".repeat(3000)}1${")".repeat(3000)} == 1`,
    `${"[".repeat(300)}${"]".repeat(300)} == []`,
    `'${"x".repeat(20_000)}' == ''`,
  ])("is refused for its size", (text) => {
    expect(() => parseExpression(text)).toThrow("failed to parse the CEL expression");
  });

  it("handles long lists of an object", () => {
    const entries = Array.from({ length: 5000 }, (_, index) => ({ id: `a_${index}`, v: "v1" }));
    const text = "dep.entries.filter(e, e.v == 'v1').map(e, e.id).exists(id, id.endsWith('_4999'))";
    expect(compileExpression(text, ["dep"]).evaluateBoolean({ dep: { entries } })).toBe(true);
  });
});
