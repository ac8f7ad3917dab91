/** The engine's alarms as a table: what is measured, from which value on it rings, and what to look at then. */
import { Duration } from "aws-cdk-lib";
import type * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";

import type { EngineFunctions } from "../stacks/control-plane.ts";
import { byCluster, deadLetters, functionErrors, ofEngine, oldestMessage } from "./engine-metrics.ts";
import type { WorkQueues } from "./work-queue.ts";

export interface AlarmRule {
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

/** Of the clusters: each follows all of them, those to come included. */
export const fleetRules: readonly AlarmRule[] = [
  {
    name: "DriftDetected",
    metric: byCluster("DriftDetected", "SUM", minute),
    threshold: 1,
    description: "Objects that Git describes were changed, and were corrected. Events of their Kustomization name them",
  },
  {
    name: "DriftUncorrected",
    metric: byCluster("DriftUncorrected", "MAX", minute),
    threshold: 1,
    periods: 2,
    description: "Objects differ from Git and are left so. The condition Drifted of their Kustomization says why",
  },
  {
    name: "DriftFlapping",
    metric: byCluster("DriftFlapping", "MAX", minute),
    threshold: 1,
    description: "A field is rewritten as often as it is corrected. The condition Drifted names both managers",
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

export interface AlarmSources {
  readonly functions: EngineFunctions;
  readonly queues: WorkQueues;
}

/** Of the engine itself. */
export const engineRules = ({ functions, queues }: AlarmSources): readonly AlarmRule[] => [
  {
    name: "ReconcileLag",
    metric: ofEngine("ReconcileLagSeconds", "p99", minute),
    threshold: 300,
    periods: 3,
    notifies: true,
    description: "Work starts five minutes after it was due: raise the concurrency",
  },
  {
    name: "ApplyLag",
    metric: ofEngine("ApplyLagSeconds", "p90", fiveMinutes),
    threshold: 900,
    periods: 3,
    notifies: true,
    description: "Revisions are applied a quarter of an hour after they were known: see what the runs wait for",
  },
  {
    name: "Overdue",
    metric: ofEngine("OverdueRows", "Maximum", fiveMinutes),
    threshold: 1,
    periods: 3,
    description: "Objects whose work was asked for long ago, and that no worker takes up",
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
