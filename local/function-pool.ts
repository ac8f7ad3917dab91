/** The processes of one function: one invocation at a time in each, as many as its concurrency allows, reused when idle. */
import { randomBytes } from "node:crypto";

import { type Completed, type FunctionProcess, type ProcessSettings, startProcess } from "./function-process.ts";

export type InvokeResult = Completed | { readonly kind: "throttled" };

export interface InvokeOptions {
  /** X-Ray header of the caller, for recursion detection. */
  readonly trace?: string;
}

export interface FunctionPool {
  readonly name: string;
  readonly arn: string;
  invoke(event: unknown, options?: InvokeOptions): Promise<InvokeResult>;
  /** Processes that run an invocation now. */
  readonly running: number;
  /** Kills every process, running or idle. */
  stop(): void;
}

export interface PoolSettings extends ProcessSettings {
  /** More invocations at once than this are throttled. */
  readonly maximumConcurrency: number;
  readonly onEnd: (ended: { readonly milliseconds: number; readonly result: InvokeResult }) => void;
  /** Chance: kill this run after so many milliseconds. */
  readonly killAfterMillis: () => number | undefined;
  readonly onProcess: (pid: number) => void;
}

/** Answers above this size fail the invocation, per Lambda's quotas. */
const maximumResponseBytes = 6_291_556;

export function createFunctionPool(settings: PoolSettings): FunctionPool {
  const processes = new Set<FunctionProcess>();
  let stopped = false;

  const acquire = (): FunctionProcess | undefined => {
    for (const each of processes) if (!each.alive) processes.delete(each);
    const idle = [...processes].find((each) => !each.busy);
    if (idle !== undefined) return idle;
    if (stopped || processes.size >= settings.maximumConcurrency) return undefined;
    const started = startProcess(settings);
    processes.add(started);
    if (started.pid !== undefined) settings.onProcess(started.pid);
    return started;
  };

  return {
    name: settings.name,
    arn: settings.arn,
    get running() {
      return [...processes].filter((each) => each.busy).length;
    },
    async invoke(event, options = {}) {
      const startedAt = performance.now();
      const process = acquire();
      const result: InvokeResult =
        process === undefined
          ? { kind: "throttled" }
          : requireSmall(
              await process.invoke(JSON.stringify(event), {
                trace:
                  options.trace ??
                  `Root=1-${randomBytes(4).toString("hex")}-${randomBytes(12).toString("hex")};Sampled=0`,
                killAfterMillis: settings.killAfterMillis(),
              }),
            );
      settings.onEnd({ milliseconds: performance.now() - startedAt, result });
      return result;
    },
    stop() {
      stopped = true;
      for (const each of processes) each.kill();
      processes.clear();
    },
  };
}

function requireSmall(completed: Completed): Completed {
  if (completed.kind !== "returned" || Buffer.byteLength(completed.payload) <= maximumResponseBytes) return completed;
  const errorMessage = `Response payload size exceeded maximum allowed payload size (${maximumResponseBytes} bytes).`;
  return { kind: "failed", error: { errorType: "Function.ResponseSizeTooLarge", errorMessage } };
}
