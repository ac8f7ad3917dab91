/** `logs`: the engine's log lines in the form in which Flux prints those of its controllers. */
import { isRecord } from "../../shared/api/schema.ts";

export interface LogsOptions {
  readonly namespace: string;
  readonly allNamespaces?: boolean;
  readonly kind?: string;
  readonly name?: string;
  readonly level?: "debug" | "info" | "error";
  /** Milliseconds since the epoch; older lines are left out. */
  readonly since?: number;
  /** Only so many of the newest lines. */
  readonly tail?: number;
}

export interface LogsPorts {
  /** Lines of one program, oldest first. Lines that are no JSON objects are passed over. */
  readonly lines: AsyncIterable<string>;
  readonly out: (text: string) => void;
}

interface Entry {
  readonly time: string;
  readonly level: string;
  readonly message: string;
  readonly error: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
}

/** Prints what matches as it comes; with `tail`, at the end. */
export async function logs({ lines, out }: LogsPorts, options: LogsOptions): Promise<void> {
  const kept: string[] = [];
  for await (const line of lines) {
    const entry = parse(line);
    if (!entry || !matches(entry, options)) continue;
    if (options.tail === undefined) out(format(entry));
    else {
      kept.push(format(entry));
      if (kept.length > options.tail) kept.shift();
    }
  }
  kept.forEach(out);
}

/** Field names of the engine, or those of Flux's controllers. */
function parse(line: string): Entry | undefined {
  let fields: unknown;
  try {
    fields = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isRecord(fields)) return undefined;
  const record = fields;
  const first = (...names: readonly string[]) => {
    const found = names.map((name) => record[name]).find((value) => typeof value === "string" && value !== "");
    return typeof found === "string" ? found : "";
  };
  const error = first("error");
  return {
    time: first("ts", "at"),
    level: first("level") || (error ? "error" : "info"),
    message: [first("msg", "event"), record.event === undefined ? "" : first("message", "reason")]
      .filter(Boolean)
      .join(": "),
    error,
    kind: first("reconciler kind", "controllerKind", "kind"),
    name: first("name"),
    namespace: first("namespace"),
  };
}

function matches(entry: Entry, { namespace, allNamespaces = false, kind, name, level, since }: LogsOptions): boolean {
  return (
    (level === undefined || level === entry.level) &&
    (kind === undefined || equalFold(kind, entry.kind)) &&
    (name === undefined || equalFold(name, entry.name)) &&
    (allNamespaces || equalFold(namespace, entry.namespace)) &&
    (since === undefined || !(Date.parse(entry.time) < since))
  );
}

const equalFold = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();

/** Flux's template; it leaves a space behind the message even without an error. */
function format({ time, level, kind, name, namespace, message, error }: Entry): string {
  return `${time} ${level} ${kind}${name ? `/${name}.${namespace}` : ""} - ${message} ${error}\n`;
}
