/** Wakes one waiter: a ring while nobody waits is not lost. */
import type { Clock } from "./clock.ts";

export interface Bell {
  readonly ring: () => void;
  /** @returns true for a ring, false when the time was over */
  wait(milliseconds: number): Promise<boolean>;
}

export function createBell(clock: Pick<Clock, "sleep">): Bell {
  let rung = false;
  let wake: () => void = () => undefined;
  return {
    ring: () => {
      rung = true;
      wake();
    },
    async wait(milliseconds) {
      if (!rung) {
        const over = new AbortController();
        const heard = new Promise<void>((resolve) => (wake = resolve));
        await Promise.race([heard, clock.sleep(milliseconds, over.signal).catch(() => undefined)]);
        over.abort();
      }
      const wasRung = rung;
      rung = false;
      return wasRung;
    },
  };
}
