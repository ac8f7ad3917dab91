/**
 * Standard SQS queues in memory, on a clock that can be virtual: delay, visibility, redrive, long polling, fair groups.
 * The HTTP face is `sqs-api.ts`; FIFO queues are not emulated.
 */
import { createHash, randomUUID } from "node:crypto";

import type { Clock } from "../../shared/runtime/clock.ts";
import { type Random } from "../random.ts";
import { AwsError } from "./protocol.ts";

export interface QueueSettings {
  readonly name: string;
  readonly arn: string;
  readonly visibilityTimeoutSeconds: number;
  readonly delaySeconds: number;
  readonly retentionSeconds: number;
  readonly receiveWaitSeconds: number;
  readonly maximumMessageBytes: number;
  readonly redrive?: { readonly deadLetterArn: string; readonly maxReceiveCount: number };
}

export interface SendOptions {
  readonly delaySeconds?: number;
  readonly groupId?: string;
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly sender?: string;
  /** The X-Ray header of the sender, by which Lambda notices messages that go round in circles. */
  readonly trace?: string | undefined;
}

export interface ReceiveOptions {
  readonly max?: number;
  readonly waitSeconds?: number;
  readonly visibilityTimeoutSeconds?: number;
  readonly signal?: AbortSignal;
}

export interface ReceivedMessage {
  readonly id: string;
  readonly receiptHandle: string;
  readonly body: string;
  readonly md5: string;
  readonly receiveCount: number;
  readonly sentAt: number;
  readonly firstReceivedAt: number;
  readonly groupId: string | undefined;
  readonly sender: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly trace: string | undefined;
}

export interface QueueCounts {
  readonly visible: number;
  readonly inFlight: number;
  readonly delayed: number;
  /** Of the oldest message that was received fewer than three times, as CloudWatch counts it. */
  readonly oldestAgeSeconds: number;
}

/** What chance may do to a message that is sent. */
export interface SendFate {
  readonly copies: number;
  readonly extraDelaySeconds: number;
}

export interface Sqs {
  readonly queues: readonly QueueSettings[];
  send(queueArn: string, body: string, options?: SendOptions): { readonly id: string; readonly md5: string };
  receive(queueArn: string, options?: ReceiveOptions): Promise<readonly ReceivedMessage[]>;
  delete(queueArn: string, receiptHandle: string): void;
  changeVisibility(queueArn: string, receiptHandle: string, seconds: number): void;
  counts(queueArn: string): QueueCounts;
  purge(queueArn: string): void;
  /** All messages as JSON, for a restart; in-flight ones become visible at their time. */
  snapshot(): unknown;
  restore(state: unknown): void;
}

export interface SqsOptions {
  readonly queues: readonly QueueSettings[];
  readonly clock: Clock;
  readonly random: Random;
  readonly fate?: (queueName: string) => SendFate;
}

interface Message {
  readonly id: string;
  readonly body: string;
  readonly groupId: string | undefined;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly sender: string;
  readonly trace: string | undefined;
  readonly sentAt: number;
  visibleAt: number;
  receiveCount: number;
  firstReceivedAt: number | undefined;
  /** The newest receipt; undefined while the message was never received. */
  receipt: string | undefined;
}

interface Queue {
  readonly settings: QueueSettings;
  messages: Message[];
  readonly waiting: Set<() => void>;
}

export const maximumDelaySeconds = 900;
const maximumVisibilitySeconds = 43_200;

export function createSqs({ queues: settings, clock, random, fate }: SqsOptions): Sqs {
  const queues = new Map<string, Queue>(
    settings.map((queue) => [queue.arn, { settings: queue, messages: [], waiting: new Set() }]),
  );
  const find = (arn: string): Queue => {
    const queue = queues.get(arn);
    if (queue === undefined) throw noSuchQueue();
    return queue;
  };

  const receiveNow = (queue: Queue, max: number, visibilityMillis: number): readonly ReceivedMessage[] => {
    expire(queue, clock.now());
    const received: ReceivedMessage[] = [];
    while (received.length < max) {
      const message = choose(queue, clock.now(), random);
      if (message === undefined) break;
      if (redrive(queue, message, queues)) continue;
      message.receiveCount += 1;
      message.firstReceivedAt ??= clock.now();
      message.visibleAt = clock.now() + visibilityMillis;
      message.receipt = randomUUID();
      received.push(describe(message));
    }
    return received;
  };

  return {
    queues: settings,
    send(arn, body, options = {}) {
      const queue = find(arn);
      requireSendable(queue.settings, body, options);
      const { copies, extraDelaySeconds } = fate?.(queue.settings.name) ?? { copies: 1, extraDelaySeconds: 0 };
      const id = randomUUID();
      const delay = (options.delaySeconds ?? queue.settings.delaySeconds) + extraDelaySeconds;
      for (let copy = 0; copy < copies; copy += 1) {
        queue.messages.push({
          ...{ id, body, groupId: options.groupId, attributes: options.attributes ?? {} },
          ...{
            sender: options.sender ?? "local",
            trace: options.trace,
            sentAt: clock.now(),
            visibleAt: clock.now() + delay * 1000,
          },
          ...{ receiveCount: 0, firstReceivedAt: undefined, receipt: undefined },
        });
      }
      for (const wake of queue.waiting) wake();
      return { id, md5: md5(body) };
    },
    async receive(arn, { max = 1, waitSeconds, visibilityTimeoutSeconds, signal } = {}) {
      const queue = find(arn);
      const visibility = requireVisibility(visibilityTimeoutSeconds ?? queue.settings.visibilityTimeoutSeconds) * 1000;
      const deadline = clock.now() + (waitSeconds ?? queue.settings.receiveWaitSeconds) * 1000;
      while (signal?.aborted !== true) {
        const received = receiveNow(queue, max, visibility);
        if (received.length > 0 || clock.now() >= deadline) return received;
        await waitForMessage(queue, clock, deadline, signal);
      }
      return [];
    },
    delete(arn, receiptHandle) {
      const queue = find(arn);
      // A receipt that is no longer the newest succeeds without deleting, as a standard queue may do.
      queue.messages = queue.messages.filter((message) => message.receipt !== receiptHandle);
    },
    changeVisibility(arn, receiptHandle, seconds) {
      requireVisibility(seconds);
      const queue = find(arn);
      const message = queue.messages.find((candidate) => candidate.receipt === receiptHandle);
      if (message === undefined || message.visibleAt <= clock.now()) {
        throw new AwsError(
          "MessageNotInflight",
          400,
          "the message referred to is not in flight",
          sqsType("MessageNotInflight"),
        );
      }
      message.visibleAt = clock.now() + seconds * 1000;
      for (const wake of queue.waiting) wake();
    },
    counts: (arn) => count(find(arn), clock.now()),
    purge(arn) {
      find(arn).messages = [];
    },
    snapshot: () => Object.fromEntries([...queues].map(([arn, queue]) => [arn, queue.messages])),
    restore(state) {
      for (const [arn, messages] of Object.entries(state as Record<string, Message[]>)) {
        const queue = queues.get(arn);
        if (queue !== undefined) queue.messages = messages.map((message) => ({ ...message }));
      }
    },
  };
}

export function noSuchQueue(): AwsError {
  return new AwsError("AWS.SimpleQueueService.NonExistentQueue", 400, "The specified queue does not exist.", {
    "x-amzn-query-error": "AWS.SimpleQueueService.NonExistentQueue;Sender",
    ...sqsType("QueueDoesNotExist"),
  });
}

/** The type name inside an awsJson error body; it differs from the query protocol's code. */
const sqsType = (name: string) => ({ "x-driftless-type": `com.amazonaws.sqs#${name}` });

function requireSendable(queue: QueueSettings, body: string, { delaySeconds = 0 }: SendOptions): void {
  if (!Number.isInteger(delaySeconds) || delaySeconds < 0 || delaySeconds > maximumDelaySeconds) {
    const reason = `Value ${delaySeconds} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= ${maximumDelaySeconds}.`;
    throw new AwsError("InvalidParameterValue", 400, reason);
  }
  if (Buffer.byteLength(body) > queue.maximumMessageBytes) {
    const reason = `One or more parameters are invalid. Reason: Message must be shorter than ${queue.maximumMessageBytes} bytes.`;
    throw new AwsError("InvalidParameterValue", 400, reason);
  }
  if (body === "") throw new AwsError("MissingParameter", 400, "The request must contain the parameter MessageBody.");
}

function requireVisibility(seconds: number): number {
  if (seconds >= 0 && seconds <= maximumVisibilitySeconds) return seconds;
  const reason = `Value ${seconds} for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and ${maximumVisibilitySeconds}.`;
  throw new AwsError("InvalidParameterValue", 400, reason);
}

function expire(queue: Queue, now: number): void {
  const oldest = now - queue.settings.retentionSeconds * 1000;
  if (queue.messages.some((message) => message.sentAt <= oldest)) {
    queue.messages = queue.messages.filter((message) => message.sentAt > oldest);
  }
}

/** A fair queue: among visible messages the group with the fewest in flight goes first; a standard queue keeps no order. */
function choose(queue: Queue, now: number, random: Random): Message | undefined {
  const busy = new Map<string, number>();
  for (const { groupId, receipt, visibleAt } of queue.messages) {
    if (groupId !== undefined && receipt !== undefined && visibleAt > now)
      busy.set(groupId, (busy.get(groupId) ?? 0) + 1);
  }
  const load = (message: Message) => (message.groupId === undefined ? 0 : (busy.get(message.groupId) ?? 0));
  const visible = queue.messages.filter((message) => message.visibleAt <= now);
  const least = Math.min(...visible.map(load));
  const candidates = visible.filter((message) => load(message) === least);
  // Mostly in order, as seen on AWS: one of the first few.
  return candidates[Math.floor(random() ** 4 * Math.min(candidates.length, 4))];
}

/** Moves a message that was received often enough to the dead-letter queue. Its sent time stays, as on AWS. */
function redrive(queue: Queue, message: Message, queues: ReadonlyMap<string, Queue>): boolean {
  const policy = queue.settings.redrive;
  if (policy === undefined || message.receiveCount < policy.maxReceiveCount) return false;
  queue.messages = queue.messages.filter((candidate) => candidate !== message);
  const target = queues.get(policy.deadLetterArn);
  target?.messages.push({ ...message, visibleAt: 0, receipt: undefined });
  for (const wake of target?.waiting ?? []) wake();
  return true;
}

async function waitForMessage(queue: Queue, clock: Clock, deadline: number, signal?: AbortSignal): Promise<void> {
  const next = Math.min(deadline, ...queue.messages.map((message) => message.visibleAt));
  const woken = new AbortController();
  const wake = () => woken.abort(new Error("woken"));
  queue.waiting.add(wake);
  signal?.addEventListener("abort", wake, { once: true });
  try {
    await clock.sleep(Math.max(1, next - clock.now()), woken.signal).catch(() => undefined);
  } finally {
    queue.waiting.delete(wake);
    signal?.removeEventListener("abort", wake);
  }
}

function count(queue: Queue, now: number): QueueCounts {
  expire(queue, now);
  const hidden = queue.messages.filter((message) => message.visibleAt > now);
  const aged = queue.messages.filter((message) => message.receiveCount < 3).map((message) => message.sentAt);
  return {
    visible: queue.messages.length - hidden.length,
    inFlight: hidden.filter((message) => message.receipt !== undefined).length,
    delayed: hidden.filter((message) => message.receipt === undefined).length,
    oldestAgeSeconds: aged.length === 0 ? 0 : Math.floor((now - Math.min(...aged)) / 1000),
  };
}

function describe(message: Message): ReceivedMessage {
  const { id, body, receiveCount, sentAt, groupId, sender, attributes, trace } = message;
  return {
    ...{ id, body, receiveCount, sentAt, groupId, sender, attributes, trace, md5: md5(body) },
    receiptHandle: message.receipt ?? "",
    firstReceivedAt: message.firstReceivedAt ?? sentAt,
  };
}

const md5 = (body: string): string => createHash("md5").update(body).digest("hex");
