/** Turns the template's Lambda functions into pools of processes with their environment, identity, timeout and limits. */
import { lstatSync } from "node:fs";
import path from "node:path";

import type { Clock } from "../shared/runtime/clock.ts";
import type { Authorizer } from "./authorizer.ts";
import type { Faults } from "./faults.ts";
import { type FunctionPool, createFunctionPool } from "./function-pool.ts";
import { type Identities, sessionCaller } from "./identities.ts";
import { integer, optionalRecord, optionalText, text } from "./json.ts";
import { prepareOpt } from "./layers.ts";
import type { MetricStore } from "./metrics.ts";
import type { Deployment, Resource } from "./template.ts";

export interface LocalFunction {
  readonly resource: Resource;
  readonly roleArn: string;
  readonly timeoutSeconds: number;
  /** Lambda lets messages go round in circles only when told so. */
  readonly recursive: boolean;
  readonly environment: Readonly<Record<string, string>>;
  readonly pool: FunctionPool;
}

export interface FunctionsOptions {
  readonly deployment: Deployment;
  readonly stateDirectory: string;
  readonly gatewayUrl: string;
  readonly region: string;
  readonly identities: Identities;
  readonly authorizer: Authorizer;
  readonly metrics: MetricStore;
  readonly faults: Faults;
  readonly clock: Clock;
  readonly nodeBinary: string;
  readonly hostScript: string;
  readonly freeze: boolean;
  readonly onLog: (line: string) => void;
  readonly onProcess: (pid: number) => void;
}

/** What a fresh AWS account may run at once. */
const accountConcurrency = 10;
/** Names and values together, per Lambda's quotas. */
const maximumEnvironmentBytes = 4096;

/** @throws Error for code, layers or roles that the template does not hold or that Lambda would refuse. */
export async function createFunctions(options: FunctionsOptions): Promise<readonly LocalFunction[]> {
  const lambdas = options.deployment.ofType("AWS::Lambda::Function");
  return Promise.all(lambdas.map((lambda) => createLocalFunction(lambda, options)));
}

async function createLocalFunction(lambda: Resource, options: FunctionsOptions): Promise<LocalFunction> {
  const { properties, name, arn } = lambda;
  const roleArn = text(properties.Role, `role of ${lambda.logicalId}`);
  const timeoutSeconds = integer(properties.Timeout, 3);
  const opt = await prepareOpt(options.deployment, lambda, options.stateDirectory);
  const environment = buildEnvironment(lambda, roleArn, opt, options);
  requireLogRights(lambda, roleArn, options);
  const pool = createFunctionPool({
    ...{ name, arn, timeoutSeconds, environment, codeDirectory: codeDirectory(lambda, options.deployment) },
    handler: text(properties.Handler, `handler of ${lambda.logicalId}`),
    memoryMegabytes: integer(properties.MemorySize, 128),
    nodeBinary: options.nodeBinary,
    hostScript: options.hostScript,
    scratchDirectory: path.join(options.stateDirectory, "scratch", name),
    freeze: options.freeze,
    maximumConcurrency: integer(properties.ReservedConcurrentExecutions, accountConcurrency),
    killAfterMillis: () => options.faults.killAfterMillis(),
    onProcess: options.onProcess,
    onLine: (line) => {
      options.metrics.recordLine(line);
      options.onLog(`${name} ${line}`);
    },
    onEnd: ({ milliseconds, result }) => {
      const count = (metric: string, value: number) =>
        options.metrics.record({
          ...{ namespace: "AWS/Lambda", name: metric, dimensions: { FunctionName: name } },
          ...{ at: options.clock.now(), values: [value] },
        });
      if (result.kind === "throttled") {
        count("Throttles", 1);
        return;
      }
      count("Invocations", 1);
      count("Errors", result.kind === "failed" ? 1 : 0);
      count("Duration", milliseconds);
      if (result.kind === "failed")
        options.onLog(`${name} failed: ${result.error.errorType}: ${result.error.errorMessage}`);
    },
  });
  const recursive = optionalText(properties.RecursiveLoop, "RecursiveLoop") === "Allow";
  return { resource: lambda, roleArn, timeoutSeconds, recursive, environment, pool };
}

function codeDirectory({ properties, logicalId }: Resource, deployment: Deployment): string {
  const code = optionalRecord(properties.Code, `code of ${logicalId}`);
  if (typeof code.ZipFile === "string")
    throw new Error(`function ${logicalId} has inline code, which does not run on this machine`);
  const key = text(code.S3Key, `code of ${logicalId}`);
  const asset = deployment.assets.get(key);
  if (asset === undefined) throw new Error(`the code ${key} of function ${logicalId} is not among the assets`);
  if (!lstatSync(asset.path).isDirectory())
    throw new Error(`the code of function ${logicalId} at ${asset.path} is not a directory`);
  return asset.path;
}

/** The environment that Lambda gives, nothing of ours, and the address and keys of the gateway. */
function buildEnvironment(lambda: Resource, roleArn: string, opt: string | undefined, options: FunctionsOptions) {
  const { properties, name, logicalId } = lambda;
  const declared = optionalRecord(optionalRecord(properties.Environment, logicalId).Variables, logicalId);
  const variables = Object.entries(declared).map(
    ([key, value]) => [key, text(value, `${key} of ${logicalId}`)] as const,
  );
  const size = variables.reduce((total, [key, value]) => total + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  if (size > maximumEnvironmentBytes) {
    throw new Error(
      `the environment of function ${logicalId} has ${size} bytes, Lambda admits ${maximumEnvironmentBytes}`,
    );
  }
  const credentials = options.identities.issue({ roleArn, session: name });
  const logging = optionalRecord(properties.LoggingConfig, `logging of ${logicalId}`);
  return {
    PATH: process.env.PATH ?? "/usr/bin:/bin",
    LANG: "en_US.UTF-8",
    TZ: ":UTC",
    AWS_LAMBDA_FUNCTION_NAME: name,
    AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(integer(properties.MemorySize, 128)),
    AWS_LAMBDA_LOG_GROUP_NAME: logGroupName(lambda),
    AWS_LAMBDA_LOG_FORMAT: logging.LogFormat === "JSON" ? "JSON" : "Text",
    AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x",
    AWS_REGION: options.region,
    AWS_DEFAULT_REGION: options.region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_SESSION_TOKEN: credentials.sessionToken ?? "",
    AWS_ENDPOINT_URL: options.gatewayUrl,
    LAMBDA_TASK_ROOT: codeDirectory(lambda, options.deployment),
    _HANDLER: text(properties.Handler, `handler of ${logicalId}`),
    ...Object.fromEntries(variables.map(([key, value]) => [key, mapOpt(value, opt)])),
  };
}

const mapOpt = (value: string, opt: string | undefined): string =>
  opt !== undefined && (value === "/opt" || value.startsWith("/opt/")) ? `${opt}${value.slice("/opt".length)}` : value;

/** Lambda assumes the role, and writes the function's log as it: both must be allowed. */
function requireLogRights(lambda: Resource, roleArn: string, options: FunctionsOptions): void {
  const { name, logicalId, account } = lambda;
  const assumed = options.authorizer.authorizeService("lambda.amazonaws.com", {
    action: "sts:AssumeRole",
    resource: roleArn,
  });
  if (!assumed.allowed) throw new Error(`Lambda may not assume the role of function ${logicalId} ${assumed.because}`);
  const group = `arn:aws:logs:${options.region}:${account}:log-group:${logGroupName(lambda)}:log-stream:local`;
  for (const action of ["logs:CreateLogStream", "logs:PutLogEvents"]) {
    options.authorizer.authorize(sessionCaller(roleArn, name), { action, resource: group });
  }
}

function logGroupName({ name, logicalId, properties }: Resource): string {
  const logging = optionalRecord(properties.LoggingConfig, `logging of ${logicalId}`);
  return optionalText(logging.LogGroup, `logging of ${logicalId}`) ?? `/aws/lambda/${name}`;
}
