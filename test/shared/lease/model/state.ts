/**
 * States of the small model of the lease: one row, messages, processes and the faults that are left. Times are
 * relative to a fixed "now", numbers relative to the row's, so that the same situation later is the same state.
 */
import type { Item } from "../../../../shared/lease/ports.ts";
import { EARLY_SECONDS, padTime } from "../../../../shared/lease/row.ts";

/** The model's clock always shows this; time passes by moving everything else. */
export const NOW = 100_000;
const TOKEN = 10;
/** Stands for a time or number that fits nothing any more. */
const STALE = 0;

/**
 * The write that a process is about to make. A message goes out with the write before it: sent later it is the same as
 * received later, and never sent the same as lost. A read goes with the refusal before it.
 */
export type Step =
  "trigger" | "coalesce" | "acquire" | "park" | "tidy" | "work" | "releaseA" | "releaseB" | "continue" | "claim";

export interface Process {
  readonly kind: "trigger" | "worker" | "tick";
  readonly step: Step;
  /** The attempt's id or the owner: no living process and nothing in the row has the same. */
  readonly id: string;
  readonly token?: number;
  readonly runSeq?: number;
  readonly leaseExp?: number;
  readonly seen?: string;
  readonly schedAt?: number | undefined;
  readonly wrote?: boolean;
  /** It wrote to the cluster after its lease was taken. */
  readonly wroteLate?: boolean;
}

export interface State {
  readonly row: Item | undefined;
  /** Seconds until each message can be received, sorted. */
  readonly messages: readonly number[];
  readonly processes: readonly Process[];
  readonly triggersLeft: number;
  readonly faultsLeft: number;
  readonly schedulesLeft: number;
  readonly continuesLeft: number;
  readonly renewalsLeft: number;
  /** How often time may still pass while a process is at work or a message waits to be received. */
  readonly pausesLeft: number;
  /** Whether a tick has looked at this very instant: two of them lie apart. */
  readonly ticked: boolean;
  /** The requests that what is in the cluster comes from. */
  readonly world: number;
  /** A process was killed right after a late write: only the sweep can see that. */
  readonly killedLate: boolean;
}

export interface Budget {
  readonly triggers: number;
  readonly faults: number;
  readonly schedules: number;
  readonly continues: number;
  readonly renewals: number;
  readonly pauses: number;
}

export function initialState(budget: Budget): State {
  return {
    row: undefined,
    messages: [],
    processes: [],
    triggersLeft: budget.triggers,
    faultsLeft: budget.faults,
    schedulesLeft: budget.schedules,
    continuesLeft: budget.continues,
    renewalsLeft: budget.renewals,
    pausesLeft: budget.pauses,
    ticked: false,
    world: 0,
    killedLate: false,
  };
}

/** Everything so many seconds later, and then in its canonical form. */
export function shift(state: State, seconds: number): State {
  const move = (time: number) => (time === STALE ? STALE : time - seconds);
  const movePadded = (time: string) => padTime(move(Number(time)));
  const row = state.row && moveRow(state.row, move, movePadded);
  return {
    ...state,
    row,
    ticked: false,
    messages: state.messages.map((ready) => Math.max(0, ready - seconds)),
    processes: state.processes.map((process) => ({
      ...process,
      ...(process.leaseExp !== undefined && { leaseExp: move(process.leaseExp) }),
      ...(process.schedAt !== undefined && { schedAt: move(process.schedAt) }),
      ...(process.seen !== undefined && { seen: movePadded(process.seen) }),
    })),
  };
}

function moveRow(row: Item, move: (time: number) => number, movePadded: (time: string) => string): Item {
  const moved: Record<string, Item[string]> = { ...row };
  for (const name of ["pend", "leaseExp", "parked", "schedAt"]) {
    const time = row[name];
    if (typeof time === "number") moved[name] = move(time);
  }
  for (const name of ["nextAt", "armed"]) {
    const time = row[name];
    if (typeof time === "string") moved[name] = movePadded(time);
  }
  return moved;
}

/** Forgets what no expression can tell apart, so that there are few states. */
export function canonical(state: State): State {
  const row = state.row ?? {};
  const done = typeof row.doneSeq === "number" ? row.doneSeq : 0;
  const tok = typeof row.tok === "number" ? row.tok : 0;
  const seq = (value: number) => Math.max(-1, value - done);
  const processes = state.processes
    .map((process) => ({ ...canonicalProcess(process, row, tok, seq), was: process.id, id: "" }))
    .map((process) => ({ process, order: orderOf(row, process) }))
    .sort((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0));
  const names = new Map(processes.map(({ process }, i) => [process.was, String(i)]));
  return {
    ...state,
    row: state.row && canonicalRow(state.row, seq, names),
    world: seq(state.world),
    messages: [...state.messages].sort((a, b) => a - b),
    processes: processes.map(({ process: { was: _, ...process } }, i) => ({ ...process, id: String(i) })),
  };
}

/** Whatever its name is. */
function orderOf(row: Item, process: Process & { was: string }): string {
  const { was, ...rest } = process;
  return `${JSON.stringify(rest)} ${row.owner === was} ${row.pendBy === was}`;
}

function canonicalRow(row: Item, seq: (value: number) => number, names: ReadonlyMap<string, string>): Item {
  const nameOf = (id: Item[string] | undefined) => (typeof id === "string" ? (names.get(id) ?? "dead") : undefined);
  const { reqSeq, doneSeq, pend, pendBy, nextAt, dpk, schedAt, leaseExp, owner, tok, parked, armed } = row;
  return {
    ...(typeof reqSeq === "number" && { reqSeq: seq(reqSeq) }),
    ...(typeof doneSeq === "number" && { doneSeq: seq(doneSeq) }),
    ...(typeof pend === "number" && { pend: Math.max(NOW - 1, pend) }),
    ...(pendBy !== undefined && { pendBy: nameOf(pendBy) ?? null }),
    ...(typeof nextAt === "string" && { nextAt: clipDue(nextAt) }),
    ...(dpk !== undefined && { dpk }),
    ...(typeof schedAt === "number" && { schedAt: Math.max(NOW, schedAt) }),
    ...(typeof leaseExp === "number" && { leaseExp: Math.max(NOW - 1, leaseExp) }),
    ...(owner !== undefined && { owner: nameOf(owner) ?? null }),
    ...(tok !== undefined && { tok: TOKEN }),
    ...(typeof parked === "number" && parked === leaseExp && { parked: Math.max(NOW - 1, parked) }),
    ...(typeof armed === "string" && Number(armed) > NOW - EARLY_SECONDS && { armed }),
  };
}

/** Long overdue is overdue. */
function clipDue(time: string): string {
  return Number(time) < NOW - EARLY_SECONDS ? padTime(NOW - EARLY_SECONDS - 1) : time;
}

function canonicalProcess(process: Process, row: Item, tok: number, seq: (value: number) => number): Process {
  const { leaseExp, seen, schedAt } = process;
  const isRelease = process.step.startsWith("release");
  return {
    ...process,
    ...(process.token !== undefined && { token: process.token === tok ? TOKEN : STALE }),
    ...(process.runSeq !== undefined && { runSeq: seq(process.runSeq) }),
    ...(leaseExp !== undefined && {
      leaseExp: leaseExp === row.leaseExp ? Math.max(NOW - 1, leaseExp) : leaseExp < NOW ? STALE : leaseExp,
    }),
    ...(seen !== undefined && {
      seen: seen === row.nextAt ? clipDue(seen) : Number(seen) < NOW ? padTime(STALE) : seen,
    }),
    ...(schedAt !== undefined && {
      schedAt: isRelease || schedAt === row.schedAt ? Math.max(NOW, schedAt) : schedAt < NOW ? STALE : schedAt,
    }),
  };
}

/** 53 bits of the state. */
export function hashOf(state: State): number {
  const text = JSON.stringify(state);
  let h1 = 0xdeadbeef;
  let h2 = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    h1 = Math.imul(h1 ^ code, 2654435761);
    h2 = Math.imul(h2 ^ code, 1597334677);
  }
  h1 = Math.imul(h1 ^ (h1 >>> 16), 2246822507) ^ Math.imul(h2 ^ (h2 >>> 13), 3266489909);
  h2 = Math.imul(h2 ^ (h2 >>> 16), 2246822507) ^ Math.imul(h1 ^ (h1 >>> 13), 3266489909);
  return 4294967296 * (2097151 & h2) + (h1 >>> 0);
}
