/** EventBridge Scheduler: fires the template's `rate(…)` schedules, each as its own role. */
import { randomUUID } from "node:crypto";

import type { Clock } from "../shared/runtime/clock.ts";
import type { Authorizer } from "./authorizer.ts";
import type { LocalFunction } from "./functions.ts";
import { sessionCaller } from "./identities.ts";
import { optionalText, record, text } from "./json.ts";
import type { Resource } from "./template.ts";

export interface ScheduleOptions {
  /** Resources of type AWS::Scheduler::Schedule. */
  readonly schedules: readonly Resource[];
  readonly functions: readonly LocalFunction[];
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  readonly onLog: (line: string) => void;
}

export interface Schedule {
  /** Fires every enabled schedule now and waits for the functions. */
  fire(): Promise<void>;
  /** Fires each at its rate, the first time after one period. Gives back what stops it. */
  start(): () => void;
}

interface Timetable {
  readonly name: string;
  readonly everyMillis: number;
  readonly fire: () => Promise<void>;
}

/** @throws Error for an expression or target that does not run here, or a role that the Scheduler may not assume. */
export function createSchedule(options: ScheduleOptions): Schedule {
  const timetables = options.schedules
    .filter(({ properties }) => properties.State !== "DISABLED")
    .map((resource) => readSchedule(resource, options));
  return {
    fire: async () => {
      await Promise.all(timetables.map((timetable) => timetable.fire()));
    },
    start() {
      const stopping = new AbortController();
      for (const timetable of timetables) void run(timetable, options, stopping.signal);
      return () => stopping.abort(new Error("stopped"));
    },
  };
}

async function run(timetable: Timetable, { clock, onLog }: ScheduleOptions, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      await clock.sleep(timetable.everyMillis, signal);
    } catch {
      return;
    }
    timetable.fire().catch((error: unknown) => onLog(`schedule ${timetable.name} failed: ${String(error)}`));
  }
}

function readSchedule(resource: Resource, { functions, authorizer, clock, onLog }: ScheduleOptions): Timetable {
  const { properties, name, logicalId, arn } = resource;
  const target = record(properties.Target, `target of ${logicalId}`);
  const targetArn = text(target.Arn, `target of ${logicalId}`);
  const roleArn = text(target.RoleArn, `role of ${logicalId}`);
  const lambda = functions.find((candidate) => candidate.resource.arn === targetArn);
  if (lambda === undefined)
    throw new Error(`schedule ${logicalId} has the target ${targetArn}, which is not a function of the template`);
  const assumed = authorizer.authorizeService(
    "scheduler.amazonaws.com",
    { action: "sts:AssumeRole", resource: roleArn },
    { arn: groupArn(arn, optionalText(properties.GroupName, logicalId) ?? "default"), account: resource.account },
  );
  if (!assumed.allowed)
    throw new Error(`the Scheduler may not assume the role of schedule ${logicalId} ${assumed.because}`);
  const fire = async (): Promise<void> => {
    const decision = authorizer.authorize(sessionCaller(roleArn, name), {
      action: "lambda:InvokeFunction",
      resource: targetArn,
    });
    if (!decision.allowed) return;
    const result = await lambda.pool.invoke(inputOf(optionalText(target.Input, logicalId), arn, clock.now()));
    if (result.kind === "throttled") onLog(`schedule ${name} was throttled`);
  };
  return { name, everyMillis: rateMillis(text(properties.ScheduleExpression, logicalId), logicalId), fire };
}

/** A trust policy may limit the role to one schedule group. */
const groupArn = (scheduleArn: string, group: string): string =>
  scheduleArn.replace(/:schedule\/.*$/, `:schedule-group/${group}`);

function rateMillis(expression: string, logicalId: string): number {
  const [, count, unit] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression) ?? [];
  const units: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };
  const length = units[unit ?? ""];
  if (length === undefined)
    throw new Error(`schedule ${logicalId} has the expression ${expression}, which does not run on this machine`);
  return Number(count) * length;
}

function inputOf(input: string | undefined, scheduleArn: string, now: number): unknown {
  const time = `${new Date(now).toISOString().slice(0, 19)}Z`;
  if (input === undefined)
    return {
      version: "0",
      id: randomUUID(),
      "detail-type": "Scheduled Event",
      source: "aws.scheduler",
      time,
      resources: [scheduleArn],
      detail: "{}",
    };
  const filled = input
    .replaceAll("<aws.scheduler.scheduled-time>", time)
    .replaceAll("<aws.scheduler.schedule-arn>", scheduleArn)
    .replaceAll("<aws.scheduler.execution-id>", randomUUID())
    .replaceAll("<aws.scheduler.attempt-number>", "1");
  return JSON.parse(filled) as unknown;
}
