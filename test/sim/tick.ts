/** EventBridge's schedule in a simulation: every minute, up to so much late, sometimes not at all. */
import type { SimProcess, Simulation } from "./kernel.ts";

export interface TickOptions {
  readonly everyMs?: number;
  readonly jitterMs?: () => number;
  readonly isMissed?: () => boolean;
  readonly body: (process: SimProcess) => Promise<void>;
}

export function startTicks(
  simulation: Simulation,
  { everyMs = 60_000, jitterMs = () => 0, isMissed = () => false, body }: TickOptions,
): void {
  let count = 0;
  const next = () => {
    count++;
    const name = `tick-${count}`;
    if (!isMissed()) {
      simulation.after(jitterMs(), name, () => {
        void simulation.spawn(name, body);
      });
    }
    simulation.after(everyMs, "next tick", next);
  };
  simulation.after(everyMs, "first tick", next);
}
