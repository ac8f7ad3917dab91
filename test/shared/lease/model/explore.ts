/** Visits every state that the protocol can come into, and judges each one. */
import { CLAIM_AHEAD_SECONDS, EARLY_SECONDS } from "../../../../shared/lease/row.ts";
import {
  type Move,
  type Protocol,
  faultyMoves,
  nominalMoves,
  renewalMoves,
  startTick,
  startTrigger,
  startWorker,
} from "./steps.ts";
import { type Budget, NOW, type State, canonical, hashOf, initialState, shift } from "./state.ts";

export interface Exploration {
  readonly states: number;
  /** States from which the cluster keeps a late write until the sweep sees it. */
  readonly leftToTheSweep: number;
  /** The longest time from any state to the end of all work, without further faults, in seconds. */
  readonly longestSeconds: number;
  /** The first state that breaks a promise, and how it came about. */
  readonly violation?: { readonly promise: string; readonly path: readonly string[]; readonly state: State };
}

const WORKERS = 2;
const STEPS_TO_REST = 400;

export function explore(protocol: Protocol, budget: Budget, atMost = Number.POSITIVE_INFINITY): Exploration {
  const seen = new Set<number>();
  const queue: { state: State; parent: number; label: string }[] = [];
  const judge = createJudge(protocol);
  const visit = (state: State, parent: number, label: string) => {
    const next = canonical(state);
    const hash = hashOf(next);
    if (seen.has(hash)) return;
    seen.add(hash);
    queue.push({ state: next, parent, label });
  };
  visit(initialState(budget), -1, "nothing is there");

  let leftToTheSweep = 0;
  let longestSeconds = 0;
  for (let at = 0; at < Math.min(queue.length, atMost); at++) {
    const { state } = queue[at]!;
    const verdict = judge(state);
    if (verdict.isLeftToTheSweep) leftToTheSweep++;
    longestSeconds = Math.max(longestSeconds, verdict.seconds);
    if (verdict.broken !== undefined) {
      const violation = { promise: verdict.broken, path: pathTo(queue, at), state };
      return { states: seen.size, leftToTheSweep, longestSeconds, violation };
    }
    for (const move of allMoves(protocol, state)) visit(move.state, at, move.label);
  }
  return { states: seen.size, leftToTheSweep, longestSeconds };
}

function pathTo(queue: readonly { parent: number; label: string }[], last: number): readonly string[] {
  const path: string[] = [];
  for (let at = last; at >= 0; at = queue[at]!.parent) path.unshift(queue[at]!.label);
  return path;
}

function allMoves(protocol: Protocol, state: State): readonly Move[] {
  const moves: Move[] = [];
  if (state.triggersLeft > 0) moves.push({ label: "a trigger begins", state: startTrigger(state) });
  for (const process of state.processes) {
    moves.push(...nominalMoves(protocol, state, process), ...faultyMoves(protocol, state, process));
    moves.push(...renewalMoves(protocol, state, process));
  }
  moves.push(...deliveries(state));
  const ticking = startTick(state);
  if (ticking) moves.push({ label: "tick", state: ticking });
  const isPause = state.processes.length > 0 || state.messages[0] === 0;
  if (isPause && state.pausesLeft === 0) return moves;
  const later = passTime(state);
  if (later) {
    const paused = isPause ? { ...later.state, pausesLeft: state.pausesLeft - 1 } : later.state;
    moves.push({ label: `${later.seconds} s pass`, state: paused });
  }
  return moves;
}

function deliveries(state: State): readonly Move[] {
  const workers = state.processes.filter(({ kind }) => kind === "worker").length;
  if (state.messages[0] !== 0 || workers >= WORKERS) return [];
  const moves: Move[] = [{ label: "message received", state: startWorker(state, false) }];
  if (state.faultsLeft > 0) {
    const hurt = { ...state, faultsLeft: state.faultsLeft - 1 };
    moves.push({ label: "message received twice", state: startWorker(hurt, true) });
  }
  return moves;
}

/** To the next instant at which anything can be different; however long a process is paused, it is made of these. */
function passTime(state: State): { state: State; seconds: number } | undefined {
  const { leaseExp, pend, nextAt, armed } = state.row ?? {};
  const lookedAt = armed === nextAt ? EARLY_SECONDS : -CLAIM_AHEAD_SECONDS;
  const instants = [
    ...state.messages,
    ...(typeof leaseExp === "number" ? [leaseExp + 1 - NOW] : []),
    ...(typeof pend === "number" ? [pend + 1 - NOW] : []),
    ...(typeof nextAt === "string" ? [Number(nextAt) + lookedAt - NOW] : []),
  ].filter((seconds) => seconds > 0);
  const seconds = Math.min(...instants);
  return Number.isFinite(seconds) ? { state: shift(state, seconds), seconds } : undefined;
}

interface Verdict {
  readonly broken?: string | undefined;
  readonly seconds: number;
  readonly isLeftToTheSweep: boolean;
}

function createJudge(protocol: Protocol): (state: State) => Verdict {
  const known = new Map<number, Verdict>();
  return (state) => {
    const broken = brokenNow(state);
    return broken === undefined ? comeToRest(protocol, state, known) : { broken, seconds: 0, isLeftToTheSweep: false };
  };
}

function brokenNow({ row, processes }: State): string | undefined {
  const holders = processes.filter(
    ({ token }) => token !== undefined && token === row?.tok && row.leaseExp !== undefined,
  );
  if (holders.length > 1) return "two runs hold the same lease";
  const isWanted = row?.reqSeq !== row?.doneSeq || row?.schedAt !== undefined;
  const isDue = row?.nextAt !== undefined && row.dpk !== undefined;
  if (isWanted && processes.length === 0 && !isDue) return "a wanted run is in no due index";
  return undefined;
}

/** From here on all goes well and nothing new is asked: the row must be served, the cluster up to date, all quiet. */
function comeToRest(protocol: Protocol, from: State, known: Map<number, Verdict>): Verdict {
  const quiet = { faultsLeft: 0, schedulesLeft: 0, continuesLeft: 0, renewalsLeft: 0, pausesLeft: 0, triggersLeft: 0 };
  const path: { readonly hash: number; readonly elapsed: number }[] = [];
  let state = canonical({ ...from, ...quiet });
  let elapsed = 0;
  let end: Verdict | undefined;
  for (let step = 0; step < STEPS_TO_REST; step++) {
    const hash = hashOf(state);
    end = known.get(hash);
    if (end) break;
    path.push({ hash, elapsed });
    if (isAtRest(state)) {
      end = verdictAtRest(state);
      break;
    }
    const next = advance(protocol, state);
    elapsed += next.seconds;
    state = canonical(next.state);
  }
  end ??= { broken: "it never comes to rest", seconds: 0, isLeftToTheSweep: false };
  for (const place of path) known.set(place.hash, { ...end, seconds: end.seconds + elapsed - place.elapsed });
  return { ...end, seconds: end.seconds + elapsed };
}

/** One thing after the other; time passes when there is nothing to do. */
function advance(protocol: Protocol, state: State): { state: State; seconds: number } {
  const [process] = state.processes;
  if (process) return { state: nominalMoves(protocol, state, process)[0]!.state, seconds: 0 };
  if (state.messages[0] === 0) return { state: startWorker(state, false), seconds: 0 };
  const ticking = startTick(state);
  if (ticking) return { state: ticking, seconds: 0 };
  return passTime(state) ?? { state, seconds: 0 };
}

function isAtRest({ row, processes, messages }: State): boolean {
  return processes.length === 0 && messages.length === 0 && row?.nextAt === undefined && row?.dpk === undefined;
}

function verdictAtRest({ row, world, killedLate }: State): Verdict {
  const rest = { seconds: 0, isLeftToTheSweep: false };
  if (row === undefined) return rest;
  if (row.reqSeq !== row.doneSeq) return { ...rest, broken: "a request is forgotten" };
  if (row.schedAt !== undefined) return { ...rest, broken: "a wanted time is forgotten" };
  if (row.leaseExp !== undefined) return { ...rest, broken: "a lease is left over" };
  if (world === row.doneSeq) return rest;
  return killedLate ? { ...rest, isLeftToTheSweep: true } : { ...rest, broken: "the cluster keeps a late write" };
}
