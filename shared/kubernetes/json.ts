/** JSON as Kubernetes needs it: no field is dropped, and a number that a double cannot hold keeps its text. */
import { isLosslessNumber, LosslessNumber, parse as parseLossless, stringify as printLossless } from "lossless-json";

/** A numeric token of 16 characters or more, or with an exponent: one that may lose digits or change its text. */
const risky = /[:[,]\s*-?(?:\d[\d.]{15,}|\d+(?:\.\d+)?[eE][+-]?\d+)/;

/** Numbers come as `number`, those that would change as LosslessNumber. @throws SyntaxError */
export function parseJson(text: string): unknown {
  return risky.test(text) ? parseLossless(text, undefined, parseNumber) : JSON.parse(text);
}

/** Prints `bigint` and LosslessNumber as the numbers they are. */
export function printJson(value: unknown): string {
  const exact: unknown[] = [];
  const text = JSON.stringify(value, (_, field: unknown) => {
    if (typeof field !== "bigint" && !isLosslessNumber(field)) return field;
    exact.push(field);
    return 0;
  });
  return exact.length > 0 ? (printLossless(value) ?? "null") : text;
}

function parseNumber(text: string): unknown {
  const number = Number(text);
  return String(number) === text ? number : new LosslessNumber(text);
}
