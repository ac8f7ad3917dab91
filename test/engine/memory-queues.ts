/** Queues in memory on a clock: messages with a delay, handed out one at a time. */
import type { WorkMessage } from "../../shared/lease/message.ts";
import type { Queues } from "../../shared/lease/ports.ts";
import type { Clock } from "../../shared/runtime/clock.ts";

export interface MemoryQueues extends Queues {
  /** A message that is due, taken out of the queue. */
  take(): WorkMessage | undefined;
  /** When the next message is due; undefined when there is none. */
  nextAt(): number | undefined;
}

export function createMemoryQueues(clock: Clock): MemoryQueues {
  const waiting: { readonly at: number; readonly message: WorkMessage }[] = [];
  return {
    async send(message, delaySeconds = 0) {
      waiting.push({ at: clock.now() + delaySeconds * 1000, message });
      waiting.sort((a, b) => a.at - b.at);
    },
    take: () => ((waiting[0]?.at ?? Infinity) <= clock.now() ? waiting.shift()?.message : undefined),
    nextAt: () => waiting[0]?.at,
  };
}
