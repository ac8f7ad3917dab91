/** Lines of the local engine's log files, merged by time; with `follow` it goes on as they grow. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import type { Clock } from "../shared/runtime/clock.ts";

export interface LogLinesOptions {
  readonly directory: string;
  readonly follow: boolean;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

const pollMillis = 500;

export async function* logLines({ directory, follow, clock, signal }: LogLinesOptions): AsyncIterable<string> {
  const seen = new Map<string, number>();
  for (;;) {
    const fresh: string[] = [];
    for (const file of (await readdir(directory)).filter((name) => name.endsWith(".log"))) {
      const lines = (await readFile(join(directory, file), "utf8")).split("\n");
      // The last one has no line feed yet: it is read when it is complete.
      const complete = lines.slice(0, -1);
      fresh.push(...complete.slice(seen.get(file) ?? 0));
      seen.set(file, complete.length);
    }
    yield* fresh.sort((a, b) => timeOf(a) - timeOf(b));
    if (!follow || signal?.aborted) return;
    await clock.sleep(pollMillis, signal);
  }
}

function timeOf(line: string): number {
  const [, time = ""] = /"(?:at|ts)":"([^"]+)"/u.exec(line) ?? [];
  return Date.parse(time) || 0;
}
