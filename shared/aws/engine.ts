/** What every function of the engine shares: its clients, made once at cold start, behind our ports. */
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { SQSClient } from "@aws-sdk/client-sqs";

import type { LeasePorts } from "../lease/row.ts";
import { trigger } from "../lease/trigger.ts";
import { systemClock } from "../runtime/clock.ts";
import { type Environment, requireVariable } from "../runtime/environment.ts";
import { createJsonLog, type Log } from "../runtime/log.ts";
import { createSqsQueues } from "./queues.ts";
import { createDynamoTable } from "./table.ts";

/** One run of a worker: who asks for the lease, and until when it may work, in milliseconds since the epoch. */
export interface Invocation {
  readonly owner: string;
  readonly deadline: number;
}

export interface Engine extends LeasePorts {
  readonly name: string;
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
  const ports: LeasePorts = { table, queues, clock };
  return {
    ...ports,
    name: variable("DRIFTLESS_ENGINE"),
    log: createJsonLog(emit, clock.now),
    emit,
    trigger: async (key, why, pushedAt) => {
      await trigger(ports, key, { why, ...(pushedAt === undefined ? {} : { register: { pushedAt } }) });
    },
  };
}
