/** The SQS API (awsJson 1.0) over the queues of `sqs.ts`. */
import { integer, list, optionalRecord, optionalText, parseJson, record, text, texts, type Json } from "../json.ts";
import {
  AwsError,
  type AwsRequest,
  type AwsResponse,
  type Emulator,
  type Permission,
  jsonResponse,
  notEmulated,
  targetOperation,
} from "./protocol.ts";
import { type ReceivedMessage, type Sqs, noSuchQueue } from "./sqs.ts";

/** Batch calls authorise as the single action. */
const actions: Readonly<Record<string, string>> = {
  SendMessage: "sqs:SendMessage",
  SendMessageBatch: "sqs:SendMessage",
  ReceiveMessage: "sqs:ReceiveMessage",
  DeleteMessage: "sqs:DeleteMessage",
  DeleteMessageBatch: "sqs:DeleteMessage",
  ChangeMessageVisibility: "sqs:ChangeMessageVisibility",
  ChangeMessageVisibilityBatch: "sqs:ChangeMessageVisibility",
  GetQueueAttributes: "sqs:GetQueueAttributes",
  GetQueueUrl: "sqs:GetQueueUrl",
  PurgeQueue: "sqs:PurgeQueue",
};

/** `urlOf` gives the address under which a queue is known, e.g. for GetQueueUrl. */
export function createSqsApi(sqs: Sqs, urlOf: (queueArn: string) => string): Emulator {
  const arnOf = (body: Json): string => {
    const name = optionalText(body.QueueName, "QueueName") ?? text(body.QueueUrl, "QueueUrl").split("/").at(-1);
    const queue = sqs.queues.find((candidate) => candidate.name === name);
    if (queue === undefined) throw noSuchQueue();
    return queue.arn;
  };
  return {
    service: "sqs",
    protocol: "json-1.0",
    deniedCode: "AccessDenied",
    permissions(request): readonly Permission[] {
      const operation = targetOperation(request);
      const action = actions[operation];
      if (action === undefined) throw notEmulated("SQS", operation);
      return [{ action, resource: arnOf(parse(request)) }];
    },
    async handle(request): Promise<AwsResponse> {
      const body = parse(request);
      const arn = arnOf(body);
      return jsonResponse(await perform(sqs, targetOperation(request), arn, body, request, urlOf));
    },
  };
}

const parse = (request: AwsRequest): Json => parseJson(request.body.toString("utf8"), "the request");

async function perform(
  sqs: Sqs,
  operation: string,
  arn: string,
  body: Json,
  request: AwsRequest,
  urlOf: (arn: string) => string,
) {
  const receipt = (entry: Json) => text(entry.ReceiptHandle, "ReceiptHandle");
  switch (operation) {
    case "SendMessage":
      return send(sqs, arn, body, request);
    case "SendMessageBatch":
      return batch(body, (entry) => send(sqs, arn, entry, request));
    case "DeleteMessage":
      sqs.delete(arn, receipt(body));
      return {};
    case "DeleteMessageBatch":
      return batch(body, (entry) => (sqs.delete(arn, receipt(entry)), {}));
    case "ChangeMessageVisibility":
      sqs.changeVisibility(arn, receipt(body), integer(body.VisibilityTimeout, 0));
      return {};
    case "ChangeMessageVisibilityBatch":
      return batch(
        body,
        (entry) => (sqs.changeVisibility(arn, receipt(entry), integer(entry.VisibilityTimeout, 0)), {}),
      );
    case "ReceiveMessage":
      return receive(sqs, arn, body, request);
    case "GetQueueAttributes":
      return { Attributes: attributes(sqs, arn, texts(body.AttributeNames, "AttributeNames")) };
    case "GetQueueUrl":
      return { QueueUrl: urlOf(arn) };
    case "PurgeQueue":
      sqs.purge(arn);
      return {};
    default:
      throw notEmulated("SQS", operation);
  }
}

function send(sqs: Sqs, arn: string, entry: Json, request: AwsRequest) {
  const groupId = optionalText(entry.MessageGroupId, "MessageGroupId");
  const { id, md5 } = sqs.send(arn, text(entry.MessageBody, "MessageBody"), {
    ...(entry.DelaySeconds === undefined ? {} : { delaySeconds: Number(entry.DelaySeconds) }),
    ...(groupId === undefined ? {} : { groupId }),
    attributes: optionalRecord(entry.MessageAttributes, "MessageAttributes"),
    sender: request.caller.userId,
    trace: request.headers["x-amzn-trace-id"],
  });
  return { MessageId: id, MD5OfMessageBody: md5 };
}

/** Each entry succeeds or fails by itself. @throws AwsError for a batch that SQS refuses as a whole. */
function batch(body: Json, act: (entry: Json) => object) {
  const entries = list(body.Entries).map((entry) => record(entry, "batch entry"));
  const type = (name: string) => ({ "x-driftless-type": `com.amazonaws.sqs#${name}` });
  if (entries.length === 0) {
    throw new AwsError(
      "AWS.SimpleQueueService.EmptyBatchRequest",
      400,
      "There should be at least one entry in the request.",
      type("EmptyBatchRequest"),
    );
  }
  if (entries.length > 10) {
    const message = "Maximum number of entries per request are 10.";
    throw new AwsError(
      "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
      400,
      message,
      type("TooManyEntriesInBatchRequest"),
    );
  }
  if (new Set(entries.map((entry) => entry.Id)).size < entries.length) {
    throw new AwsError(
      "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
      400,
      "Id repeated.",
      type("BatchEntryIdsNotDistinct"),
    );
  }
  const results = entries.map((entry) => {
    try {
      return { successful: { Id: entry.Id, ...act(entry) } };
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      return { failed: { Id: entry.Id, SenderFault: true, Code: error.code, Message: error.message } };
    }
  });
  return {
    Successful: results.flatMap((result) => (result.successful === undefined ? [] : [result.successful])),
    Failed: results.flatMap((result) => (result.failed === undefined ? [] : [result.failed])),
  };
}

async function receive(sqs: Sqs, arn: string, body: Json, request: AwsRequest) {
  const max = integer(body.MaxNumberOfMessages, 1);
  if (max < 1 || max > 10) {
    throw new AwsError(
      "InvalidParameterValue",
      400,
      `Value ${max} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.`,
    );
  }
  const messages = await sqs.receive(arn, {
    ...{ max, signal: request.signal },
    ...(body.WaitTimeSeconds === undefined ? {} : { waitSeconds: Number(body.WaitTimeSeconds) }),
    ...(body.VisibilityTimeout === undefined ? {} : { visibilityTimeoutSeconds: Number(body.VisibilityTimeout) }),
  });
  const wanted = [...texts(body.MessageSystemAttributeNames, "names"), ...texts(body.AttributeNames, "names")];
  return messages.length === 0 ? {} : { Messages: messages.map((message) => written(message, wanted)) };
}

/** Attributes in the order and names of the API; also what a Lambda event carries. */
export function systemAttributes(message: ReceivedMessage): Readonly<Record<string, string>> {
  return {
    ApproximateReceiveCount: String(message.receiveCount),
    SentTimestamp: String(message.sentAt),
    SenderId: message.sender,
    ApproximateFirstReceiveTimestamp: String(message.firstReceivedAt),
    ...(message.groupId === undefined ? {} : { MessageGroupId: message.groupId }),
  };
}

function written(message: ReceivedMessage, wanted: readonly string[]) {
  const all = Object.entries(systemAttributes(message));
  const chosen = all.filter(([name]) => wanted.includes("All") || wanted.includes(name));
  return {
    ...{ MessageId: message.id, ReceiptHandle: message.receiptHandle, MD5OfBody: message.md5, Body: message.body },
    ...(chosen.length === 0 ? {} : { Attributes: Object.fromEntries(chosen) }),
    ...(Object.keys(message.attributes).length === 0 ? {} : { MessageAttributes: message.attributes }),
  };
}

function attributes(sqs: Sqs, arn: string, wanted: readonly string[]) {
  const queue = sqs.queues.find((candidate) => candidate.arn === arn);
  const counts = sqs.counts(arn);
  const all: Readonly<Record<string, string | undefined>> = {
    QueueArn: arn,
    ApproximateNumberOfMessages: String(counts.visible),
    ApproximateNumberOfMessagesNotVisible: String(counts.inFlight),
    ApproximateNumberOfMessagesDelayed: String(counts.delayed),
    VisibilityTimeout: String(queue?.visibilityTimeoutSeconds),
    DelaySeconds: String(queue?.delaySeconds),
    MessageRetentionPeriod: String(queue?.retentionSeconds),
    RedrivePolicy:
      queue?.redrive === undefined
        ? undefined
        : JSON.stringify({
            deadLetterTargetArn: queue.redrive.deadLetterArn,
            maxReceiveCount: queue.redrive.maxReceiveCount,
          }),
  };
  const chosen = Object.entries(all).filter(
    ([name, value]) => value !== undefined && (wanted.includes("All") || wanted.includes(name)),
  );
  return Object.fromEntries(chosen);
}
