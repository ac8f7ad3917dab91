/** Ages as kubectl prints them: coarser the longer ago. */

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const year = 365 * day;

/** How a duration is shown while it is shorter than `below`: in whole units, with the next smaller unit where it says more. */
interface Step {
  readonly below: number;
  readonly unit: readonly [millis: number, suffix: string];
  readonly rest?: readonly [millis: number, suffix: string];
}

const steps: readonly Step[] = [
  { below: 2 * minute, unit: [second, "s"] },
  { below: 10 * minute, unit: [minute, "m"], rest: [second, "s"] },
  { below: 3 * hour, unit: [minute, "m"] },
  { below: 8 * hour, unit: [hour, "h"], rest: [minute, "m"] },
  { below: 2 * day, unit: [hour, "h"] },
  { below: 8 * day, unit: [day, "d"], rest: [hour, "h"] },
  { below: 2 * year, unit: [day, "d"] },
  { below: 8 * year, unit: [year, "y"], rest: [day, "d"] },
  { below: Infinity, unit: [year, "y"] },
];

/** Milliseconds as `5s`, `3m20s`, `4h`, `2d3h`; clocks that differ by a moment give `0s`. */
export function humanDuration(milliseconds: number): string {
  if (milliseconds < -2 * second) return "<invalid>";
  const elapsed = Math.max(0, milliseconds);
  const step = steps.find(({ below }) => elapsed < below);
  if (!step) return "<invalid>";
  const [size, suffix] = step.unit;
  const whole = Math.floor(elapsed / size);
  const [restSize, restSuffix] = step.rest ?? [1, ""];
  const rest = step.rest ? Math.floor((elapsed - whole * size) / restSize) : 0;
  return `${whole}${suffix}${rest > 0 ? `${rest}${restSuffix}` : ""}`;
}
