/**
 * One run of one object under its lease: acquires, renews while the work goes on, fences what the work asks of the
 * cluster, and releases. A function may die anywhere in here; the next run finishes the work.
 */
import { assertNever } from "../runtime/assert-never.ts";
import { acquire } from "./acquire.ts";
import { continueLater } from "./continue-later.ts";
import { type Lease, LeaseLostError, progressOf } from "./lease.ts";
import type { WorkMessage } from "./message.ts";
import type { Item } from "./ports.ts";
import { release } from "./release.ts";
import { renew } from "./renew.ts";
import {
  DEATH_LIMIT,
  DEATH_REST_SECONDS,
  FENCE_SECONDS,
  LEASE_SECONDS,
  type LeasePorts,
  RENEW_SECONDS,
  epochSeconds,
} from "./row.ts";

/** What the work sees of its lease. */
export interface Held {
  readonly lease: Lease;
  /** What the run before recorded when its deadline came near; undefined for a fresh run. */
  readonly progress: string | undefined;
  /** Aborts when the lease is lost and shortly before the deadline. */
  readonly signal: AbortSignal;
  /**
   * To be called right before every request to the cluster.
   * @throws LeaseLostError when the lease is lost, or older than 45 s since its last renewal.
   */
  readonly fence: () => void;
  /** `fence`, for a request that writes: remembered, so that a lost lease triggers the object again. */
  readonly fenceWrite: () => void;
  /** The deadline is near: record what is done and end as `continue`. */
  readonly isDeadlineNear: () => boolean;
}

export type WorkResult =
  | {
      readonly kind: "done";
      readonly seenRev?: string | undefined;
      /** Run again in so many seconds; absent: only when something happens. */
      readonly againInSeconds?: number | undefined;
      readonly set?: Item | undefined;
      readonly remove?: readonly string[] | undefined;
    }
  | { readonly kind: "continue"; readonly progress: string };

export type Done = Extract<WorkResult, { kind: "done" }>;

export interface LeasedWork {
  /** Names this invocation (the request id). */
  readonly owner: string;
  /** When this invocation is killed, in milliseconds since the epoch. */
  readonly deadline: number;
  /** What it throws, a lost lease excepted, comes out of `withLease`; the lease is then left to expire. */
  readonly work: (held: Held) => Promise<WorkResult>;
  /** Instead of `work`, after five runs that died: says so in the object's condition. It rests for an hour then. */
  readonly onDeaths?: (held: Held, deaths: number) => Promise<Omit<Done, "kind" | "againInSeconds">>;
  /** After the third run in a row that came no further: a failure, with its retryInterval. A minute where absent. */
  readonly onStuck?: (held: Held, progress: string) => Promise<Done>;
  /**
   * Told of a run that ended without a result, for log and metric: `died`, the one before this, never released its
   * lease; `stuck`, this one, is the third in a row that came no further.
   */
  readonly report?: (end: "died" | "stuck", held: Held) => void;
}

/** How it ended. The message can be acknowledged after any of them. */
export type LeaseOutcome = "idle" | "busy" | "released" | "again" | "continued" | "lost";

const CONTINUE_BEFORE_MS = 20_000;
const ABORT_BEFORE_MS = 8_000;
/** After a renewal whose request failed; the fence decides meanwhile. */
const RENEW_AGAIN_MS = 5_000;
const STUCK_AGAIN_SECONDS = 60;

export async function withLease(ports: LeasePorts, message: WorkMessage, run: LeasedWork): Promise<LeaseOutcome> {
  const acquired = await acquire(ports, message.key, run.owner);
  if (acquired.kind !== "acquired") return acquired.kind;
  const watch = watchLease(ports, acquired.lease, run.deadline);
  try {
    const result = await perform(watch, run);
    return await conclude(ports, watch, run, result);
  } finally {
    watch.end();
  }
}

/** The work's result; undefined when the lease was lost, or the deadline struck in the middle of it. */
async function perform(watch: Watch, run: LeasedWork): Promise<WorkResult | undefined> {
  const deaths = watch.held.lease.attempts - 1;
  if (deaths > 0) run.report?.("died", watch.held);
  try {
    if (deaths >= DEATH_LIMIT && run.onDeaths) {
      return { ...(await run.onDeaths(watch.held, deaths)), kind: "done", againInSeconds: DEATH_REST_SECONDS };
    }
    return await run.work(watch.held);
  } catch (error) {
    if (error instanceof LeaseLostError || watch.held.signal.aborted) return undefined;
    throw error;
  }
}

async function conclude(
  ports: LeasePorts,
  watch: Watch,
  run: LeasedWork,
  result: WorkResult | undefined,
): Promise<LeaseOutcome> {
  const { lease } = watch.held;
  if (result === undefined) {
    // Paused or cut off: under our token still, another invocation goes on from what was recorded last. A cut at the
    // deadline counts as a run that came no further, a loss does not.
    const progress = watch.isLost() ? undefined : (watch.held.progress ?? "");
    return await goOn(ports, watch, run, progress);
  }
  switch (result.kind) {
    case "continue":
      return await goOn(ports, watch, run, result.progress);
    case "done":
      return await release(ports, lease, toRelease(ports, watch, result));
    default:
      return assertNever(result);
  }
}

async function goOn(
  ports: LeasePorts,
  watch: Watch,
  run: LeasedWork,
  progress: string | undefined,
): Promise<LeaseOutcome> {
  const { held } = watch;
  const outcome = await continueLater(ports, held.lease, { progress, wrote: watch.wrote() });
  if (outcome !== "stuck") return outcome;
  run.report?.("stuck", held);
  const failure: Done = (await run.onStuck?.(held, progress ?? "")) ?? {
    kind: "done",
    againInSeconds: STUCK_AGAIN_SECONDS,
  };
  return await release(ports, held.lease, toRelease(ports, watch, failure));
}

function toRelease(ports: LeasePorts, watch: Watch, { seenRev, againInSeconds, set, remove }: Done) {
  const schedAt = againInSeconds === undefined ? undefined : epochSeconds(ports.clock) + Math.ceil(againInSeconds);
  return { seenRev, schedAt, set, remove, wrote: watch.wrote() };
}

interface Watch {
  readonly held: Held;
  readonly wrote: () => boolean;
  readonly isLost: () => boolean;
  /** Stops the renewals; what is on its way is refused by the row once it is released. */
  readonly end: () => void;
}

function watchLease(ports: LeasePorts, lease: Lease, deadline: number): Watch {
  const { clock } = ports;
  const lost = new AbortController();
  const struck = new AbortController();
  const over = new AbortController();
  let renewedAt = lease.acquiredAt;
  let wrote = false;

  const lose = (why: string) => {
    if (!lost.signal.aborted) lost.abort(new LeaseLostError(`lease of ${lease.key} ${why}`));
  };
  const fence = () => {
    const age = clock.now() - renewedAt;
    if (age > FENCE_SECONDS * 1000) lose(`was renewed ${Math.floor(age / 1000)} s ago, over ${FENCE_SECONDS} s`);
    if (lost.signal.reason instanceof LeaseLostError) throw lost.signal.reason;
  };
  const keepRenewing = async () => {
    let pause = RENEW_SECONDS * 1000;
    while (await sleepUnless(over.signal, clock, pause)) {
      const askedAt = clock.now();
      // Undefined: the request failed. Whether the lease still holds is a question of time, which the fence answers.
      const isOurs = await renew(ports, lease).catch(() => undefined);
      if (isOurs === false) lose("was taken by another run");
      if (isOurs === true) renewedAt = askedAt;
      if (clock.now() - renewedAt > LEASE_SECONDS * 1000) lose("could not be renewed");
      if (lost.signal.aborted) return;
      pause = isOurs === true ? RENEW_SECONDS * 1000 : RENEW_AGAIN_MS;
    }
  };
  const strike = async () => {
    const left = Math.max(0, deadline - ABORT_BEFORE_MS - clock.now());
    const isReached = await sleepUnless(over.signal, clock, left);
    if (isReached) struck.abort(new Error(`deadline of the run of ${lease.key} is near`));
  };
  void keepRenewing();
  void strike();

  return {
    held: {
      lease,
      progress: progressOf(lease),
      signal: AbortSignal.any([lost.signal, struck.signal]),
      fence,
      fenceWrite: () => {
        fence();
        wrote = true;
      },
      isDeadlineNear: () => clock.now() >= deadline - CONTINUE_BEFORE_MS,
    },
    wrote: () => wrote,
    isLost: () => lost.signal.aborted,
    end: () => over.abort(new Error(`run of ${lease.key} is over`)),
  };
}

/** False when the signal ended the sleep. */
async function sleepUnless(signal: AbortSignal, clock: LeasePorts["clock"], milliseconds: number): Promise<boolean> {
  const isOver = () => signal.aborted;
  if (isOver()) return false;
  try {
    await clock.sleep(milliseconds, signal);
    return !isOver();
  } catch (error) {
    if (isOver()) return false;
    throw error;
  }
}
