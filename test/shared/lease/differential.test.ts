import { createRequire } from "node:module";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";

import { CreateTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createDynamoTable } from "../../../shared/aws/table.ts";
import * as expressions from "../../../shared/lease/expressions.ts";
import { type Item, type Table, type Update, indexKeys } from "../../../shared/lease/ports.ts";
import { padTime, rowKey, shardOf } from "../../../shared/lease/row.ts";
import { createMemoryTable } from "../../fakes/memory-table.ts";
import { type Random, createRandom } from "../../sim/random.ts";

const dynalite = createRequire(import.meta.url)("dynalite") as (options: object) => Server;
const tableName = "driftless";
const shard = shardOf("o");
let server: Server;
let client: DynamoDBClient;

beforeAll(async () => {
  server = dynalite({ createTableMs: 0 });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  client = new DynamoDBClient({ region: "eu-west-1", endpoint: `http://127.0.0.1:${port}`, credentials });
  const indexes = Object.entries(indexKeys);
  const names = ["pk", "sk", ...indexes.flatMap(([, { pk, sk }]) => [pk, sk])];
  const schema = (pk: string, sk: string) => [
    { AttributeName: pk, KeyType: "HASH" as const },
    { AttributeName: sk, KeyType: "RANGE" as const },
  ];
  await client.send(
    new CreateTableCommand({
      TableName: tableName,
      BillingMode: "PAY_PER_REQUEST",
      AttributeDefinitions: names.map((AttributeName) => ({ AttributeName, AttributeType: "S" as const })),
      KeySchema: schema("pk", "sk"),
      GlobalSecondaryIndexes: indexes.map(([IndexName, { pk, sk }]) => ({
        IndexName,
        KeySchema: schema(pk, sk),
        Projection: { ProjectionType: "ALL" as const },
      })),
    }),
  );
});

afterAll(async () => {
  client.destroy();
  await new Promise((resolve) => server.close(resolve));
});

/** Any step, with values from a range so small that conditions hold about half of the time. */
function anyUpdate(random: Random): Update {
  const now = 1000 + random.integer(0, 4) * 61;
  const time = now + random.pick([0, 1, 30, 60, 61]);
  const attempt = random.pick(["a", "b"]);
  const token = random.integer(1, 6);
  const schedAt = random.chance(0.5) ? time : undefined;
  const values = { token, runSeq: random.integer(1, 6), shard, schedAt, armed: random.chance(0.5), seenRev: "r" };
  const announcement = { now, shard, attempt, hops: random.pick([0, 12]) };
  return random.pick([
    () => expressions.triggerUpdate({ now, shard, attempt }),
    () => expressions.coalesceUpdate({ now, attempt }),
    () => expressions.acquireUpdate({ now, shard, owner: attempt }),
    () => expressions.renewUpdate({ now, token }),
    () => expressions.busyUpdate({ leaseExp: time }),
    () => expressions.nothingDueUpdate({ seen: padTime(time), schedAt }),
    () => expressions.releaseUpdate({ ...values, set: { status: "ok", list: [1, null, { deep: true }] } }),
    () => expressions.releaseAgainUpdate({ ...values, ...announcement }),
    () => expressions.continueUpdate({ ...announcement, token, progress: "p", sameProgress: 1 }),
    () => expressions.claimUpdate({ seen: padTime(time), now }),
  ])();
}

describe("the interpreter and DynamoDB's expressions", () => {
  it.each([1, 2, 3, 4])("give the same results for a random history, seed %i", async (seed) => {
    const random = createRandom(seed);
    const real: Table = createDynamoTable(client, tableName);
    const memory = createMemoryTable();
    const key = rowKey(`o-${seed}`);
    let held = 0;

    for (let step = 0; step < 120; step++) {
      const update = anyUpdate(random);
      const result = await memory.update(key, update);

      expect(await real.update(key, update), JSON.stringify(update)).toEqual(result);
      if (result.ok) held++;
    }
    expect(held).toBeGreaterThan(15);
    expect(await real.get(key, { consistent: true })).toEqual(await memory.get(key));
    const due = { index: "due", pk: shard, atMost: padTime(2000) } as const;
    const ours = (items: readonly Item[]) => items.filter(({ pk }) => pk === key.pk);
    expect(ours(await real.query(due))).toEqual(ours(await memory.query(due)));
  });

  it.each([
    ["missing = :v", false],
    ["missing < :v", false],
    ["missing >= :v", false],
    ["NOT missing = :v", true],
    ["a < :v", true],
    ["text < :v", false],
    ["text <> :v", true],
    ["attribute_exists(a) AND (a = :v OR NOT attribute_not_exists(text))", true],
  ])("agree on %s", async (condition, isMet) => {
    const real = createDynamoTable(client, tableName);
    const memory = createMemoryTable();
    const item = { pk: "C", sk: condition, a: 1, text: "x" };
    const update: Update = { update: "SET b = a - :v", condition, values: { ":v": 2 } };
    for (const table of [real, memory]) await table.put(item);

    const results = [await real.update(item, update), await memory.update(item, update)];

    expect(results.map(({ ok }) => ok)).toEqual([isMet, isMet]);
    expect(results[0]).toEqual(results[1]);
  });

  it("agree on a conditional put, on reserved words and on queries by prefix", async () => {
    for (const table of [createDynamoTable(client, tableName), createMemoryTable()]) {
      const item = { pk: "Q", sk: "b-1", name: "n", status: 1 };
      const first = await table.put(item, { condition: "attribute_not_exists(pk)", values: {} });
      const second = await table.put(item, { condition: "attribute_not_exists(pk)", values: {} });
      await table.put({ pk: "Q", sk: "a-1" });
      await table.put({ pk: "Q", sk: "b-2" });
      await table.update(item, { update: "SET name = :n ADD status :one", values: { ":n": "m", ":one": 1 } });
      await table.delete({ pk: "Q", sk: "b-2" });

      expect([first.ok, second.ok]).toEqual([true, false]);
      expect(await table.query({ pk: "Q", prefix: "b-" })).toEqual([{ ...item, name: "m", status: 2 }]);
      expect((await table.query({ pk: "Q", descending: true, limit: 1 })).map(({ sk }) => sk)).toEqual(["b-1"]);
    }
  });
});
