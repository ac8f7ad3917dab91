/** The engine's queues in a simulation: delay, visibility, late, doubled, lost and reordered messages, and a dead-letter queue. */
import { type QueueName, type WorkMessage, queueOf } from "../../shared/lease/message.ts";
import type { Queues } from "../../shared/lease/ports.ts";
import type { Ending, Simulation } from "./kernel.ts";

export interface QueueFaults {
  readonly lost: number;
  readonly doubled: number;
  /** Up to so much later than asked, each message by itself: so they overtake each other. */
  readonly lateMs: number;
}

export const noQueueFaults: QueueFaults = { lost: 0, doubled: 0, lateMs: 0 };

export interface SimQueues extends Queues {
  setFaults(faults: QueueFaults): void;
  /**
   * Starts consuming: at most `concurrency` at a time. An ending other than `done` brings the message back later, and
   * after the last receive makes it a dead letter.
   */
  consume(
    queue: QueueName,
    concurrency: number,
    receive: (message: WorkMessage, isLast: boolean) => Promise<Ending>,
  ): void;
  /** Sent and not yet acknowledged. */
  readonly inFlight: () => number;
  /** Messages that were given up, with how their last worker ended. */
  readonly deadLetters: readonly (WorkMessage & { readonly ending: Ending })[];
  readonly counts: Readonly<Record<"sent" | "received" | "lost" | "doubled" | "dead", number>>;
}

export interface QueueOptions {
  /** The function's timeout plus 30 s. */
  readonly visibilityMs?: number;
  readonly receivesBeforeDead?: number;
}

interface Waiting {
  readonly message: WorkMessage;
  readonly receives: number;
}

export function createSimQueues(
  simulation: Simulation,
  { visibilityMs = 930_000, receivesBeforeDead = 5 }: QueueOptions = {},
): SimQueues {
  const { random } = simulation;
  const counts = { sent: 0, received: 0, lost: 0, doubled: 0, dead: 0 };
  const ready: Record<QueueName, Waiting[]> = { source: [], reconcile: [], sweep: [] };
  const consumers = new Map<QueueName, () => void>();
  const deadLetters: (WorkMessage & { readonly ending: Ending })[] = [];
  let faults = noQueueFaults;
  let pending = 0;

  const deliver = (waiting: Waiting, delayMs: number) => {
    pending++;
    const queue = queueOf(waiting.message.key);
    simulation.after(delayMs, `message for ${waiting.message.key}`, () => {
      ready[queue].push(waiting);
      consumers.get(queue)?.();
    });
  };

  return {
    send: async (message, delaySeconds = 0) => {
      counts.sent++;
      if (random.chance(faults.lost)) {
        counts.lost++;
        return;
      }
      const isDoubled = random.chance(faults.doubled);
      if (isDoubled) counts.doubled++;
      for (let copy = 0; copy < (isDoubled ? 2 : 1); copy++) {
        deliver({ message, receives: 0 }, delaySeconds * 1000 + random.integer(1, 1 + faults.lateMs));
      }
    },
    setFaults: (next) => {
      faults = next;
    },
    consume: (queue, concurrency, receive) => {
      let running = 0;
      const pump = () => {
        while (running < concurrency && ready[queue].length > 0) {
          // A standard queue has no order.
          const [waiting] = ready[queue].splice(random.integer(0, ready[queue].length - 1), 1);
          if (waiting) void run(waiting);
        }
      };
      const run = async (waiting: Waiting) => {
        running++;
        counts.received++;
        const ending = await receive(waiting.message, waiting.receives + 1 >= receivesBeforeDead);
        running--;
        pending--;
        if (ending.kind !== "done") {
          if (waiting.receives + 1 >= receivesBeforeDead) {
            counts.dead++;
            deadLetters.push({ ...waiting.message, ending });
          } else deliver({ ...waiting, receives: waiting.receives + 1 }, visibilityMs);
        }
        pump();
      };
      consumers.set(queue, pump);
    },
    inFlight: () => pending,
    deadLetters,
    counts,
  };
}
