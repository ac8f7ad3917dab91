/** Turns the functions' structured lines into what a person wants to read: one line per thing that happened. */
import type { AlarmChange } from "./alarm-watch.ts";

export type Narration = (line: string) => void;

interface LogLine {
  readonly at?: string;
  readonly event?: string;
  readonly object?: string;
  readonly action?: string;
  readonly revision?: string;
  readonly pushedAt?: number;
  readonly message?: string;
  readonly reason?: string;
  readonly error?: string;
  readonly key?: string;
  readonly user?: string;
  readonly verb?: string;
  readonly first?: string;
  readonly what?: string;
  readonly end?: string;
}

/** Longer ago than this, a push is not what caused the event. */
const pushMillis = 10 * 60_000;

export function createNarration(write: (text: string) => void): Narration {
  return (line) => {
    const start = line.indexOf("{");
    if (start < 0) {
      if (/defect|error|denied/i.test(line)) write(`  ${line}`);
      return;
    }
    let entry: LogLine;
    try {
      entry = JSON.parse(line.slice(start)) as LogLine;
    } catch {
      return;
    }
    const text = describe(entry);
    if (text !== undefined) write(`${timeOf(entry)} ${text}`);
  };
}

/**
 * Of an alarm that begins or ends to ring; undefined for one that gets its first values.
 *
 * @param engine whose name begins the names of its alarms
 */
export function describeAlarm({ name, from, to, reason, suppressed }: AlarmChange, engine: string): string | undefined {
  if (from !== "ALARM" && to !== "ALARM") return undefined;
  const short = name.replace(`driftless-${engine}-`, "");
  const silence = suppressed ? " (nobody is told: its suppressor rings)" : "";
  return `alarm ${short}: ${from} → ${to}${to === "ALARM" ? `, ${reason}` : ""}${silence}`;
}

function describe({
  event,
  object,
  action,
  revision = "",
  reason,
  message = "",
  error,
  key,
  at,
  pushedAt,
  user = "",
  verb = "",
  first = "",
  what,
  end,
}: LogLine): string | undefined {
  const since = pushedAt === undefined ? undefined : Date.parse(at ?? "") - pushedAt;
  const ago =
    since !== undefined && since >= 0 && since < pushMillis ? `  ${(since / 1000).toFixed(1)} s after push` : "";
  if (event === "applied") return `${object ?? ""} ${action ?? ""}  ${shorten(revision)}${ago}`;
  if (event === "drift") return `${object ?? ""} drifted: ${what ?? ""}, ${end ?? ""}`;
  if (event === "event" && reason !== undefined && isTold(reason))
    return `${object ?? ""} ${reason}: ${firstLine(message)}`;
  if (event === "changed by hand") return `changed by hand: ${verb} ${first} by ${user}`;
  if (event === "frozen" || event === "unreachable") return `${key ?? ""} ${event}: ${message}`;
  if (event === "failed") return `${key ?? ""} failed: ${firstLine(error ?? "")}`;
  return undefined;
}

/** The objects that were applied, and those that had drifted, have lines of their own. */
const isTold = (reason: string): boolean =>
  !["Progressing", "ReconciliationSucceeded", "DriftDetected", "DriftFlapping"].includes(reason);

const firstLine = (text: string): string => text.split("\n", 1)[0] ?? "";
const shorten = (revision: string): string => revision.replace(/([0-9a-f]{8})[0-9a-f]{32,}/g, "$1");

function timeOf({ at }: LogLine): string {
  const date = at === undefined ? new Date() : new Date(at);
  return date.toTimeString().slice(0, 8);
}
