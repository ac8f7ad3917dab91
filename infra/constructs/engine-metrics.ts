/** The engine's metrics as CloudWatch sees them, for alarms and dashboard. */
import { Duration } from "aws-cdk-lib";
import * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";

import { metricNamespace, metrics, type MetricName } from "../../shared/runtime/metrics.ts";
import type { EngineFunctions } from "../stacks/control-plane.ts";
import type { WorkQueues } from "./work-queue.ts";

type NameWith<Dimensions> = {
  [N in MetricName]: (typeof metrics)[N]["dimensions"] extends Dimensions ? N : never;
}[MetricName];
/** Metrics with one series for each cluster. */
export type ClusterMetric = NameWith<readonly ["Cluster"]>;
/** Metrics with one series for the engine. */
export type EngineMetric = NameWith<readonly []>;

/** One series for each cluster, so that one alarm follows all of them, those to come included. */
export function byCluster(name: ClusterMetric, statistic: "SUM" | "MAX", period: Duration): cloudwatch.MathExpression {
  return new cloudwatch.MathExpression({
    expression: `SELECT ${statistic}(${name}) FROM SCHEMA("${metricNamespace}", Cluster) GROUP BY Cluster`,
    usingMetrics: {},
    period,
    label: name,
  });
}

export function ofEngine(name: EngineMetric, statistic: string, period: Duration): cloudwatch.Metric {
  return new cloudwatch.Metric({ namespace: metricNamespace, metricName: name, statistic, period });
}

export function oldestMessage(queues: WorkQueues, period: Duration): cloudwatch.MathExpression {
  return combined("MAX", "oldest message (s)", period, {
    sourceAge: queues.source.queue.metricApproximateAgeOfOldestMessage({ period }),
    reconcileAge: queues.reconcile.queue.metricApproximateAgeOfOldestMessage({ period }),
    sweepAge: queues.sweep.queue.metricApproximateAgeOfOldestMessage({ period }),
  });
}

export function deadLetters(queues: WorkQueues, period: Duration): cloudwatch.MathExpression {
  const visible = (name: keyof WorkQueues) =>
    queues[name].deadLetters.metricApproximateNumberOfMessagesVisible({ period, statistic: "Maximum" });
  return combined("SUM", "dead letters", period, {
    sourceDead: visible("source"),
    reconcileDead: visible("reconcile"),
    sweepDead: visible("sweep"),
  });
}

export function functionErrors(functions: EngineFunctions, period: Duration): cloudwatch.MathExpression {
  return combined(
    "SUM",
    "failed invocations",
    period,
    Object.fromEntries(
      Object.entries(functions).map(([name, { function: it }]) => [`${name}Errors`, it.metricErrors({ period })]),
    ),
  );
}

function combined(
  operator: "MAX" | "SUM",
  label: string,
  period: Duration,
  usingMetrics: Record<string, cloudwatch.IMetric>,
): cloudwatch.MathExpression {
  const expression = `${operator}([${Object.keys(usingMetrics).join(", ")}])`;
  return new cloudwatch.MathExpression({ expression, usingMetrics, period, label });
}
