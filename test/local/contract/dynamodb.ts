/** What the engine relies on of DynamoDB. */
import { randomUUID } from "node:crypto";

import {
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { describe, expect, it } from "vitest";

import { type ContractTarget, clientConfig } from "./target.ts";

export function dynamoDbContract(target: () => ContractTarget): void {
  describe("DynamoDB", () => {
    const client = () => new DynamoDBClient(clientConfig(target()));
    const key = () => ({ pk: { S: `contract#${randomUUID()}` }, sk: { S: "RUN" } });

    it("lets one of many conditional writers win", async () => {
      const item = { ...key(), owner: { S: "x" } };
      const write = () =>
        client().send(
          new PutItemCommand({
            TableName: target().table,
            Item: item,
            ConditionExpression: "attribute_not_exists(pk)",
          }),
        );

      const results = await Promise.allSettled(Array.from({ length: 10 }, write));

      const refused = results.filter((result) => result.status === "rejected");
      expect(refused).toHaveLength(9);
      expect(refused.every(({ reason }) => (reason as Error).name === "ConditionalCheckFailedException")).toBe(true);
    });

    it("updates with conditions and counters, and reads what was written", async () => {
      const Key = key();
      const TableName = target().table;
      const bump = () =>
        client().send(
          new UpdateItemCommand({
            ...{
              TableName,
              Key,
              UpdateExpression: "SET #t = if_not_exists(#t, :zero) + :one, dpk = :due, dsk = :time",
            },
            ExpressionAttributeNames: { "#t": "token" },
            ExpressionAttributeValues: {
              ":zero": { N: "0" },
              ":one": { N: "1" },
              ":due": Key.pk,
              ":time": { S: "0001" },
            },
          }),
        );
      await bump();
      await bump();

      const { Item } = await client().send(new GetItemCommand({ TableName, Key, ConsistentRead: true }));
      expect(Item?.token).toEqual({ N: "2" });
      const { Items } = await client().send(
        new QueryCommand({
          ...{ TableName, IndexName: "due", KeyConditionExpression: "dpk = :due AND dsk <= :now" },
          ExpressionAttributeValues: { ":due": Key.pk, ":now": { S: "0002" } },
        }),
      );
      expect(Items?.map((item) => item.pk)).toEqual([Key.pk]);
    });
  });
}
