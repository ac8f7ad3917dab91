/** The engine's queues on SQS: standard queues with fair-queue groups, one group per cluster. */
import { type SQSClient, SendMessageCommand } from "@aws-sdk/client-sqs";

import { type QueueName, queueOf } from "../lease/message.ts";
import type { Queues } from "../lease/ports.ts";
import { callAws } from "./aws-error.ts";

const MAX_DELAY_SECONDS = 900;
/** SQS: 128 characters of letters, digits and punctuation. */
const GROUP_PATTERN = /[^A-Za-z0-9!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]/g;

/** `urls` by queue. @throws AwsError; a delay over 900 s is cut, for the due index brings a later time again. */
export function createSqsQueues(client: SQSClient, urls: Readonly<Record<QueueName, string>>): Queues {
  return {
    send: async (message, delaySeconds = 0) => {
      const name = queueOf(message.key);
      const command = new SendMessageCommand({
        QueueUrl: urls[name],
        MessageBody: JSON.stringify(message),
        DelaySeconds: Math.min(MAX_DELAY_SECONDS, Math.max(0, Math.ceil(delaySeconds))),
        MessageGroupId: groupOf(message.key),
      });
      await callAws(`sqs SendMessage of ${message.key} to the ${name} queue`, () => client.send(command));
    },
  };
}

/** The cluster of a key, which is its first part. */
function groupOf(key: string): string {
  const [cluster = ""] = key.split("/");
  return cluster.replace(GROUP_PATTERN, "_").slice(0, 128) || "none";
}
