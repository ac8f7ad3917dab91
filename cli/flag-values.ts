/** Parsers of values that flags take; what they refuse, commander tells with the flag. */
import { InvalidArgumentError } from "commander";

import { findGoDuration } from "../shared/runtime/go-duration.ts";

/** Go's form; milliseconds. */
export function duration(value: string): number {
  const milliseconds = findGoDuration(value);
  if (milliseconds === undefined) throw new InvalidArgumentError("expected a duration such as 30s or 5m.");
  return milliseconds;
}

/** RFC 3339; epoch milliseconds. */
export function time(value: string): number {
  const milliseconds = Date.parse(value);
  if (Number.isNaN(milliseconds)) throw new InvalidArgumentError("expected a time such as 2026-01-01T10:00:00Z.");
  return milliseconds;
}

export function count(value: string): number {
  if (!/^\d+$/u.test(value)) throw new InvalidArgumentError("expected a number.");
  return Number(value);
}
