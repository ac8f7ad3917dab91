/** One page that answers, from top to bottom: does the engine work, are the clusters as Git says, where does it stick? */
import { Duration } from "aws-cdk-lib";
import * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";
import { Construct } from "constructs";

import type { EngineFunctions } from "../stacks/control-plane.ts";
import type { EngineAlarms } from "./alarms.ts";
import { byCluster, deadLetters, ofEngine, oldestMessage } from "./engine-metrics.ts";
import type { WorkQueues } from "./work-queue.ts";

export interface EngineDashboardProps {
  readonly engine: string;
  readonly functions: EngineFunctions;
  readonly queues: WorkQueues;
  readonly alarms: EngineAlarms;
}

const period = Duration.minutes(1);

export class EngineDashboard extends Construct {
  constructor(scope: Construct, id: string, { engine, functions, queues, alarms }: EngineDashboardProps) {
    super(scope, id);
    const all = Object.values(functions).map((each) => each.function);
    new cloudwatch.Dashboard(this, "Dashboard", {
      dashboardName: `driftless-${engine}`,
      defaultInterval: Duration.hours(6),
      widgets: [
        [new cloudwatch.AlarmStatusWidget({ title: "Alarms", alarms: [...alarms.all], width: 24, height: 4 })],
        [
          graph(
            "Drift found, left and flapping",
            byCluster("DriftDetected", "SUM", period),
            byCluster("DriftUncorrected", "MAX", period),
            byCluster("DriftFlapping", "MAX", period),
          ),
          graph("Failed runs", byCluster("ReconcileFailures", "SUM", period)),
          graph(
            "Seconds since the last sweep, and what one asks",
            byCluster("SweepAgeSeconds", "MAX", period),
            byCluster("SweepRequests", "MAX", period),
          ),
        ],
        [
          graph("Unreachable", byCluster("ClusterUnreachable", "SUM", period)),
          graph("Frozen", byCluster("EngineFrozen", "MAX", period)),
          graph("Prunes that wait for approval", byCluster("PrunePending", "MAX", period)),
        ],
        [
          graph(
            "Seconds from due to start",
            ofEngine("ReconcileLagSeconds", "p50", period),
            ofEngine("ReconcileLagSeconds", "p99", period),
          ),
          graph(
            "Seconds from stored to applied",
            ofEngine("ApplyLagSeconds", "p50", period),
            ofEngine("ApplyLagSeconds", "p90", period),
          ),
          graph(
            "Oldest message, dead letters, overdue rows",
            oldestMessage(queues, period),
            deadLetters(queues, period),
            ofEngine("OverdueRows", "Maximum", period),
          ),
        ],
        [
          graph(
            "Deaths, refused and idle webhooks",
            ofEngine("WorkerDied", "Sum", period),
            ofEngine("WebhookSignatureRejected", "Sum", period),
            ofEngine("WebhookUnknownRepository", "Sum", period),
          ),
        ],
        [
          graph("Invocations", ...all.map((each) => each.metricInvocations({ period }))),
          graph("Errors", ...all.map((each) => each.metricErrors({ period }))),
          graph("Duration, p99", ...all.map((each) => each.metricDuration({ period, statistic: "p99" }))),
        ],
      ],
    });
  }
}

function graph(title: string, ...left: cloudwatch.IMetric[]): cloudwatch.GraphWidget {
  return new cloudwatch.GraphWidget({ title, left, width: 8, height: 6, leftYAxis: { min: 0 } });
}
