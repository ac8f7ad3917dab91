/** Calls another function of the engine and waits for its answer. */
import { InvokeCommand, type LambdaClient } from "@aws-sdk/client-lambda";

import { ReconcileError } from "../runtime/reconcile-error.ts";
import { AwsError, callAws } from "./aws-error.ts";

export interface Functions {
  /**
   * `payload` and the answer are JSON.
   * @throws ReconcileError(wait) when the account's concurrency is used up; FunctionError when the function failed;
   * AwsError for all else.
   */
  invoke(functionName: string, payload: unknown, signal?: AbortSignal): Promise<unknown>;
}

/** The function was reached and ended badly: it threw, ran out of time or of memory. */
export class FunctionError extends Error {
  override readonly name = "FunctionError";
  /** Lambda's `errorType`, e.g. `Sandbox.Timedout`, `Runtime.ExitError`, or the name of what was thrown. */
  readonly errorType: string;

  constructor(functionName: string, errorType: string, errorMessage: string) {
    super(`function ${functionName} failed: ${errorMessage}`);
    this.errorType = errorType;
  }
}

/**
 * Give the client one attempt and a request timeout longer than the function's: the SDK repeats a call whose answer
 * took too long, and the work is done twice.
 */
export function createLambdaInvoker(client: LambdaClient): Functions {
  return {
    invoke: async (functionName, payload, signal) => {
      const command = new InvokeCommand({
        FunctionName: functionName,
        InvocationType: "RequestResponse",
        Payload: Buffer.from(JSON.stringify(payload)),
      });
      const answer = await unlessThrottled(functionName, () =>
        callAws(`lambda Invoke of ${functionName}`, () => client.send(command, signal ? { abortSignal: signal } : {})),
      );
      const body = parseBody(functionName, answer.Payload);
      if (answer.FunctionError !== undefined) throw toFunctionError(functionName, body);
      return body;
    },
  };
}

async function unlessThrottled<T>(functionName: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof AwsError) || error.kind !== "throttled") throw error;
    const message = `function ${functionName} is throttled: the account's concurrent executions are used up, trying again`;
    throw new ReconcileError("wait", "Progressing", message, { cause: error });
  }
}

function parseBody(functionName: string, payload: Uint8Array | undefined): unknown {
  const text = payload ? Buffer.from(payload).toString("utf8") : "";
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new AwsError("unavailable", `function ${functionName} answered ${text.length} bytes that are no JSON`, {
      cause: error,
    });
  }
}

function toFunctionError(functionName: string, body: unknown): FunctionError {
  const { errorType, errorMessage } = (body ?? {}) as Record<string, unknown>;
  return new FunctionError(
    functionName,
    typeof errorType === "string" ? errorType : "Unhandled",
    typeof errorMessage === "string" ? errorMessage : "it gave no reason, see its log",
  );
}
