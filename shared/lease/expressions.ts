/**
 * Every write of the lease protocol as data: pure functions of values, one per step. What follows a write or its
 * refusal is in the verbs beside this file. Times are seconds; `nextAt` is zero-padded for the due index.
 */
import type { Item, Update, Value } from "./ports.ts";
import {
  CLAIM_AGAIN_SECONDS,
  EARLY_SECONDS,
  HOP_LIMIT,
  LEASE_SECONDS,
  PENDING_SECONDS,
  ROW_VERSION,
  padTime,
} from "./row.ts";

/** Our token is still the row's and nobody has released it. */
const HELD = "tok = :tok AND attribute_exists(leaseExp)";

/** The lease's end plus one second: when a dead holder's object comes again. */
const watchdog = (now: number): string => padTime(now + LEASE_SECONDS + 1);

/** A request is noted and a message announced; `attempt` marks the row as announced by us. */
export function triggerUpdate(at: { now: number; shard: string; attempt: string }): Update {
  return {
    update:
      "SET reqSeq = if_not_exists(reqSeq, :zero) + :one, doneSeq = if_not_exists(doneSeq, :zero), " +
      "pend = :pend, pendBy = :m, nextAt = :next, dpk = :shard, v = :v",
    condition: "attribute_not_exists(pend) OR pend < :now",
    values: {
      ":zero": 0,
      ":one": 1,
      ":pend": at.now + PENDING_SECONDS,
      ":m": at.attempt,
      ":next": padTime(at.now + PENDING_SECONDS),
      ":shard": at.shard,
      ":now": at.now,
      ":v": ROW_VERSION,
    },
  };
}

/** A message is on its way already: the request is noted only. Refused when that message is our own. */
export function coalesceUpdate(at: { now: number; attempt: string }): Update {
  return {
    update: "ADD reqSeq :one",
    condition: "pend >= :now AND pendBy <> :m",
    values: { ":one": 1, ":now": at.now, ":m": at.attempt },
  };
}

/** Takes the lease where something is asked or due. Suspension is looked at inside the run. */
export function acquireUpdate(at: { now: number; shard: string; owner: string }): Update {
  return {
    update:
      "SET leaseExp = :exp, owner = :m, tok = if_not_exists(tok, :zero) + :one, runSeq = reqSeq, " +
      "attempts = if_not_exists(attempts, :zero) + :one, nextAt = :next, dpk = :shard REMOVE pend, pendBy",
    condition:
      "(attribute_not_exists(leaseExp) OR leaseExp < :now OR owner = :m) AND (reqSeq > doneSeq OR schedAt <= :soon)",
    values: {
      ":exp": at.now + LEASE_SECONDS,
      ":m": at.owner,
      ":zero": 0,
      ":one": 1,
      ":next": watchdog(at.now),
      ":shard": at.shard,
      ":now": at.now,
      ":soon": at.now + EARLY_SECONDS,
    },
  };
}

/** A refusal ends the run. */
export function renewUpdate(at: { now: number; token: number }): Update {
  return {
    update: "SET leaseExp = :exp, nextAt = :next",
    condition: HELD,
    values: { ":exp": at.now + LEASE_SECONDS, ":next": watchdog(at.now), ":tok": at.token },
  };
}

/** Once per end of a lease: one successor waits for it. */
export function busyUpdate(at: { leaseExp: number }): Update {
  return {
    update: "SET parked = :e, nextAt = :next",
    condition: "leaseExp = :e AND (attribute_not_exists(parked) OR parked <> :e)",
    values: { ":e": at.leaseExp, ":next": padTime(at.leaseExp + 1) },
  };
}

/**
 * Takes an idle row out of the due index, or puts it back to the time it waits for. The look at `schedAt` keeps a
 * wanted time that was set between our read and this write, should it fall on the very second that we saw.
 */
export function nothingDueUpdate(at: { seen: string; schedAt: number | undefined }): Update {
  const idle = "nextAt = :seen AND reqSeq = doneSeq AND attribute_not_exists(leaseExp)";
  if (at.schedAt === undefined) {
    return {
      update: "REMOVE nextAt, dpk",
      condition: `${idle} AND attribute_not_exists(schedAt)`,
      values: { ":seen": at.seen },
    };
  }
  return {
    update: "SET nextAt = :next",
    condition: `${idle} AND schedAt = :sched`,
    values: { ":seen": at.seen, ":next": padTime(at.schedAt), ":sched": at.schedAt },
  };
}

export interface ReleaseValues {
  readonly token: number;
  readonly runSeq: number;
  readonly shard: string;
  /** Revision that this run looked at, successful or not. */
  readonly seenRev?: string | undefined;
  /** When the object wants to run again, in seconds; absent: only when something happens. */
  readonly schedAt?: number | undefined;
  /** A message for `schedAt` is sent by the releaser itself, so the tick looks at it only when it is overdue. */
  readonly armed?: boolean;
  /** The engine's own attributes. */
  readonly set?: Item | undefined;
  readonly remove?: readonly string[] | undefined;
}

/** Nothing was asked since the run began. */
export function releaseUpdate(at: ReleaseValues): Update {
  const due = at.schedAt === undefined ? undefined : padTime(at.schedAt);
  return compose(
    {
      ...served(at),
      ...(due !== undefined && { nextAt: due, dpk: at.shard }),
      ...(due !== undefined && at.armed === true && { armed: due }),
    },
    ["hops", ...(due === undefined ? ["nextAt", "dpk", "armed"] : at.armed === true ? [] : ["armed"])],
    at,
    "reqSeq = :run",
  );
}

/** Something was asked while the run was on its way: announce the next one in the same write. */
export function releaseAgainUpdate(at: ReleaseValues & Announcement): Update {
  return compose({ ...served(at), ...announced(at) }, ["armed"], at, "reqSeq > :run");
}

export interface Announcement {
  readonly now: number;
  readonly shard: string;
  readonly attempt: string;
  /** Self-sent messages before this one. */
  readonly hops: number;
}

/** Over the hop limit no message is sent: the due index brings it, and begins a new chain. */
export function isOverHopLimit(hops: number): boolean {
  return hops >= HOP_LIMIT;
}

/** The deadline is near: the run goes on in another invocation. `doneSeq` stays, for nothing is finished. */
export function continueUpdate(
  at: Announcement & { token: number; progress: string | undefined; sameProgress: number },
): Update {
  const { pend, pendBy, nextAt, dpk, hops } = announced(at);
  return {
    update:
      "SET schedAt = :now, pend = :pend, pendBy = :m, nextAt = :next, dpk = :shard, attempts = :zero, hops = :hops, " +
      "cont = if_not_exists(cont, :zero) + :one, " +
      (at.progress === undefined ? "" : "progress = :p, ") +
      "sameProgress = :same REMOVE leaseExp, owner, parked, armed",
    condition: HELD,
    values: {
      ":now": at.now,
      ":pend": pend,
      ":m": pendBy,
      ":next": nextAt,
      ":shard": dpk,
      ":zero": 0,
      ":one": 1,
      ":hops": hops,
      ...(at.progress !== undefined && { ":p": at.progress }),
      ":same": at.sameProgress,
      ":tok": at.token,
    },
  };
}

/** Where a claim puts the row: it comes again if the message came to nothing. */
export function claimedUntil(at: { seen: string; now: number }): string {
  return padTime(Math.max(Number(at.seen), at.now) + CLAIM_AGAIN_SECONDS);
}

/** The tick takes a due row; of two ticks one wins. */
export function claimUpdate(at: { seen: string; now: number }): Update {
  return {
    update: "SET nextAt = :next",
    condition: "nextAt = :seen",
    values: { ":seen": at.seen, ":next": claimedUntil(at) },
  };
}

/** What a release writes in both of its forms. */
function served(at: ReleaseValues): Item {
  return {
    doneSeq: at.runSeq,
    attempts: 0,
    ...(at.seenRev !== undefined && { seenRev: at.seenRev }),
    ...(at.schedAt !== undefined && { schedAt: at.schedAt }),
  };
}

function announced(at: Announcement) {
  const over = isOverHopLimit(at.hops);
  return {
    pend: at.now + PENDING_SECONDS,
    pendBy: at.attempt,
    nextAt: padTime(over ? at.now + 1 : at.now + PENDING_SECONDS),
    dpk: at.shard,
    hops: over ? 0 : at.hops + 1,
  };
}

const RELEASED = ["leaseExp", "owner", "parked", "cont", "progress", "sameProgress"] as const;

/** One SET and one REMOVE of everything, the engine's attributes included, under our token. */
function compose(set: Item, remove: readonly string[], at: ReleaseValues, condition: string): Update {
  const all = Object.entries({ ...at.set, ...set });
  const gone = [...RELEASED, ...remove, ...(at.schedAt === undefined ? ["schedAt"] : []), ...(at.remove ?? [])];
  const values: Record<`:${string}`, Value> = { ":tok": at.token, ":run": at.runSeq };
  const assignments = all.map(([name, value], i) => {
    values[`:s${i}`] = value;
    return `${name} = :s${i}`;
  });
  return {
    update: `SET ${assignments.join(", ")} REMOVE ${gone.join(", ")}`,
    condition: `${HELD} AND ${condition}`,
    values,
  };
}
