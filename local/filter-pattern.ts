/** Filter patterns of CloudWatch Logs for lines of JSON: `{ $.a.b = "x*" && ($.c = "y" || $.c != "z") }`. */
import { isRecord } from "./json.ts";

const tokens = /\s*("(?:[^"\\]|\\.)*"|\$[\w.]+|&&|\|\||!=|=|[(){}])/y;

export type LineFilter = (line: string) => boolean;

/** @throws Error for a pattern of another form */
export function parseFilterPattern(pattern: string): LineFilter {
  const read = split(pattern);
  const take = () => read.shift() ?? "";
  const expect = (wanted: string) => {
    const token = take();
    if (token !== wanted) throw new Error(`the filter pattern ${pattern} has "${token}" where "${wanted}" belongs`);
  };
  type Test = (body: unknown) => boolean;
  const term = (): Test => {
    const token = take();
    if (token === "(") {
      const inner = any();
      expect(")");
      return inner;
    }
    if (!token.startsWith("$.")) throw new Error(`the filter pattern ${pattern} is not evaluated on this machine`);
    const path = token.slice(2).split(".");
    const operator = take();
    const wanted = JSON.parse(take()) as unknown;
    if ((operator !== "=" && operator !== "!=") || typeof wanted !== "string")
      throw new Error(`the filter pattern ${pattern} is not evaluated on this machine`);
    const matches = matcher(wanted);
    // A field that is not there fits neither.
    return (body) => {
      const value = path.reduce<unknown>((at, name) => (isRecord(at) ? at[name] : undefined), body);
      return typeof value === "string" && matches(value) === (operator === "=");
    };
  };
  const all = (): Test => {
    const tests = [term()];
    while (read[0] === "&&") {
      take();
      tests.push(term());
    }
    return (body) => tests.every((test) => test(body));
  };
  const any = (): Test => {
    const tests = [all()];
    while (read[0] === "||") {
      take();
      tests.push(all());
    }
    return (body) => tests.some((test) => test(body));
  };
  expect("{");
  const test = any();
  expect("}");
  return (line) => {
    try {
      return test(JSON.parse(line) as unknown);
    } catch {
      return false;
    }
  };
}

function split(pattern: string): string[] {
  const found: string[] = [];
  tokens.lastIndex = 0;
  const text = pattern.trimEnd();
  while (tokens.lastIndex < text.length) {
    const [, token] = tokens.exec(text) ?? [];
    if (token === undefined) throw new Error(`the filter pattern ${pattern} is not evaluated on this machine`);
    found.push(token);
  }
  return found;
}

/** `*` at the beginning or the end stands for anything. */
function matcher(wanted: string): (value: string) => boolean {
  const begins = wanted.endsWith("*");
  const ends = wanted.startsWith("*");
  const core = wanted.slice(ends ? 1 : 0, begins ? -1 : undefined);
  if (begins && ends) return (value) => value.includes(core);
  if (begins) return (value) => value.startsWith(core);
  return ends ? (value) => value.endsWith(core) : (value) => value === core;
}
