/**
 * A world under a virtual clock: processes that can be killed between any two calls of their ports, whose replies get
 * lost and whose clocks differ, all from one seed. Knows nothing of what the processes do.
 */
import type { Clock } from "../../shared/runtime/clock.ts";
import { type Random, createRandom } from "./random.ts";

export interface Faults {
  /** Per port call: the process dies, half of the times before the call has its effect, half after. */
  readonly kill: number;
  /** Per port call: the effect happens, the reply is lost, and the call is made again as an SDK does. */
  readonly lostReply: number;
  /** Per port call: the process stands still for up to two minutes. */
  readonly pause: number;
  /** Per port call: it throws what `error` makes, without any effect. */
  readonly refuse: number;
  /** Each process' clock differs by up to so much, either way. */
  readonly skewMs: number;
}

export const noFaults: Faults = { kill: 0, lostReply: 0, pause: 0, refuse: 0, skewMs: 0 };

export interface Simulation {
  /** True time; every process has its own clock. */
  readonly now: () => number;
  readonly random: Random;
  /** Faults from now on; the last stretch of a run has none, so that one can see it heal. */
  setFaults(faults: Faults): void;
  faults(): Faults;
  /** Whether `faults` may still kill somebody. */
  mayKill(): boolean;
  /** Starts a process; resolves with how it ended. It never resolves by itself once the process was killed. */
  spawn(name: string, body: (process: SimProcess) => Promise<void>, options?: SpawnOptions): Promise<Ending>;
  after(milliseconds: number, what: string, action: () => void): void;
  /** Runs what happens until then. @throws what a process threw outside of its faults. */
  runUntil(time: number): Promise<void>;
  readonly counts: Readonly<Record<"calls" | "kills" | "lostReplies" | "pauses" | "refusals" | "crashes", number>>;
  /** Everything that happened, as one number: equal for equal runs. */
  trace(): number;
}

export interface SpawnOptions {
  /** Neither killed nor refused anything by `faults`; late and repeated calls it has like all others. */
  readonly isSpared?: boolean;
}

export type Ending = { readonly kind: "done" | "killed" } | { readonly kind: "crashed"; readonly error: unknown };

export interface SimProcess {
  readonly name: string;
  readonly clock: Clock;
  readonly isSpared: boolean;
  /** The port with every method a point at which the process can die. All methods must be asynchronous. */
  port<T extends object>(name: string, port: T, options?: PortOptions): T;
  /** Real work outside of the virtual world (a child process, zlib): time stands still until it is done. */
  external<T>(work: () => Promise<T>): Promise<T>;
  kill(): void;
  readonly isKilled: () => boolean;
}

export interface PortOptions {
  /** Methods without faults that answer at once, e.g. synchronous ones. */
  readonly direct?: readonly string[];
  /** Methods whose lost replies make the SDK repeat them; all where absent. */
  readonly repeated?: readonly string[];
  readonly error?: () => Error;
  readonly latencyMs?: readonly [low: number, high: number];
}

export interface SimulationOptions {
  readonly seed: number;
  /** Epoch milliseconds at which the world begins. */
  readonly start?: number;
  readonly faults?: Faults;
  /** After so many kills nobody dies of `faults` any more. */
  readonly killLimit?: number;
}

interface Event {
  readonly time: number;
  readonly order: number;
  readonly what: string;
  readonly action: () => void;
}

const PAUSE_MS = 120_000;

export function createSimulation({
  seed,
  start = 1_800_000_000_000,
  faults = noFaults,
  killLimit = Infinity,
}: SimulationOptions): Simulation {
  const random = createRandom(seed);
  const counts = { calls: 0, kills: 0, lostReplies: 0, pauses: 0, refusals: 0, crashes: 0 };
  const agenda = createAgenda();
  let now = start;
  let order = 0;
  let hash = 0x811c9dc5;
  let external = 0;
  let current = faults;

  const note = (text: string) => {
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  };
  const after = (milliseconds: number, what: string, action: () => void) => {
    agenda.push({ time: now + Math.max(0, milliseconds), order: order++, what, action });
  };

  const spawn: Simulation["spawn"] = async (name, body, { isSpared = false } = {}) =>
    await new Promise((resolve) => {
      let isKilled = false;
      const skew = current.skewMs === 0 ? 0 : random.integer(-current.skewMs, current.skewMs);
      const kill = () => {
        if (isKilled) return;
        isKilled = true;
        counts.kills++;
        note(`${name} killed`);
        resolve({ kind: "killed" });
      };
      const sleepers: Sleep = { after, isKilled: () => isKilled, name };
      const process: SimProcess = {
        name,
        clock: { now: () => now + skew, sleep: async (ms, signal) => await sleep(sleepers, ms, signal) },
        port: (portName, port, options = {}) =>
          wrapPort(port, options, async (method, call) => {
            const what = `${name} ${portName}.${method}`;
            return await act(what, call, { kill, isSpared, isKilled: () => isKilled, ...options, method });
          }),
        isSpared,
        external: async (work) => {
          external++;
          try {
            return await work();
          } finally {
            external--;
          }
        },
        kill,
        isKilled: () => isKilled,
      };
      note(`${name} starts`);
      body(process).then(
        () => {
          if (!isKilled) resolve({ kind: "done" });
        },
        (error: unknown) => {
          if (isKilled) return;
          counts.crashes++;
          note(`${name} crashed`);
          resolve({ kind: "crashed", error });
        },
      );
    });

  interface Call extends PortOptions {
    readonly method: string;
    readonly kill: () => void;
    readonly isSpared: boolean;
    readonly isKilled: () => boolean;
  }

  /** One call of a port: its way there, its effect, its way back, and what can go wrong on each. */
  const act = async (what: string, effect: () => Promise<unknown>, call: Call): Promise<unknown> => {
    counts.calls++;
    const { latencyMs: [low, high] = [1, 20], repeated, error } = call;
    const latency = () => random.integer(low, high);
    await wait(what, latency() + pause(), call.isKilled);
    if (dies(call)) return await dead(call.kill);
    if (error && !call.isSpared && random.chance(current.refuse)) {
      counts.refusals++;
      throw error();
    }
    let reply = await effect();
    if ((repeated === undefined || repeated.includes(call.method)) && random.chance(current.lostReply)) {
      counts.lostReplies++;
      await wait(`${what} again`, latency() + random.integer(100, 5_000), call.isKilled);
      reply = await effect();
    }
    if (dies(call)) return await dead(call.kill);
    await wait(`${what} answers`, latency(), call.isKilled);
    return reply;
  };

  const dies = ({ isSpared }: Call) => !isSpared && counts.kills < killLimit && random.chance(current.kill / 2);

  const pause = (): number => {
    if (!random.chance(current.pause)) return 0;
    counts.pauses++;
    return random.integer(1_000, PAUSE_MS);
  };

  const wait = async (what: string, milliseconds: number, isKilled: () => boolean): Promise<void> =>
    await new Promise((resolve) => {
      after(milliseconds, what, () => {
        if (!isKilled()) resolve();
      });
    });

  const runUntil = async (time: number): Promise<void> => {
    for (;;) {
      const next = agenda.peek();
      if (!next || next.time > time) break;
      agenda.pop();
      now = next.time;
      note(`${now} ${next.what}`);
      next.action();
      do await new Promise(setImmediate);
      while (external > 0);
    }
    now = Math.max(now, time);
  };

  return {
    now: () => now,
    random,
    setFaults: (next) => {
      current = next;
    },
    faults: () => current,
    mayKill: () => current.kill > 0 && counts.kills < killLimit,
    spawn,
    after,
    runUntil,
    counts,
    trace: () => hash >>> 0,
  };
}

/** A dead process never hears of anything again. */
async function dead(kill: () => void): Promise<never> {
  kill();
  return await new Promise<never>(() => undefined);
}

interface Sleep {
  readonly name: string;
  readonly after: Simulation["after"];
  readonly isKilled: () => boolean;
}

async function sleep({ name, after, isKilled }: Sleep, milliseconds: number, signal?: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const abort = () => {
      if (!isKilled()) reject(signal?.reason instanceof Error ? signal.reason : new Error("aborted"));
    };
    if (signal?.aborted) {
      abort();
      return;
    }
    signal?.addEventListener("abort", abort, { once: true });
    after(milliseconds, `${name} wakes`, () => {
      signal?.removeEventListener("abort", abort);
      if (!isKilled()) resolve();
    });
  });
}

/** Every method but the direct ones goes through `through`. */
function wrapPort<T extends object>(
  port: T,
  { direct = [] }: PortOptions,
  through: (method: string, call: () => Promise<unknown>) => Promise<unknown>,
): T {
  return new Proxy(port, {
    get: (target, name, receiver) => {
      const member: unknown = Reflect.get(target, name, receiver);
      if (typeof member !== "function" || typeof name !== "string" || direct.includes(name)) return member;
      return async (...args: unknown[]) =>
        await through(name, async () => (await Reflect.apply(member, target, args)) as unknown);
    },
  });
}

/** What is to happen, soonest first; a binary heap. */
function createAgenda() {
  const heap: Event[] = [];
  const isBefore = (a: Event, b: Event) => a.time < b.time || (a.time === b.time && a.order < b.order);
  const swap = (i: number, j: number) => {
    const [a, b] = [heap[i]!, heap[j]!];
    heap[i] = b;
    heap[j] = a;
  };
  const rise = (from: number) => {
    for (let i = from; i > 0;) {
      const parent = (i - 1) >> 1;
      if (!isBefore(heap[i]!, heap[parent]!)) return;
      swap(i, parent);
      i = parent;
    }
  };
  const sink = () => {
    for (let i = 0; ;) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2]) {
        if (child < heap.length && isBefore(heap[child]!, heap[least]!)) least = child;
      }
      if (least === i) return;
      swap(i, least);
      i = least;
    }
  };
  return {
    peek: (): Event | undefined => heap[0],
    push: (event: Event) => {
      heap.push(event);
      rise(heap.length - 1);
    },
    pop: (): void => {
      const last = heap.pop();
      if (heap.length === 0 || !last) return;
      heap[0] = last;
      sink();
    },
  };
}
