/** Event source mappings: long polls on the queues, as the function's role, and hands the messages to the function. */
import type { Clock } from "../shared/runtime/clock.ts";
import type { Authorizer } from "./authorizer.ts";
import type { ReceivedMessage, Sqs } from "./aws/sqs.ts";
import { systemAttributes } from "./aws/sqs-api.ts";
import type { InvokeResult } from "./function-pool.ts";
import type { LocalFunction } from "./functions.ts";
import { sessionCaller } from "./identities.ts";
import { integer, isRecord, list, optionalRecord, text, texts } from "./json.ts";
import type { Resource } from "./template.ts";

export interface PollersOptions {
  /** Resources of type AWS::Lambda::EventSourceMapping. */
  readonly mappings: readonly Resource[];
  readonly functions: readonly LocalFunction[];
  readonly sqs: Sqs;
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  readonly region: string;
  readonly onLog: (line: string) => void;
}

export interface Pollers {
  stop(): Promise<void>;
}

interface Mapping {
  readonly target: LocalFunction;
  readonly queueArn: string;
  readonly batchSize: number;
  readonly concurrency: number;
  readonly partial: boolean;
}

/** Lambda starts with five pollers unless the mapping says how many may run at once. */
const defaultConcurrency = 5;
const backoffMillis = 5000;
/** Lambda drops a message that went through the same function about so often. */
const recursionLimit = 16;

/** @throws Error when a mapping's function may not consume its queue, which AWS refuses at deployment. */
export function startPollers(options: PollersOptions): Pollers {
  const mappings = options.mappings
    .filter(({ properties }) => properties.Enabled !== false && properties.Enabled !== "false")
    .map((resource) => readMapping(resource, options));
  for (const mapping of mappings) requireConsumer(mapping, options);
  const stopping = new AbortController();
  const loops = mappings.flatMap((mapping) =>
    Array.from({ length: mapping.concurrency }, () => poll(mapping, options, stopping.signal)),
  );
  return {
    async stop() {
      stopping.abort(new Error("stopped"));
      await Promise.all(loops);
    },
  };
}

function readMapping({ properties, logicalId }: Resource, { functions }: PollersOptions): Mapping {
  const name = text(properties.FunctionName, `function of ${logicalId}`);
  const target = functions.find(({ resource }) => resource.name === name || resource.arn === name);
  if (target === undefined)
    throw new Error(`event source mapping ${logicalId} names the function ${name}, which is not in the template`);
  const scaling = optionalRecord(properties.ScalingConfig, `scaling of ${logicalId}`);
  return {
    target,
    queueArn: text(properties.EventSourceArn, `source of ${logicalId}`),
    batchSize: integer(properties.BatchSize, 10),
    concurrency: integer(scaling.MaximumConcurrency, defaultConcurrency),
    partial: texts(properties.FunctionResponseTypes, `response types of ${logicalId}`).includes(
      "ReportBatchItemFailures",
    ),
  };
}

function requireConsumer({ target, queueArn }: Mapping, { authorizer }: PollersOptions): void {
  const caller = sessionCaller(target.roleArn, target.resource.name);
  for (const action of ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]) {
    const decision = authorizer.authorize(caller, { action, resource: queueArn });
    if (!decision.allowed) {
      throw new Error(
        `The provided execution role does not have permissions to call ${action.slice(4)} on SQS: ${target.roleArn} on ${queueArn} ${decision.because}`,
      );
    }
  }
}

async function poll(mapping: Mapping, options: PollersOptions, signal: AbortSignal): Promise<void> {
  const { sqs, clock } = options;
  while (!signal.aborted) {
    const messages = await sqs.receive(mapping.queueArn, { max: mapping.batchSize, waitSeconds: 20, signal });
    if (messages.length === 0) continue;
    const fresh = messages.filter((message) => !dropCircular(message, mapping, options));
    if (fresh.length === 0) continue;
    const hops = Math.max(...fresh.map((message) => hopsOf(message.trace, mapping.target.resource.name)));
    const trace = traceWith(fresh[0]?.trace, mapping.target.resource.name, hops + 1);
    const result = await mapping.target.pool.invoke(eventOf(fresh, mapping.queueArn, options.region), { trace });
    settle(fresh, result, mapping, options);
    // Lambda itself backs off while a function is throttled; the message comes back at its visibility timeout.
    if (result.kind === "throttled") await clock.sleep(backoffMillis, signal).catch(() => undefined);
  }
}

/** Deletes what was done. What failed stays in flight until its visibility timeout, as on AWS. */
function settle(
  messages: readonly ReceivedMessage[],
  result: InvokeResult,
  mapping: Mapping,
  { sqs, onLog }: PollersOptions,
): void {
  if (result.kind !== "returned") return;
  const failed = mapping.partial ? failures(result.payload) : [];
  // An answer that names an unknown message, or is malformed, fails the whole batch.
  const ids = messages.map((message) => message.id);
  if (failed === undefined || failed.some((id) => !ids.includes(id))) {
    onLog(`${mapping.target.resource.name} answered with malformed batchItemFailures: the whole batch comes again`);
    return;
  }
  for (const message of messages) {
    if (!failed.includes(message.id)) sqs.delete(mapping.queueArn, message.receiptHandle);
  }
}

/** Undefined when the answer is not understood. An empty answer is success. */
function failures(payload: string): readonly string[] | undefined {
  const answer: unknown = JSON.parse(payload);
  if (answer === null || answer === "" || (isRecord(answer) && answer.batchItemFailures === undefined)) return [];
  if (!isRecord(answer) || !(Array.isArray(answer.batchItemFailures) || answer.batchItemFailures === null))
    return undefined;
  const ids = list(answer.batchItemFailures).map((item) => (isRecord(item) ? item.itemIdentifier : undefined));
  return ids.every((id): id is string => typeof id === "string" && id !== "") ? ids : undefined;
}

function eventOf(messages: readonly ReceivedMessage[], queueArn: string, region: string) {
  return {
    Records: messages.map((message) => ({
      messageId: message.id,
      receiptHandle: message.receiptHandle,
      body: message.body,
      attributes: systemAttributes(message),
      messageAttributes: message.attributes,
      md5OfBody: message.md5,
      eventSource: "aws:sqs",
      eventSourceARN: queueArn,
      awsRegion: region,
    })),
  };
}

/** True when Lambda would stop the chain: the message goes to the dead-letter queue, or nowhere. */
function dropCircular(message: ReceivedMessage, mapping: Mapping, { sqs, onLog }: PollersOptions): boolean {
  const { target, queueArn } = mapping;
  if (target.recursive || hopsOf(message.trace, target.resource.name) < recursionLimit) return false;
  sqs.delete(queueArn, message.receiptHandle);
  const deadLetter = sqs.queues.find((queue) => queue.arn === queueArn)?.redrive?.deadLetterArn;
  if (deadLetter !== undefined) sqs.send(deadLetter, message.body);
  onLog(
    `recursive invocation of ${target.resource.name} stopped after ${recursionLimit} times; set RecursiveLoop to Allow if it is meant`,
  );
  return true;
}

/** Lambda counts in the Lineage field of the trace header, per function. */
function hopsOf(trace: string | undefined, functionName: string): number {
  const lineage = /Lineage=([^;]*)/.exec(trace ?? "")?.[1] ?? "";
  const entry = lineage.split("|").find((part) => part.startsWith(`${functionName}:`));
  return Number(entry?.slice(functionName.length + 1) ?? "0");
}

function traceWith(trace: string | undefined, functionName: string, hops: number): string {
  const root = /Root=[^;]+/.exec(trace ?? "")?.[0] ?? "Root=1-00000000-000000000000000000000000";
  const others = (/Lineage=([^;]*)/.exec(trace ?? "")?.[1] ?? "")
    .split("|")
    .filter((part) => part !== "" && !part.startsWith(`${functionName}:`));
  return `${root};Sampled=0;Lineage=${[...others, `${functionName}:${hops}`].join("|")}`;
}
