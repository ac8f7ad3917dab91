/** What the engine relies on of SQS. */
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SQSClient,
  SendMessageBatchCommand,
  SendMessageCommand,
} from "@aws-sdk/client-sqs";
import { describe, expect, it } from "vitest";

import { type ContractTarget, clientConfig } from "./target.ts";

export function sqsContract(target: () => ContractTarget): void {
  describe("SQS", () => {
    const client = () => new SQSClient(clientConfig(target()));
    const receive = async (QueueUrl: string, options: object = {}) => {
      const { Messages = [] } = await client().send(
        new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 2, MessageSystemAttributeNames: ["All"], ...options }),
      );
      return Messages;
    };
    const remove = (QueueUrl: string, ReceiptHandle?: string) =>
      client().send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: ReceiptHandle ?? "" }));

    it("delivers a message with its group and count, and not again once deleted", async () => {
      const { queueUrl: QueueUrl } = target();
      await client().send(new SendMessageCommand({ QueueUrl, MessageBody: "hello", MessageGroupId: "production" }));

      const [message] = await receive(QueueUrl);

      expect(message?.Body).toBe("hello");
      expect(message?.Attributes).toMatchObject({ ApproximateReceiveCount: "1", MessageGroupId: "production" });
      await remove(QueueUrl, message?.ReceiptHandle);
      expect(await receive(QueueUrl, { WaitTimeSeconds: 0 })).toEqual([]);
    });

    it("refuses a delay above 900 seconds", async () => {
      const { queueUrl: QueueUrl } = target();
      const send = client().send(new SendMessageCommand({ QueueUrl, MessageBody: "late", DelaySeconds: 901 }));
      await expect(send).rejects.toMatchObject({ name: expect.stringContaining("InvalidParameterValue") as string });
    });

    it("answers a batch entry by entry", async () => {
      const { queueUrl: QueueUrl } = target();
      const answer = await client().send(
        new SendMessageBatchCommand({
          QueueUrl,
          Entries: [
            { Id: "good", MessageBody: "batched" },
            { Id: "bad", MessageBody: "late", DelaySeconds: 901 },
          ],
        }),
      );

      expect(answer.Successful?.map(({ Id }) => Id)).toEqual(["good"]);
      expect(answer.Failed?.map(({ Id }) => Id)).toEqual(["bad"]);
      const [message] = await receive(QueueUrl);
      await remove(QueueUrl, message?.ReceiptHandle);
    });

    it("moves a message to the dead-letter queue after five receives", async () => {
      const { queueUrl: QueueUrl, deadLetterUrl } = target();
      await client().send(new SendMessageCommand({ QueueUrl, MessageBody: "poison" }));
      for (let count = 1; count <= 5; count += 1) {
        const [message] = await receive(QueueUrl);
        expect(message?.Attributes?.ApproximateReceiveCount).toBe(String(count));
        const { ReceiptHandle } = message!;
        await client().send(
          new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle: ReceiptHandle!, VisibilityTimeout: 0 }),
        );
      }

      expect(await receive(QueueUrl, { WaitTimeSeconds: 1 })).toEqual([]);
      const [dead] = await receive(deadLetterUrl);
      expect(dead?.Body).toBe("poison");
      await remove(deadLetterUrl, dead?.ReceiptHandle);
    });

    it("ends a long poll as soon as a message comes", async () => {
      const { queueUrl: QueueUrl } = target();
      const polled = receive(QueueUrl, { WaitTimeSeconds: 10 });
      await client().send(new SendMessageCommand({ QueueUrl, MessageBody: "soon", DelaySeconds: 1 }));

      const started = Date.now();
      const [message] = await polled;

      expect(message?.Body).toBe("soon");
      expect(Date.now() - started).toBeLessThan(5000);
      await remove(QueueUrl, message?.ReceiptHandle);
    });

    it("names a queue that does not exist", async () => {
      const { queueUrl } = target();
      const attributes = client().send(
        new GetQueueAttributesCommand({ QueueUrl: `${queueUrl}-absent`, AttributeNames: ["All"] }),
      );
      await expect(attributes).rejects.toMatchObject({ name: "QueueDoesNotExist" });
    });
  });
}
