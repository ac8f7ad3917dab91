/** The words in which differences and the outcome of a run are told. */
import type { Difference } from "./compare.ts";

const longest = 400;

/** `case/step object path` and both values. */
export function describeDifference({ case: name, step, object, path, flux, driftless }: Difference): string {
  return `${name}/${step} ${object} ${path}\n    flux:      ${show(flux)}\n    driftless: ${show(driftless)}`;
}

function show(value: unknown): string {
  if (value === undefined) return "absent";
  const text = JSON.stringify(value);
  return text.length > longest ? `${text.slice(0, longest)}… (${text.length} characters)` : text;
}

export interface Totals {
  readonly cases: number;
  readonly objects: number;
  readonly fields: number;
  readonly unexplained: number;
}

export function totalsLine({ cases, objects, fields, unexplained }: Totals): string {
  return `cases ${cases}, objects ${objects}, fields ${fields}, unexplained differences ${unexplained}`;
}
