/**
 * The engine's alarms. Three of them are meant for people: `EngineDown` (nothing works), `FleetUnhealthy` (something in
 * the clusters is wrong) and `Drift` (somebody changed what Git describes). The second keeps silent while the first
 * rings. The rest tell why.
 */
import * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";
import { Construct } from "constructs";

import { type AlarmRule, type AlarmSources, engineRules, fleetRules } from "./alarm-rules.ts";

export interface EngineAlarmsProps extends AlarmSources {
  readonly engine: string;
  /** ARN of an SNS topic that hears of alarms and of their end. */
  readonly alarmTopic?: string;
}

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
    const composite = (name: string, alarmDescription: string, causes: readonly string[], over?: cloudwatch.IAlarm) =>
      new cloudwatch.CompositeAlarm(this, name, {
        compositeAlarmName: `driftless-${engine}-${name}`,
        alarmDescription,
        alarmRule: cloudwatch.AlarmRule.anyOf(...causes.map((cause) => named(made, cause))),
        ...(over ? { actionsSuppressor: over } : {}),
      });

    const engineDown = composite("EngineDown", ...engineDownRule);
    const fleetUnhealthy = composite("FleetUnhealthy", ...fleetUnhealthyRule, engineDown);
    const drift = composite("Drift", ...driftRule);
    const composites = [engineDown, fleetUnhealthy, drift];
    if (action) for (const alarm of composites) listen(alarm, action);
    this.all = [...composites, ...made.values()];
  }
}

/** What to tell, and the alarms of which each is reason enough. */
type CompositeRule = readonly [description: string, causes: readonly string[]];

const engineDownRule: CompositeRule = [
  "The engine does not do its work: no tick, messages that grow old, dead letters, or work that nobody takes up",
  ["TickMissed", "DeadLetters", "QueueAge", "Overdue"],
];
const fleetUnhealthyRule: CompositeRule = [
  "Objects of a cluster fail to reconcile, or it cannot be reached, is not swept or is frozen",
  ["ReconcileFailures", "ClusterUnreachable", "SweepAge", "EngineFrozen"],
];
const driftRule: CompositeRule = [
  "Objects in a cluster were changed, and not through Git. `driftless events` names them",
  ["DriftDetected", "DriftUncorrected", "DriftFlapping"],
];

function named(made: ReadonlyMap<string, cloudwatch.Alarm>, name: string): cloudwatch.Alarm {
  const alarm = made.get(name);
  if (!alarm) throw new RangeError(`there is no alarm ${name}`);
  return alarm;
}

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
