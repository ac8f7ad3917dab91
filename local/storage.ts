/** The emulated services that keep state: queues, objects, tables, keys, secrets, in files that survive a restart. */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

import type { Clock } from "../shared/runtime/clock.ts";
import { type LocalDynamoDb, startDynamoDb } from "./aws/dynamodb.ts";
import { createKms } from "./aws/kms.ts";
import { createObjectStore } from "./aws/s3.ts";
import { createS3Api } from "./aws/s3-api.ts";
import { type LocalSecrets, createSecretsManager } from "./aws/secrets-manager.ts";
import { type Sqs, createSqs } from "./aws/sqs.ts";
import { createSqsApi } from "./aws/sqs-api.ts";
import type { Faults } from "./faults.ts";
import { isRecord, list, optionalRecord, optionalText } from "./json.ts";
import { readQueues } from "./queues.ts";
import type { Deployment } from "./template.ts";

/** The services that keep something, and their APIs. */
export interface Storage {
  readonly sqs: Sqs;
  readonly secrets: LocalSecrets;
  readonly dynamodb: LocalDynamoDb;
  readonly emulators: readonly LocalDynamoDb["api"][];
  close(): Promise<void>;
}

/** Opens what the last run left in the state directory. */
export async function openStorage(
  deployment: Deployment,
  stateDir: string,
  clock: Clock,
  random: () => number,
  faults: Faults,
): Promise<Storage> {
  const queues = deployment.ofType("AWS::SQS::Queue");
  const sqs = createSqs({ queues: readQueues(queues), clock, random, fate: (queue) => faults.fate(queue) });
  const messages = path.join(stateDir, "messages.json");
  if (existsSync(messages)) {
    sqs.restore(JSON.parse(readFileSync(messages, "utf8")));
    // Taken back once: after a crash, older messages are better lost than delivered again.
    rmSync(messages);
  }
  const now = () => clock.now();
  const secretsFile = path.join(stateDir, "secrets.json");
  const secrets = createSecretsManager(deployment.ofType("AWS::SecretsManager::Secret"), secretsFile, now);
  const tables = deployment.ofType("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable");
  const dynamodb = await startDynamoDb(tables, path.join(stateDir, "dynamodb"));
  const buckets = deployment.ofType("AWS::S3::Bucket").map(({ name }) => name);
  const kms = createKms({
    keys: deployment.ofType("AWS::KMS::Key"),
    aliases: deployment.ofType("AWS::KMS::Alias"),
    file: path.join(stateDir, "kms.json"),
  });
  const urlOf = (arn: string) => queues.find((queue) => queue.arn === arn)?.ref ?? "";
  return {
    ...{ sqs, secrets, dynamodb },
    emulators: [
      createSqsApi(sqs, urlOf),
      createS3Api(createObjectStore(path.join(stateDir, "s3"), buckets, now), (bucket) =>
        bucketKey(deployment, bucket),
      ),
      ...[dynamodb.api, kms, secrets.api],
    ],
    async close() {
      writeFileSync(messages, JSON.stringify(sqs.snapshot()));
      await dynamodb.close();
    },
  };
}

/** ARN of the template's key that encrypts the bucket; undefined for S3's own encryption. */
function bucketKey(deployment: Deployment, bucket: string): string | undefined {
  const found = deployment.ofType("AWS::S3::Bucket").find(({ name }) => name === bucket);
  const encryption = optionalRecord(found?.properties.BucketEncryption, `encryption of ${bucket}`);
  const [rule] = list(encryption.ServerSideEncryptionConfiguration);
  const byDefault = isRecord(rule) ? rule.ServerSideEncryptionByDefault : undefined;
  const id = isRecord(byDefault) ? optionalText(byDefault.KMSMasterKeyID, `key of ${bucket}`) : undefined;
  return id === undefined
    ? undefined
    : deployment.ofType("AWS::KMS::Key").find((key) => [key.ref, key.arn].includes(id))?.arn;
}
