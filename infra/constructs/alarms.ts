/**
 * The engine's alarms. Two of them are meant for people at night: `EngineDown` (nothing works) and `FleetUnhealthy`
 * (something in the clusters is wrong), which keeps silent while the former rings. The rest tell why.
 */
import { Duration } from "aws-cdk-lib";
import * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";
import { Construct } from "constructs";

import type { EngineFunctions } from "../stacks/control-plane.ts";
import { byCluster, deadLetters, functionErrors, ofEngine, oldestMessage } from "./engine-metrics.ts";
import type { WorkQueues } from "./work-queue.ts";

export interface EngineAlarmsProps {
  readonly engine: string;
  readonly functions: EngineFunctions;
  readonly queues: WorkQueues;
  /** ARN of an SNS topic that hears of alarms and of their end. */
  readonly alarmTopic?: string;
}

interface AlarmRule {
  readonly name: string;
  readonly metric: cloudwatch.IMetric;
  /** Alarms at this value and above, or below it where `below` is set. */
  readonly threshold: number;
  readonly below?: boolean;
  readonly periods?: number;
  readonly of?: number;
  /** What is wrong, and what to look at. */
  readonly description: string;
  /** Reported by this alarm itself and not by a composite. */
  readonly notifies?: boolean;
  /** No value is as bad as a bad one. */
  readonly silenceIsBad?: boolean;
}

const minute = Duration.minutes(1);
const fiveMinutes = Duration.minutes(5);

export class EngineAlarms extends Construct {
  readonly all: readonly cloudwatch.IAlarm[];

  constructor(scope: Construct, id: string, props: EngineAlarmsProps) {
    super(scope, id);
    const { engine, alarmTopic } = props;
    const action = alarmTopic === undefined ? undefined : notify(alarmTopic);
    const made = new Map<string, cloudwatch.Alarm>();
    for (const rule of [...fleetRules, ...engineRules(props)]) {
      const alarm = createAlarm(this, engine, rule);
      made.set(rule.name, alarm);
      if (action && rule.notifies) listen(alarm, action);
    }
    const anyOf = (...names: readonly string[]) =>
      cloudwatch.AlarmRule.anyOf(...[...made].filter(([name]) => names.includes(name)).map(([, alarm]) => alarm));

    const engineDown = new cloudwatch.CompositeAlarm(this, "EngineDown", {
      compositeAlarmName: `driftless-${engine}-EngineDown`,
      alarmDescription: "The engine does not do its work: no tick, messages that grow old, or dead letters",
      alarmRule: anyOf("TickMissed", "DeadLetters", "QueueAge"),
    });
    const fleetUnhealthy = new cloudwatch.CompositeAlarm(this, "FleetUnhealthy", {
      compositeAlarmName: `driftless-${engine}-FleetUnhealthy`,
      alarmDescription: "Objects of a cluster fail to reconcile, or it cannot be reached, is not swept or is frozen",
      alarmRule: anyOf("ReconcileFailures", "ClusterUnreachable", "SweepAge", "EngineFrozen"),
      actionsSuppressor: engineDown,
    });
    if (action) for (const alarm of [engineDown, fleetUnhealthy]) listen(alarm, action);
    this.all = [engineDown, fleetUnhealthy, ...made.values()];
  }
}

const fleetRules: readonly AlarmRule[] = [
  {
    name: "DriftDetected",
    metric: byCluster("DriftDetected", "SUM", minute),
    threshold: 1,
    notifies: true,
    description: "Objects that Git describes were changed, and were corrected. Events of their Kustomization name them",
  },
  {
    name: "SweepAge",
    metric: byCluster("SweepAgeSeconds", "MAX", minute),
    threshold: 300,
    periods: 3,
    description: "A cluster was not looked at for five minutes: its drift goes unseen. See the log of sweep",
  },
  {
    name: "ReconcileFailures",
    metric: byCluster("ReconcileFailures", "SUM", fiveMinutes),
    threshold: 1,
    periods: 3,
    description: "Objects of a cluster keep failing. `flux get all -A --status-selector ready=false` names them",
  },
  {
    name: "ClusterUnreachable",
    metric: byCluster("ClusterUnreachable", "SUM", minute),
    threshold: 1,
    periods: 3,
    of: 5,
    description: "A cluster's API server does not answer, or refuses the engine's roles",
  },
  {
    name: "EngineFrozen",
    metric: byCluster("EngineFrozen", "MAX", fiveMinutes),
    threshold: 1,
    description: "Another engine is at work in a cluster, so nothing is written there",
  },
  {
    name: "PrunePending",
    metric: byCluster("PrunePending", "MAX", fiveMinutes),
    threshold: 1,
    notifies: true,
    description:
      "A prune is over its deletion budget. The condition PrunePending of the Kustomization names the objects",
  },
];

const engineRules = ({ functions, queues }: EngineAlarmsProps): readonly AlarmRule[] => [
  {
    name: "ReconcileLag",
    metric: ofEngine("ReconcileLagSeconds", "p99", minute),
    threshold: 300,
    periods: 3,
    notifies: true,
    description: "Work starts five minutes after it was due: raise the concurrency",
  },
  {
    name: "WorkerDied",
    metric: ofEngine("WorkerDied", "Sum", fiveMinutes),
    threshold: 1,
    notifies: true,
    description: "Runs came to no end (memory or time). The functions' logs name the object, which says so after five",
  },
  {
    name: "WebhookSignatureRejected",
    metric: ofEngine("WebhookSignatureRejected", "Sum", fiveMinutes),
    threshold: 11,
    notifies: true,
    description: "Webhooks are refused: their secret is not ours, or somebody knocks",
  },
  {
    name: "QueueAge",
    metric: oldestMessage(queues, minute),
    threshold: 900,
    periods: 3,
    description: "Messages wait for fifteen minutes",
  },
  {
    name: "DeadLetters",
    metric: deadLetters(queues, minute),
    threshold: 1,
    description: "Messages that no worker could take up. Mend the cause and purge: the table makes the work anew",
  },
  {
    name: "TickMissed",
    metric: functions.tick.function.metricInvocations({ period: Duration.minutes(3), statistic: "Sum" }),
    threshold: 1,
    below: true,
    silenceIsBad: true,
    description: "The schedule did not start tick for three minutes: nothing becomes due",
  },
  {
    name: "FunctionErrors",
    metric: functionErrors(functions, fiveMinutes),
    threshold: 1,
    notifies: true,
    description: "An invocation failed as a whole: a defect, a timeout, or a missing right. See the function's log",
  },
];

function createAlarm(scope: Construct, engine: string, rule: AlarmRule): cloudwatch.Alarm {
  const { name, metric, threshold, below = false, periods = 1, of = periods, description, silenceIsBad = false } = rule;
  return new cloudwatch.Alarm(scope, name, {
    alarmName: `driftless-${engine}-${name}`,
    alarmDescription: description,
    metric,
    threshold,
    comparisonOperator: below
      ? cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
      : cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    evaluationPeriods: of,
    datapointsToAlarm: periods,
    treatMissingData: silenceIsBad ? cloudwatch.TreatMissingData.BREACHING : cloudwatch.TreatMissingData.NOT_BREACHING,
  });
}

const notify = (topic: string): cloudwatch.IAlarmAction => ({ bind: () => ({ alarmActionArn: topic }) });

function listen(alarm: cloudwatch.AlarmBase, action: cloudwatch.IAlarmAction): void {
  alarm.addAlarmAction(action);
  alarm.addOkAction(action);
}
