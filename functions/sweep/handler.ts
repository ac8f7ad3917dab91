/** Works on the sweep queue: one cluster per message. */
import type { Context, SQSEvent } from "aws-lambda";

import { eachMessage, type QueueAnswer } from "../../shared/aws/queue-event.ts";
import { compose } from "./compose.ts";

const { log, sweepOne } = compose(process.env);

export async function handler(event: SQSEvent, context: Context): Promise<QueueAnswer> {
  const deadline = Date.now() + context.getRemainingTimeInMillis();
  return eachMessage(event, log, (message) => sweepOne(message, { owner: context.awsRequestId, deadline }));
}
