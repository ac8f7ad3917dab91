/** What every function of the engine shares: its clients, made once at cold start, behind our ports. */
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { SQSClient } from "@aws-sdk/client-sqs";

import type { Registration } from "../lease/register.ts";
import { retire } from "../lease/retire.ts";
import type { LeasePorts } from "../lease/row.ts";
import { trigger } from "../lease/trigger.ts";
import type { LeasedWork } from "../lease/with-lease.ts";
import { systemClock } from "../runtime/clock.ts";
import { type Environment, requireVariable } from "../runtime/environment.ts";
import { createJsonLog, type Log } from "../runtime/log.ts";
import { createEngineMetrics, type EngineMetrics } from "../runtime/engine-metrics.ts";
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
  readonly metrics: EngineMetrics;
  readonly trigger: (key: string, why: string, note?: Registration) => Promise<void>;
  /** Every worker's: a line in the log and a metric for the run that came to no end. */
  readonly report: NonNullable<LeasedWork["report"]>;
  /** Every worker's: what to do with a message about a cluster that is not in the fleet. */
  readonly leave: (key: string) => Promise<void>;
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
  const log = createJsonLog(emit, clock.now);
  const metrics = createEngineMetrics(clock, emit);
  return {
    ...ports,
    name: variable("DRIFTLESS_ENGINE"),
    log,
    metrics,
    trigger: async (key, why, note) => {
      await trigger(ports, key, { why, ...(note ? { register: note } : {}) });
    },
    report: (end, { lease: { key, attempts } }) => {
      log(end === "died" ? "worker died" : "came no further", { key, deaths: attempts - 1 });
      metrics.workerDied({ key, end });
    },
    leave: async (key) => {
      log("of no cluster of the fleet", { key });
      await retire(ports, key);
    },
  };
}
