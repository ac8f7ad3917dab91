import { describe, expect, it } from "vitest";

import { evaluateRule } from "../../local/composite-rule.ts";
import type { AlarmValue } from "../../local/missing-values.ts";

const states: Readonly<Record<string, AlarmValue>> = { a: "ALARM", b: "OK", c: "ALARM", d: "INSUFFICIENT_DATA" };
const evaluate = (rule: string) => evaluateRule(rule, (name) => states[name] ?? "INSUFFICIENT_DATA");

describe("evaluateRule", () => {
  it.each<[string, boolean, readonly string[]]>([
    ['ALARM("a")', true, ["a"]],
    ["ALARM(b)", false, []],
    ['(ALARM("arn:aws:cloudwatch:eu-west-1:1:alarm:a") OR ALARM("b") OR ALARM("c"))', true, ["a", "c"]],
    ["ALARM(a) AND NOT ALARM(b)", true, ["a"]],
    ["ALARM(b) OR ALARM(a) AND OK(a)", false, ["a"]],
    ["NOT (OK(b) AND INSUFFICIENT_DATA(d))", false, ["b", "d"]],
    ["TRUE AND NOT FALSE", true, []],
  ])("takes %s for %s", (rule, value, because) => {
    expect(evaluate(rule)).toEqual({ value, because });
  });

  it.each(["AT_LEAST(1, ALARM, (a, b))", "ALARM(a", "ALARM(a) ALARM(b)", ""])("refuses %s", (rule) => {
    expect(() => evaluate(rule)).toThrow(/the rule/);
  });
});
