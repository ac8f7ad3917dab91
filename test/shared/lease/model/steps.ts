/** What each process of the model does next: the real expressions, interpreted, and the verbs' decisions between them. */
import { explainRefusal } from "../../../../shared/lease/acquire.ts";
import * as real from "../../../../shared/lease/expressions.ts";
import type { Item, Update } from "../../../../shared/lease/ports.ts";
import { CLAIM_AHEAD_SECONDS, EARLY_SECONDS, parseRow } from "../../../../shared/lease/row.ts";
import { applyUpdate } from "../../../fakes/interpret.ts";
import { NOW, type Process, type State } from "./state.ts";

/** The expressions under test: the real ones, or with one of them broken. */
export type Protocol = Omit<typeof real, "isOverHopLimit">;
export const realProtocol: Protocol = real;

const SHARD = "D#0";
const RETRY_SECONDS = 30;

export interface Move {
  readonly label: string;
  readonly state: State;
}

/** What a process does next without any fault; several where it chooses. */
export function nominalMoves(protocol: Protocol, state: State, process: Process): readonly Move[] {
  return MOVES[process.step](protocol, state, process).map(({ label, state: next, sends }) => ({
    label: `${process.id}: ${process.step} ${label}`,
    state: sends === undefined ? next : withMessage(next, sends),
  }));
}

/** What it can suffer instead: a kill, the loss of a reply, a message lost or doubled. */
export function faultyMoves(protocol: Protocol, state: State, process: Process): readonly Move[] {
  if (state.faultsLeft === 0) return [];
  const hurt = { ...state, faultsLeft: state.faultsLeft - 1 };
  const label = `${process.id}: ${process.step}`;
  const killed = end({ ...hurt, killedLate: hurt.killedLate || process.wroteLate === true }, process);
  const moves: Move[] = [{ label: `${label} killed before it`, state: killed }];
  const update = UPDATES[process.step]?.(protocol, process);
  const written = update && applyUpdate(state.row, update);
  // The write happened, the reply was lost: the SDK repeats the same write, some time later.
  if (written) moves.push({ label: `${label} reply lost`, state: { ...hurt, row: written } });
  for (const { state: next, sends } of MOVES[process.step](protocol, hurt, process)) {
    if (sends === undefined) continue;
    moves.push({ label: `${label} message lost`, state: next });
    moves.push({ label: `${label} message doubled`, state: withMessage(withMessage(next, sends), sends) });
  }
  return moves;
}

/** A late renewal, any time during the work. */
export function renewalMoves(protocol: Protocol, state: State, process: Process): readonly Move[] {
  const isAtWork = process.step === "work" || process.step === "releaseA" || process.step === "continue";
  if (state.renewalsLeft === 0 || !isAtWork) return [];
  const row = applyUpdate(state.row, protocol.renewUpdate({ now: NOW, token: process.token ?? 0 }));
  const spent = { ...state, renewalsLeft: state.renewalsLeft - 1 };
  if (row) return [{ label: `${process.id}: renews`, state: { ...spent, row } }];
  return [{ label: `${process.id}: renewal refused`, state: giveUp(spent, process) }];
}

export function startTrigger(state: State): State {
  return start({ ...state, triggersLeft: state.triggersLeft - 1 }, { kind: "trigger", step: "trigger" });
}

export function startWorker(state: State, isDoubled: boolean): State {
  const messages = isDoubled ? state.messages : state.messages.slice(1);
  return start({ ...state, messages }, { kind: "worker", step: "acquire" });
}

/** A tick looks into the due index and finds the row, or undefined: nothing to do. */
export function startTick(state: State): State | undefined {
  const { nextAt, dpk, armed } = state.row ?? {};
  const isBusy = state.ticked || state.processes.some(({ kind }) => kind === "tick");
  if (isBusy || typeof nextAt !== "string" || dpk === undefined) return undefined;
  const due = Number(nextAt);
  if (due > NOW + CLAIM_AHEAD_SECONDS || (armed === nextAt && due > NOW - EARLY_SECONDS)) return undefined;
  return start({ ...state, ticked: true }, { kind: "tick", step: "claim", seen: nextAt });
}

type UpdateOf = (protocol: Protocol, process: Process) => Update;

/** The write of each step that writes. */
const UPDATES: Partial<Record<Process["step"], UpdateOf>> = {
  trigger: (protocol, { id }) => protocol.triggerUpdate({ now: NOW, shard: SHARD, attempt: id }),
  coalesce: (protocol, { id }) => protocol.coalesceUpdate({ now: NOW, attempt: id }),
  acquire: (protocol, { id }) => protocol.acquireUpdate({ now: NOW, shard: SHARD, owner: id }),
  park: (protocol, { leaseExp = 0 }) => protocol.busyUpdate({ leaseExp }),
  tidy: (protocol, { seen = "", schedAt }) => protocol.nothingDueUpdate({ seen, schedAt }),
  releaseA: (protocol, process) => protocol.releaseUpdate(releaseValues(process)),
  releaseB: (protocol, process) =>
    protocol.releaseAgainUpdate({ ...releaseValues(process), now: NOW, attempt: process.id, hops: 0 }),
  continue: (protocol, { id, token = 0 }) =>
    protocol.continueUpdate({ now: NOW, shard: SHARD, attempt: id, hops: 0, token, progress: "p", sameProgress: 1 }),
  claim: (protocol, { seen = "" }) => protocol.claimUpdate({ seen, now: NOW }),
};

function releaseValues({ token = 0, runSeq = 0, schedAt }: Process): real.ReleaseValues {
  return { token, runSeq, shard: SHARD, schedAt, armed: schedAt !== undefined };
}

interface Outcome extends Move {
  /** With so much delay. */
  readonly sends?: number;
}

type MoveOf = (protocol: Protocol, state: State, process: Process) => readonly Outcome[];

const MOVES: Record<Process["step"], MoveOf> = {
  trigger: writes(
    (state, process) => finish(state, process, 0),
    (state, process) => go(state, process, "coalesce"),
  ),
  coalesce: writes(
    (state, process) => finish(state, process),
    (state, process) => (state.row?.pendBy === process.id ? finish(state, process, 0) : go(state, process, "trigger")),
  ),
  acquire: writes(
    (state, process) =>
      go(state, process, "work", { token: Number(state.row?.tok), runSeq: Number(state.row?.runSeq) }),
    (state, process) => {
      const refusal = explainRefusal(state.row && parseRow("model", state.row), NOW);
      if (refusal.kind === "park") return go(state, process, "park", { leaseExp: refusal.leaseExp });
      if (refusal.kind === "tidy") return go(state, process, "tidy", { seen: refusal.seen, schedAt: refusal.schedAt });
      if (refusal.kind === "moved") return go(state, process, "acquire");
      return finish(state, process);
    },
  ),
  park: writes(
    (state, process) => finish(state, process, Math.max(0, (process.leaseExp ?? 0) + 1 - NOW)),
    (state, process) => go(state, process, "acquire"),
  ),
  tidy: writes(
    (state, process) => finish(state, process),
    (state, process) => go(state, process, "acquire"),
  ),
  work: (_, state, process) => {
    const isLate = state.row?.tok !== process.token || state.row?.leaseExp === undefined;
    const written = { ...state, world: process.runSeq ?? 0 };
    const wrote = { wrote: true, ...(isLate && { wroteLate: true }) };
    const { schedulesLeft, continuesLeft } = state;
    return [
      ...go(written, process, "releaseA", wrote),
      ...(schedulesLeft > 0
        ? go({ ...written, schedulesLeft: schedulesLeft - 1 }, process, "releaseA", {
            ...wrote,
            schedAt: NOW + RETRY_SECONDS,
          })
        : []),
      ...(continuesLeft > 0 ? go({ ...written, continuesLeft: continuesLeft - 1 }, process, "continue", wrote) : []),
    ];
  },
  releaseA: writes(released, (state, process) => go(state, process, "releaseB")),
  releaseB: writes(
    (state, process) => finish(state, process, 0),
    (state, process) => {
      if (state.row?.tok !== process.token) return [{ label: "lost", state: giveUp(state, process) }];
      if (state.row?.leaseExp !== undefined) return go(state, process, "releaseA");
      return state.row?.pendBy === process.id ? finish(state, process, 0) : released(state, process);
    },
  ),
  continue: writes(
    (state, process) => finish(state, process, 0),
    (state, process) =>
      state.row?.tok === process.token ? finish(state, process, 0) : [{ label: "lost", state: giveUp(state, process) }],
  ),
  claim: (protocol, state, process) => {
    const seen = process.seen ?? "";
    const row = applyWrite(protocol, state, process);
    const isOurs = row !== undefined || state.row?.nextAt === protocol.claimedUntil({ seen, now: NOW });
    return finish({ ...state, row: row ?? state.row }, process, isOurs ? Math.max(0, Number(seen) - NOW) : undefined);
  },
};

type Next = (state: State, process: Process) => readonly Outcome[];

/** A step that is one write: where it goes on when it was done, and when it was refused. */
function writes(done: Next, refused: Next): MoveOf {
  return (protocol, state, process) => {
    const row = applyWrite(protocol, state, process);
    return row ? done({ ...state, row }, process) : refused(state, process);
  };
}

function released(state: State, process: Process): readonly Outcome[] {
  return finish(state, process, process.schedAt === undefined ? undefined : Math.max(0, process.schedAt - NOW));
}

/** Its lease was taken: having written it asks for another run. Late until that request is noted in the row. */
function giveUp(state: State, process: Process): State {
  if (process.wrote !== true) return end(state, process);
  const { kind, id, wroteLate } = process;
  return replace(state, process, { kind, id, step: "trigger", ...(wroteLate === true && { wroteLate }) });
}

function applyWrite(protocol: Protocol, state: State, process: Process): Item | undefined {
  const update = UPDATES[process.step]?.(protocol, process);
  return update && applyUpdate(state.row, update);
}

function go(state: State, process: Process, step: Process["step"], more: Partial<Process> = {}): readonly Outcome[] {
  return [{ label: `→ ${step}`, state: replace(state, process, { ...process, ...more, step }) }];
}

function finish(state: State, process: Process, sends?: number): readonly Outcome[] {
  const label = sends === undefined ? "and ends" : `and sends, due in ${sends} s`;
  return [{ label, state: end(state, process), ...(sends !== undefined && { sends }) }];
}

function withMessage(state: State, delay: number): State {
  return { ...state, messages: [...state.messages, delay] };
}

function replace(state: State, process: Process, next: Process): State {
  return { ...state, processes: state.processes.map((other) => (other === process ? next : other)) };
}

function end(state: State, process: Process): State {
  return { ...state, processes: state.processes.filter((other) => other !== process) };
}

function start(state: State, process: Omit<Process, "id">): State {
  // Canonical states have the names 0, 1, …, so this one is new.
  const id = `new${state.processes.length}`;
  return { ...state, processes: [...state.processes, { ...process, id }] };
}
