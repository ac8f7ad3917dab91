/** One SQS event as Lambda hands it over: each record is worked on alone, and fails alone. */
import { parseMessage, type WorkMessage } from "../lease/message.ts";
import type { Log } from "../runtime/log.ts";

export interface QueueEvent {
  readonly Records: readonly { readonly messageId: string; readonly body: string }[];
}

export interface QueueAnswer {
  readonly batchItemFailures: readonly { readonly itemIdentifier: string }[];
}

/** A text that is no message of ours is acknowledged: it would never become one. */
export async function eachMessage(
  event: QueueEvent,
  log: Log,
  work: (message: WorkMessage) => Promise<unknown>,
): Promise<QueueAnswer> {
  const batchItemFailures: { itemIdentifier: string }[] = [];
  for (const { messageId, body } of event.Records) {
    const message = parseMessage(body);
    if (!message) {
      log("unreadable message dropped", { messageId });
      continue;
    }
    try {
      await work(message);
    } catch (error) {
      log("failed", { key: message.key, error: describe(error) });
      batchItemFailures.push({ itemIdentifier: messageId });
    }
  }
  return { batchItemFailures };
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.stack ?? error.message;
}
