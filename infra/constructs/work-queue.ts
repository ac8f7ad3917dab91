/** A queue of work messages and where messages go that no worker could take up. */
import { Duration, Stack } from "aws-cdk-lib";
import * as lambda from "aws-cdk-lib/aws-lambda";
import * as sqs from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";

import type { QueueName } from "../../shared/lease/message.ts";

export interface WorkQueueProps {
  readonly engine: string;
  readonly name: QueueName;
  /** Of the function that works on it. */
  readonly timeoutSeconds: number;
}

export type WorkQueues = Readonly<Record<QueueName, WorkQueue>>;

export class WorkQueue extends Construct {
  readonly queue: sqs.Queue;
  readonly deadLetters: sqs.Queue;

  constructor(scope: Construct, id: string, { engine, name, timeoutSeconds }: WorkQueueProps) {
    super(scope, id);
    const queueName = `${engine}-${name}`;
    // By name and not by reference, for the two queues refer to each other.
    const own = sqs.Queue.fromQueueArn(this, "Own", Stack.of(this).formatArn({ service: "sqs", resource: queueName }));
    this.deadLetters = new sqs.Queue(this, "DeadLetters", {
      queueName: `${queueName}-dlq`,
      enforceSSL: true,
      encryption: sqs.QueueEncryption.SQS_MANAGED,
      retentionPeriod: Duration.days(14),
      redriveAllowPolicy: { redrivePermission: sqs.RedrivePermission.BY_QUEUE, sourceQueues: [own] },
    });
    this.queue = new sqs.Queue(this, "Queue", {
      queueName,
      enforceSSL: true,
      encryption: sqs.QueueEncryption.SQS_MANAGED,
      // A message is worked on alone and within one timeout; then its worker is dead and it may be seen again.
      visibilityTimeout: Duration.seconds(timeoutSeconds + 30),
      // The table makes lost work anew; older messages are of no use to anybody.
      retentionPeriod: Duration.hours(6),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: 5 },
    });
  }

  /** Messages one by one, `concurrency` of them at a time. The function's role holds the rights to receive already. */
  deliverTo(target: lambda.IFunction, concurrency: number): void {
    new lambda.EventSourceMapping(this, "Delivery", {
      target,
      eventSourceArn: this.queue.queueArn,
      batchSize: 1,
      maxConcurrency: concurrency,
      reportBatchItemFailures: true,
    });
  }
}
