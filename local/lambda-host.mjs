/**
 * The process of one function: loads the deployed bundle and runs one invocation at a time for the pool, which kills it
 * at the function's timeout. Plain JavaScript, because it runs in the Node that Lambda has, without a build.
 */
import path from "node:path";
import { pathToFileURL } from "node:url";
import { format } from "node:util";

const [module, exported] = (process.env["_HANDLER"] ?? "handler.handler").split(".");
let requestId = "";

wrapConsole();
// Without the runner there is nobody to answer: the process must not outlive it.
process.on("disconnect", () => process.exit(0));
const handler = await load();

process.on("message", async ({ id, event, context }) => {
  requestId = context.awsRequestId;
  process.env["_X_AMZN_TRACE_ID"] = context.trace;
  try {
    const returned = await handler(JSON.parse(event), contextOf(context));
    process.send({ id, kind: "returned", payload: JSON.stringify(returned ?? null) });
  } catch (error) {
    process.send({ id, kind: "failed", error: describe(error) });
  }
});

async function load() {
  const directory = process.env["LAMBDA_TASK_ROOT"] ?? "";
  try {
    const loaded = await import(pathToFileURL(path.join(directory, `${module}.mjs`)).href);
    if (typeof loaded[exported] !== "function") throw new Error(`${module}.mjs exports no function ${exported}`);
    process.send({ kind: "ready" });
    return loaded[exported];
  } catch (error) {
    process.send({ kind: "broken", error: describe(error) }, () => process.exit(1));
    return undefined;
  }
}

function contextOf({ deadline, awsRequestId, functionName, arn, memory }) {
  return {
    awsRequestId,
    functionName,
    functionVersion: "$LATEST",
    invokedFunctionArn: arn,
    memoryLimitInMB: memory,
    logGroupName: `/aws/lambda/${functionName}`,
    logStreamName: "local",
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
}

function describe(error) {
  if (!(error instanceof Error)) return { errorType: typeof error, errorMessage: String(error), trace: [] };
  return { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? "").split("\n") };
}

/** With the JSON log format Lambda puts every line of `console` into an envelope; what is written to stdout stays as it is. */
function wrapConsole() {
  if (process.env["AWS_LAMBDA_LOG_FORMAT"] !== "JSON") return;
  const levels = { debug: "DEBUG", info: "INFO", log: "INFO", warn: "WARN", error: "ERROR", trace: "TRACE" };
  for (const [method, level] of Object.entries(levels)) {
    console[method] = (...values) => {
      const message = values.length === 1 && typeof values[0] === "object" ? values[0] : format(...values);
      process.stdout.write(`${JSON.stringify({ timestamp: new Date().toISOString(), level, requestId, message })}\n`);
    };
  }
}
