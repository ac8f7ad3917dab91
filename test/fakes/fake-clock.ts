/** Time that passes only when somebody sleeps. */
import type { Clock } from "../../shared/runtime/clock.ts";

export interface FakeClock extends Clock {
  advance(milliseconds: number): void;
}

export function fakeClock(start = Date.parse("2026-01-01T10:00:00Z")): FakeClock {
  let now = start;
  const advance = (milliseconds: number) => {
    now += milliseconds;
  };
  return { now: () => now, sleep: async (milliseconds) => advance(milliseconds), advance };
}
