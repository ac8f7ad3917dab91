/** Reads the settings of the template's queues. */
import type { QueueSettings } from "./aws/sqs.ts";
import { integer, isRecord, parseJson, text } from "./json.ts";
import type { Resource } from "./template.ts";

/** From resources of type AWS::SQS::Queue. @throws Error for a FIFO queue, which is not emulated. */
export function readQueues(resources: readonly Resource[]): readonly QueueSettings[] {
  return resources.map(({ name, arn, properties, logicalId }): QueueSettings => {
    if (properties.FifoQueue === true || properties.FifoQueue === "true") {
      throw new Error(`queue ${logicalId} is a FIFO queue, which does not run on this machine`);
    }
    const policy = properties.RedrivePolicy;
    const redrive = typeof policy === "string" ? parseJson(policy, `redrive policy of ${logicalId}`) : policy;
    return {
      ...{ name, arn },
      visibilityTimeoutSeconds: integer(properties.VisibilityTimeout, 30),
      delaySeconds: integer(properties.DelaySeconds, 0),
      retentionSeconds: integer(properties.MessageRetentionPeriod, 345_600),
      receiveWaitSeconds: integer(properties.ReceiveMessageWaitTimeSeconds, 0),
      maximumMessageBytes: integer(properties.MaximumMessageSize, 1_048_576),
      ...(isRecord(redrive)
        ? {
            redrive: {
              deadLetterArn: text(redrive.deadLetterTargetArn, `redrive policy of ${logicalId}`),
              maxReceiveCount: integer(redrive.maxReceiveCount, 10),
            },
          }
        : {}),
    };
  });
}
