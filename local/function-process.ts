/** One child process of one function: started on demand, frozen between invocations, killed at the timeout. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";

import { isRecord } from "./json.ts";

/** How Lambda describes a failed invocation. */
export interface FunctionError {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace?: readonly string[];
}

export type Completed =
  { readonly kind: "returned"; readonly payload: string } | { readonly kind: "failed"; readonly error: FunctionError };

export interface ProcessSettings {
  readonly name: string;
  readonly arn: string;
  readonly codeDirectory: string;
  /** `<module>.<export>`; the module is an `.mjs` file. */
  readonly handler: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutSeconds: number;
  readonly memoryMegabytes: number;
  readonly nodeBinary: string;
  readonly hostScript: string;
  /** Scratch directory of the function's processes; each gets an empty one, as a new sandbox's /tmp. */
  readonly scratchDirectory: string;
  /** Stop the process between invocations, so that timers left behind do not run, as on Lambda. */
  readonly freeze: boolean;
  readonly onLine: (line: string) => void;
}

export interface FunctionProcess {
  readonly busy: boolean;
  readonly alive: boolean;
  readonly pid: number | undefined;
  invoke(event: string, options: InvocationOptions): Promise<Completed>;
  kill(): void;
}

export interface InvocationOptions {
  readonly trace: string;
  /** Chance kills the process so long after the start of the run. */
  readonly killAfterMillis?: number | undefined;
}

export function startProcess(settings: ProcessSettings): FunctionProcess {
  const scratch = path.join(settings.scratchDirectory, randomUUID());
  mkdirSync(scratch, { recursive: true });
  const child = spawn(settings.nodeBinary, [settings.hostScript], {
    cwd: settings.codeDirectory,
    env: {
      ...settings.environment,
      TMPDIR: scratch,
      // Processes of one function share no directory here, as they share none on Lambda.
      DRIFTLESS_SCRATCH: path.join(scratch, "render"),
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
    },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    // A group of its own, so that a kill also takes the processes that the function started.
    detached: true,
  });
  for (const stream of [child.stdout, child.stderr]) {
    if (stream !== null) createInterface({ input: stream }).on("line", settings.onLine);
  }
  const state = { busy: false, alive: true };
  const kill = () => {
    if (!state.alive || child.pid === undefined) return;
    state.alive = false;
    killGroup(child.pid);
  };
  child.once("exit", () => {
    kill();
    state.alive = false;
    rmSync(scratch, { recursive: true, force: true });
  });
  const ready = untilReady(child);
  // Observed by the first invocation; a process that dies unused is nobody's failure.
  ready.catch(() => undefined);

  return {
    get busy() {
      return state.busy;
    },
    get alive() {
      return state.alive;
    },
    pid: child.pid,
    kill,
    async invoke(event, options) {
      state.busy = true;
      try {
        signalGroup(child, "SIGCONT");
        const broken = await ready;
        if (broken !== undefined) return { kind: "failed", error: broken };
        return await run(child, settings, event, options, kill);
      } finally {
        state.busy = false;
        if (settings.freeze && state.alive) signalGroup(child, "SIGSTOP");
      }
    },
  };
}

/** Resolves with an error when the bundle does not load. */
function untilReady(child: ChildProcess): Promise<FunctionError | undefined> {
  return new Promise((resolve) => {
    child.once("message", (message) =>
      resolve(isRecord(message) && message.kind === "broken" ? errorOf(message.error) : undefined),
    );
    child.once("error", (error) => resolve({ errorType: "Runtime.InvalidEntrypoint", errorMessage: error.message }));
    child.once("exit", () =>
      resolve({ errorType: "Runtime.ExitError", errorMessage: "the function's process ended before it was ready" }),
    );
  });
}

function run(
  child: ChildProcess,
  settings: ProcessSettings,
  event: string,
  options: InvocationOptions,
  kill: () => void,
) {
  const id = randomUUID();
  const { timeoutSeconds, name: functionName, arn, memoryMegabytes } = settings;
  return new Promise<Completed>((resolve) => {
    const timers = [
      setTimeout(() => {
        finish(
          failed(
            "Sandbox.Timedout",
            `RequestId: ${id} Error: Task timed out after ${timeoutSeconds.toFixed(2)} seconds`,
          ),
        );
        kill();
      }, timeoutSeconds * 1000),
    ];
    if (options.killAfterMillis !== undefined) timers.push(setTimeout(kill, options.killAfterMillis));
    const onExit = (code: number | null, signal: string | null) => {
      const how = signal === null ? `exit status ${code ?? "unknown"}` : "signal: killed";
      finish(failed("Runtime.ExitError", `RequestId: ${id} Error: Runtime exited with error: ${how}`));
    };
    const onMessage = (message: unknown) => {
      if (!isRecord(message) || message.id !== id) return;
      if (message.kind !== "returned") finish({ kind: "failed", error: errorOf(message.error) });
      else finish({ kind: "returned", payload: String(message.payload) });
    };
    const finish = (completed: Completed) => {
      for (const timer of timers) clearTimeout(timer);
      child.off("exit", onExit).off("message", onMessage);
      resolve(completed);
    };
    child.on("exit", onExit).on("message", onMessage);
    const deadline = Date.now() + timeoutSeconds * 1000;
    const context = {
      awsRequestId: id,
      functionName,
      arn,
      memory: String(memoryMegabytes),
      deadline,
      trace: options.trace,
    };
    child.send({ id, event, context }, (error) => {
      if (error !== null) finish(failed("Runtime.ExitError", `RequestId: ${id} Error: ${error.message}`));
    });
  });
}

const failed = (errorType: string, errorMessage: string): Completed => ({
  kind: "failed",
  error: { errorType, errorMessage },
});

function errorOf(value: unknown): FunctionError {
  if (!isRecord(value)) return { errorType: "Error", errorMessage: "unknown error" };
  const trace = Array.isArray(value.trace) ? { trace: value.trace.map(String) } : {};
  return { errorType: String(value.errorType), errorMessage: String(value.errorMessage), ...trace };
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone already.
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // The group is gone already.
  }
}
