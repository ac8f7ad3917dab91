/** Remembers the functions' processes in a file: a runner that was killed leaves stopped ones behind, and the next ends them. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";

export interface ProcessRegistry {
  add(pid: number): void;
  clear(): void;
}

/** Kills what the last runner left, when the process is still one that runs `hostScript`. */
export function openProcessRegistry(file: string, hostScript: string): ProcessRegistry {
  for (const pid of readPids(file)) {
    if (commandOf(pid).includes(hostScript)) killGroup(pid);
  }
  let pids: number[] = [];
  const save = () => writeFileSync(file, JSON.stringify(pids));
  save();
  return {
    add(pid) {
      pids.push(pid);
      save();
    },
    clear() {
      pids = [];
      save();
    },
  };
}

function readPids(file: string): readonly number[] {
  if (!existsSync(file)) return [];
  try {
    const value: unknown = JSON.parse(readFileSync(file, "utf8"));
    return Array.isArray(value) ? value.filter((pid) => typeof pid === "number") : [];
  } catch {
    // Half a file of a killed runner: nothing to learn from it.
    return [];
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Ended meanwhile.
  }
}
