/** Lambda's Invoke over the child processes of `function-pool.ts`, with AWS's limits on payloads. */
import type { FunctionPool, InvokeResult } from "../function-pool.ts";
import { AwsError, type AwsRequest, type Emulator, notEmulated } from "./protocol.ts";

const maximumRequestBytes = 6_291_456;
const maximumAsyncBytes = 1_048_576;

export interface LambdaTarget {
  readonly name: string;
  readonly arn: string;
  readonly pool: FunctionPool;
}

export function createLambda(functions: readonly LambdaTarget[]): Emulator {
  const find = (request: AwsRequest): LambdaTarget | undefined => {
    const [, id] = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/.exec(request.path) ?? [];
    if (id === undefined || request.method !== "POST") throw notEmulated("Lambda", `${request.method} ${request.path}`);
    const name = decodeURIComponent(id);
    return functions.find((candidate) => candidate.name === name || candidate.arn === name);
  };
  return {
    service: "lambda",
    protocol: "rest-json",
    deniedCode: "AccessDeniedException",
    permissions(request) {
      const named = decodeURIComponent(request.path.split("/")[3] ?? "");
      const { region, caller } = request;
      const unknown = `arn:aws:lambda:${region}:${caller.account}:function:${named}`;
      return [{ action: "lambda:InvokeFunction", resource: find(request)?.arn ?? unknown }];
    },
    async handle(request) {
      const target = find(request);
      if (target === undefined)
        throw new AwsError("ResourceNotFoundException", 404, `Function not found: ${request.path.split("/")[3] ?? ""}`);
      const asynchronous = request.headers["x-amz-invocation-type"] === "Event";
      const limit = asynchronous ? maximumAsyncBytes : maximumRequestBytes;
      if (request.body.length > limit) {
        throw new AwsError(
          "RequestTooLargeException",
          413,
          `Request must be smaller than ${limit} bytes for the InvokeFunction operation`,
        );
      }
      const event: unknown = request.body.length === 0 ? {} : JSON.parse(request.body.toString("utf8"));
      if (asynchronous) {
        void target.pool.invoke(event).catch(() => undefined);
        return { status: 202, headers: {}, body: "" };
      }
      return written(await target.pool.invoke(event));
    },
  };
}

function written(result: InvokeResult) {
  switch (result.kind) {
    case "returned":
      return { status: 200, headers: { "x-amz-executed-version": "$LATEST" }, body: result.payload };
    case "failed":
      return {
        status: 200,
        headers: { "x-amz-function-error": "Unhandled", "x-amz-executed-version": "$LATEST" },
        body: JSON.stringify(result.error),
      };
    case "throttled":
      throw new AwsError("TooManyRequestsException", 429, "Rate Exceeded.");
  }
}
