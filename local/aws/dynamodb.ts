/**
 * DynamoDB on this machine is dynalite, behind the gateway: this file starts it, creates the template's tables and
 * passes requests on. Time to live is a sweep of our own, for dynalite does not expire items.
 */
import { mkdirSync } from "node:fs";
import { request as httpRequest } from "node:http";

import {
  CreateTableCommand,
  DeleteItemCommand,
  DynamoDBClient,
  ListTablesCommand,
  paginateScan,
  type CreateTableCommandInput,
} from "@aws-sdk/client-dynamodb";
import dynalite from "dynalite";

import { type Json, isRecord, list, optionalRecord, parseJson, record, text } from "../json.ts";
import { closeServer, listenOnLoopback } from "../loopback.ts";
import type { Resource } from "../template.ts";
import {
  AwsError,
  type AwsRequest,
  type AwsResponse,
  type Emulator,
  type Permission,
  notEmulated,
  targetOperation,
} from "./protocol.ts";

export interface LocalDynamoDb {
  readonly api: Emulator;
  /** Deletes items whose time to live is over; to be called about once a minute. */
  expire(nowSeconds: number): Promise<void>;
  close(): Promise<void>;
}

/** `directory` undefined keeps the tables in memory. */
export async function startDynamoDb(tables: readonly Resource[], directory?: string): Promise<LocalDynamoDb> {
  if (directory !== undefined) mkdirSync(directory, { recursive: true });
  const server = dynalite({
    createTableMs: 0,
    deleteTableMs: 0,
    updateTableMs: 0,
    ...(directory === undefined ? {} : { path: directory }),
  });
  const port = await listenOnLoopback(server);
  const client = new DynamoDBClient({
    endpoint: `http://127.0.0.1:${port}`,
    region: "local",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
  await createTables(client, tables);
  const arns = new Map(tables.map((table) => [table.name, table.arn]));
  return {
    api: createDynamoDbApi(arns, (incoming) => forward(port, incoming)),
    expire: (nowSeconds) => expireItems(client, tables, nowSeconds),
    close: async () => {
      client.destroy();
      await closeServer(server);
    },
  };
}

async function createTables(client: DynamoDBClient, tables: readonly Resource[]): Promise<void> {
  const { TableNames: existing = [] } = await client.send(new ListTablesCommand({}));
  for (const { name, properties } of tables) {
    if (existing.includes(name)) continue;
    const indexes = list(properties.GlobalSecondaryIndexes).map((index) => record(index, `index of ${name}`));
    const input = {
      TableName: name,
      BillingMode: "PAY_PER_REQUEST",
      KeySchema: properties.KeySchema,
      AttributeDefinitions: properties.AttributeDefinitions,
      ...(indexes.length === 0
        ? {}
        : {
            GlobalSecondaryIndexes: indexes.map(({ IndexName, KeySchema, Projection }) => ({
              IndexName,
              KeySchema,
              Projection,
            })),
          }),
    };
    await client.send(new CreateTableCommand(input as CreateTableCommandInput));
  }
}

async function expireItems(client: DynamoDBClient, tables: readonly Resource[], nowSeconds: number): Promise<void> {
  for (const { name, properties } of tables) {
    const attribute = optionalRecord(properties.TimeToLiveSpecification, "TimeToLiveSpecification").AttributeName;
    if (typeof attribute !== "string") continue;
    const keys = list(properties.KeySchema).map((key) => text(record(key, "key").AttributeName, "key"));
    const pages = paginateScan(
      { client },
      {
        TableName: name,
        FilterExpression: "#ttl < :now",
        ExpressionAttributeNames: { "#ttl": attribute },
        ExpressionAttributeValues: { ":now": { N: String(nowSeconds) } },
      },
    );
    for await (const { Items = [] } of pages) {
      for (const item of Items) {
        const key = Object.fromEntries(Object.entries(item).filter(([field]) => keys.includes(field)));
        await client.send(new DeleteItemCommand({ TableName: name, Key: key }));
      }
    }
  }
}

const single = new Set([
  "GetItem",
  "PutItem",
  "UpdateItem",
  "DeleteItem",
  "Query",
  "Scan",
  "DescribeTable",
  "DescribeTimeToLive",
]);

function createDynamoDbApi(
  arns: ReadonlyMap<string, string>,
  pass: (request: AwsRequest) => Promise<AwsResponse>,
): Emulator {
  return {
    service: "dynamodb",
    protocol: "json-1.0",
    deniedCode: "AccessDeniedException",
    permissions(request) {
      const operation = targetOperation(request);
      const body = parseJson(request.body.toString("utf8"), "the request");
      return tablePermissions(operation, body, arns);
    },
    handle: pass,
  };
}

/** A query on an index is authorised on the index; a batch on each of its tables. @throws AwsError when not emulated. */
function tablePermissions(operation: string, body: Json, arns: ReadonlyMap<string, string>): readonly Permission[] {
  const arnOf = (table: string): string => {
    const arn = arns.get(table.slice(table.lastIndexOf("/") + 1));
    if (arn === undefined) {
      throw new AwsError("ResourceNotFoundException", 400, "Requested resource not found", {
        "x-driftless-type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException",
      });
    }
    return arn;
  };
  const action = `dynamodb:${operation}`;
  if (operation === "BatchGetItem" || operation === "BatchWriteItem") {
    return Object.keys(optionalRecord(body.RequestItems, "RequestItems")).map((table) => ({
      action,
      resource: arnOf(table),
    }));
  }
  if (!single.has(operation)) throw notEmulated("DynamoDB", operation);
  const arn = arnOf(text(body.TableName, "TableName"));
  const index = body.IndexName;
  const keys = leadingKeys(body);
  const context = keys.length === 0 ? {} : { context: { "dynamodb:LeadingKeys": keys } };
  return [{ action, resource: typeof index === "string" ? `${arn}/index/${index}` : arn, ...context }];
}

/** The partition key, for policies that limit a role to some items; our tables call it `pk`. */
function leadingKeys(body: Json): readonly string[] {
  return [body.Key, body.Item].flatMap((item) => {
    const key = isRecord(item) ? item.pk : undefined;
    return isRecord(key) && typeof key.S === "string" ? [key.S] : [];
  });
}

function forward(port: number, incoming: AwsRequest): Promise<AwsResponse> {
  const headers = {
    "content-type": "application/x-amz-json-1.0",
    "x-amz-target": incoming.headers["x-amz-target"],
    "x-amz-date": incoming.headers["x-amz-date"],
    authorization: incoming.headers.authorization,
    "content-length": incoming.body.length,
  };
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({ host: "127.0.0.1", port, method: "POST", path: "/", headers }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => {
        const kept = ["content-type", "x-amz-crc32", "x-amzn-requestid"].flatMap((name) => {
          const value = response.headers[name];
          return typeof value === "string" ? [[name, value] as const] : [];
        });
        resolve({ status: response.statusCode ?? 500, headers: Object.fromEntries(kept), body: Buffer.concat(parts) });
      });
    });
    outgoing.on("error", reject);
    outgoing.end(incoming.body);
  });
}
