/** What every function of the engine shares: its clients, made once at cold start, behind our ports. */
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { S3Client } from "@aws-sdk/client-s3";
import { SQSClient } from "@aws-sdk/client-sqs";

import type { LeasePorts } from "../lease/row.ts";
import { trigger } from "../lease/trigger.ts";
import type { BlobStore } from "../runtime/blob-store.ts";
import { systemClock } from "../runtime/clock.ts";
import { type Environment, requireVariable } from "../runtime/environment.ts";
import { createJsonLog, type Log } from "../runtime/log.ts";
import { createS3BlobStore } from "./blob-store.ts";
import { createSqsQueues } from "./queues.ts";
import { createDynamoTable } from "./table.ts";

export interface Engine extends LeasePorts {
  readonly name: string;
  readonly bucket: string;
  readonly blobs: BlobStore;
  readonly log: Log;
  /** Writes one line as it is, for metrics. */
  readonly emit: (line: string) => void;
  readonly trigger: (key: string, why: string, pushedAt?: number) => Promise<void>;
}

export function createEngine(environment: Environment): Engine {
  const variable = (name: string) => requireVariable(environment, name);
  const clock = systemClock;
  const emit = (line: string) => void process.stdout.write(`${line}\n`);
  const table = createDynamoTable(new DynamoDBClient({}), variable("DRIFTLESS_TABLE"));
  const queues = createSqsQueues(new SQSClient({}), {
    source: variable("DRIFTLESS_QUEUE_SOURCE"),
    reconcile: variable("DRIFTLESS_QUEUE_RECONCILE"),
    sweep: variable("DRIFTLESS_QUEUE_SWEEP"),
  });
  const bucket = variable("DRIFTLESS_BUCKET");
  const ports: LeasePorts = { table, queues, clock };
  return {
    ...ports,
    name: variable("DRIFTLESS_ENGINE"),
    bucket,
    blobs: createS3BlobStore(new S3Client({ requestChecksumCalculation: "WHEN_REQUIRED" }), bucket),
    log: createJsonLog(emit, clock.now),
    emit,
    trigger: async (key, why, pushedAt) => {
      await trigger(ports, key, { why, ...(pushedAt === undefined ? {} : { register: { pushedAt } }) });
    },
  };
}
