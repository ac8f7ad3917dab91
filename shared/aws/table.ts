/** The engine's table on DynamoDB. Names of the indexes are `due`, `ref` and `view`, as in `shared/lease/ports.ts`. */
import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  type QueryCommandInput,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";

import { type Item, type ItemKey, type Query, type Table, type Update, indexKeys } from "../lease/ports.ts";
import { createNameAliases } from "./alias-names.ts";
import { callAws } from "./aws-error.ts";
import { type Attributes, marshalItem, unmarshalItem } from "./marshal.ts";

/** Everything but a refused condition is thrown as `AwsError`. */
export function createDynamoTable(client: DynamoDBClient, tableName: string): Table {
  return {
    get: async (key, options) => {
      const command = new GetItemCommand({
        TableName: tableName,
        Key: keyAttributes(key),
        ConsistentRead: options?.consistent ?? false,
      });
      const { Item: item } = await callAws(`dynamodb GetItem of ${key.pk}`, () => client.send(command));
      return item && unmarshalItem(item);
    },

    update: async (key, update) => {
      const command = new UpdateItemCommand({
        TableName: tableName,
        Key: keyAttributes(key),
        ...expressions(update),
        ReturnValues: "ALL_NEW",
      });
      const answer = await unlessRefused(`dynamodb UpdateItem of ${key.pk}`, () => client.send(command));
      return answer ? { ok: true, item: unmarshalItem(answer.Attributes ?? {}) } : { ok: false };
    },

    put: async (item, condition) => {
      const command = new PutItemCommand({
        TableName: tableName,
        Item: marshalItem(item),
        ...(condition && expressions(condition)),
      });
      const answer = await unlessRefused(`dynamodb PutItem of ${item.pk}`, () => client.send(command));
      return { ok: answer !== undefined };
    },

    delete: async (key) => {
      const command = new DeleteItemCommand({ TableName: tableName, Key: keyAttributes(key) });
      await callAws(`dynamodb DeleteItem of ${key.pk}`, () => client.send(command));
    },

    query: async (query) => await queryAll(client, tableName, query),
  };
}

/** Only the key: callers may hand us a whole item. */
function keyAttributes({ pk, sk }: ItemKey): Attributes {
  return marshalItem({ pk, sk });
}

function expressions({ update, condition, values }: Partial<Update>) {
  const { alias, names } = createNameAliases();
  return {
    ...(update !== undefined && { UpdateExpression: alias(update) }),
    ...(condition !== undefined && { ConditionExpression: alias(condition) }),
    ...(Object.keys(names).length > 0 && { ExpressionAttributeNames: names }),
    ...(values && Object.keys(values).length > 0 && { ExpressionAttributeValues: marshalItem(values) }),
  };
}

/** Undefined when the condition refused. */
async function unlessRefused<T>(what: string, call: () => Promise<T>): Promise<T | undefined> {
  return await callAws(what, async () => {
    try {
      return await call();
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return undefined;
      throw error;
    }
  });
}

async function queryAll(client: DynamoDBClient, tableName: string, query: Query): Promise<readonly Item[]> {
  const limit = query.limit ?? Number.POSITIVE_INFINITY;
  const found: Item[] = [];
  let start: Attributes | undefined;
  do {
    const command = new QueryCommand({
      ...queryInput(tableName, query),
      ...(Number.isFinite(limit) && { Limit: limit - found.length }),
      ...(start && { ExclusiveStartKey: start }),
    });
    const page = await callAws(`dynamodb Query of ${query.pk}`, () => client.send(command));
    found.push(...(page.Items ?? []).map(unmarshalItem));
    start = page.LastEvaluatedKey;
  } while (start && found.length < limit);
  return found;
}

function queryInput(TableName: string, query: Query): QueryCommandInput {
  const { index, pk, prefix, atMost, descending = false, consistent = false } = query;
  if (prefix !== undefined && atMost !== undefined) {
    throw new TypeError(
      `query of ${pk} has both a prefix and an upper bound: DynamoDB takes one condition on the sort key`,
    );
  }
  const names = index ? indexKeys[index] : { pk: "pk", sk: "sk" };
  const bounds = [
    "#pk = :pk",
    ...(prefix === undefined ? [] : ["begins_with(#sk, :sk)"]),
    ...(atMost === undefined ? [] : ["#sk <= :sk"]),
  ];
  const sk = prefix ?? atMost;
  return {
    TableName,
    ...(index && { IndexName: index }),
    KeyConditionExpression: bounds.join(" AND "),
    ExpressionAttributeNames: { "#pk": names.pk, ...(sk !== undefined && { "#sk": names.sk }) },
    ExpressionAttributeValues: marshalItem({ ":pk": pk, ...(sk !== undefined && { ":sk": sk }) }),
    ScanIndexForward: !descending,
    // An index has no consistent read.
    ConsistentRead: consistent && !index,
  };
}
