/** What may go wrong on purpose, by seeded chance: a run with the same seed meets the same faults in the same order. */
import type { SendFate } from "./aws/sqs.ts";
import { createRandom } from "./random.ts";

/** Probabilities between 0 and 1 for each single event. */
export interface FaultSettings {
  readonly seed: number;
  /** A message is delivered twice. */
  readonly duplicate?: number;
  /** A message is accepted and never arrives. */
  readonly lose?: number;
  /** A message comes up to a minute late. */
  readonly late?: number;
  /** A run is killed in its first two seconds. */
  readonly kill?: number;
  /** A call of an AWS service is throttled. */
  readonly throttle?: number;
  /** A call of an AWS service takes up to half a second longer. */
  readonly slow?: number;
}

/** Enough of everything that a few minutes show most of it, and little enough that work still gets done. */
export function standardFaults(seed: number): FaultSettings {
  return { seed, duplicate: 0.1, lose: 0.02, late: 0.1, kill: 0.05, throttle: 0.02, slow: 0.1 };
}

export interface Faults {
  fate(queueName: string): SendFate;
  killAfterMillis(): number | undefined;
  mischief(service: string): { readonly throttle: boolean; readonly delayMillis: number };
}

const probabilities = ["duplicate", "lose", "late", "kill", "throttle", "slow"] as const;

/**
 * From `seed=1,duplicate=0.1,kill=0.05`; a seed alone, `seed=1` or just `1`, means `standardFaults`.
 * @throws Error naming what is not understood, and what is allowed.
 */
export function parseFaults(source: string): FaultSettings {
  const bare = Number(source);
  if (source.trim() !== "" && Number.isFinite(bare)) return standardFaults(bare);
  const entries = source.split(",").map((part): [string, number] => {
    const [name = "", value = ""] = part.trim().split("=");
    const number = Number(value);
    const known = name === "seed" || probabilities.some((probability) => probability === name);
    if (!known || value === "" || Number.isNaN(number) || (name !== "seed" && (number < 0 || number > 1))) {
      throw new Error(
        `fault ${part} is not understood: write a seed alone, e.g. 7, or seed=<number> and any of ${probabilities.join(", ")} with a value from 0 to 1, e.g. seed=7,kill=0.1`,
      );
    }
    return [name, number];
  });
  const given = Object.fromEntries(entries) as Partial<FaultSettings>;
  const { seed = 1 } = given;
  // A seed alone means the usual mix.
  return Object.keys(given).every((name) => name === "seed") ? standardFaults(seed) : { ...given, seed };
}

/** Without settings nothing goes wrong. */
export function createFaults(settings: FaultSettings = { seed: 1 }): Faults {
  const random = createRandom(settings.seed);
  // Without a probability no number is drawn, so that one fault more does not change the order of the others' chance.
  const happens = (probability = 0): boolean => probability > 0 && random() < probability;
  return {
    fate() {
      if (happens(settings.lose)) return { copies: 0, extraDelaySeconds: 0 };
      const copies = happens(settings.duplicate) ? 2 : 1;
      return { copies, extraDelaySeconds: happens(settings.late) ? random() * 60 : 0 };
    },
    killAfterMillis: () => (happens(settings.kill) ? random() * 2000 : undefined),
    mischief: () => ({
      throttle: happens(settings.throttle),
      delayMillis: happens(settings.slow) ? random() * 500 : 0,
    }),
  };
}
