/** The rules of composite alarms: `ALARM("name or ARN")`, OK and INSUFFICIENT_DATA, under AND, OR, NOT and brackets. */
import type { AlarmValue } from "./missing-values.ts";

export interface Verdict {
  readonly value: boolean;
  /** Names of the alarms whose state the rule asks for and finds. */
  readonly because: readonly string[];
}

const tokens = /\s*("[^"]*"|[A-Za-z_]+|[()]|[^\s()"]+)/y;

/** @throws Error for a rule that is none, or that asks for an alarm that is not there */
export function evaluateRule(rule: string, stateOf: (name: string) => AlarmValue): Verdict {
  const read = [...split(rule)];
  const because: string[] = [];
  const take = () => read.shift() ?? "";
  const expect = (token: string) => {
    const found = take();
    if (found !== token) throw new Error(`the rule ${rule} has "${found}" where "${token}" belongs`);
  };
  const term = (): boolean => {
    const token = take();
    if (token === "NOT") return !term();
    if (token === "TRUE") return true;
    if (token === "FALSE") return false;
    if (token === "(") {
      const inner = anyOf();
      expect(")");
      return inner;
    }
    if (token !== "ALARM" && token !== "OK" && token !== "INSUFFICIENT_DATA")
      throw new Error(`the rule ${rule} is not evaluated on this machine: "${token}"`);
    expect("(");
    const child = nameOf(take());
    expect(")");
    const holds = stateOf(child) === token;
    if (holds) because.push(child);
    return holds;
  };
  // Both sides are always read: the reason names every alarm that rings.
  const allOf = (): boolean => {
    let value = term();
    while (read[0] === "AND") value = next(term) && value;
    return value;
  };
  const anyOf = (): boolean => {
    let value = allOf();
    while (read[0] === "OR") value = next(allOf) || value;
    return value;
  };
  const next = (operand: () => boolean): boolean => {
    take();
    return operand();
  };
  const value = anyOf();
  if (read.length > 0) throw new Error(`the rule ${rule} goes on with "${read.join(" ")}" after its end`);
  return { value, because };
}

function* split(rule: string): Generator<string> {
  tokens.lastIndex = 0;
  const text = rule.trimEnd();
  while (tokens.lastIndex < text.length) {
    const [, token = ""] = tokens.exec(text) ?? [];
    if (token === "") throw new Error(`the rule ${rule} is not evaluated on this machine`);
    yield token;
  }
}

/** Of a name in quotes or an ARN. */
function nameOf(token: string): string {
  const text = token.replace(/^"|"$/g, "");
  return text.slice(text.lastIndexOf(":") + 1);
}
