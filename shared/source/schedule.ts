/** When a source is looked at again. */
import { createHash } from "node:crypto";

const jitterFraction = 0.05;
const minRetryMillis = 750;
const maxRetryMillis = 15 * 60_000;

/** Seconds since the epoch: the interval, up to 5 % shorter or longer, the same for the same source and revision. */
export function nextPollAt(nowMillis: number, intervalMillis: number, key: string, revision: string): number {
  const fraction = createHash("sha256").update(`${key}\n${revision}`).digest().readUInt32BE(0) / 0xffff_ffff;
  const jitter = (2 * fraction - 1) * jitterFraction;
  return Math.ceil((nowMillis + intervalMillis * (1 + jitter)) / 1000);
}

/** Seconds since the epoch: 750 ms after the first failure, doubled after each further one up to 15 minutes. */
export function nextRetryAt(nowMillis: number, failures: number): number {
  const delay = Math.min(maxRetryMillis, minRetryMillis * 2 ** Math.max(0, failures - 1));
  return Math.ceil((nowMillis + delay) / 1000);
}
