/**
 * The metrics of the engine, and the one function that writes them: a line of CloudWatch's embedded metric format on
 * standard output becomes a metric without an API call. Alarms match dimension sets exactly, so each metric has one set,
 * pinned here. Everything with many values (object, revision) is a property: searchable, never a metric of its own.
 */
import type { Clock } from "./clock.ts";

export const metricNamespace = "Driftless";

/** CloudWatch's units, as far as they are used. */
export type MetricUnit = "Count" | "Seconds";

interface MetricDefinition {
  readonly unit: MetricUnit;
  readonly dimensions: readonly "Cluster"[];
}

export const metrics = {
  /** Kustomizations in which a run found drift that was not there before; none that is snoozed. */
  DriftDetected: { unit: "Count", dimensions: ["Cluster"] },
  /** Gauge, by the sweep, only above zero: Kustomizations with drift that stands, whatever the reason but a snooze. */
  DriftUncorrected: { unit: "Count", dimensions: ["Cluster"] },
  /** Gauge, by the sweep, only above zero: Kustomizations with a field that another manager rewrites after each correction. */
  DriftFlapping: { unit: "Count", dimensions: ["Cluster"] },
  /** Gauge, by the tick: time since the last finished sweep of a cluster. */
  SweepAgeSeconds: { unit: "Seconds", dimensions: ["Cluster"] },
  /** Requests of one sweep to its API servers. */
  SweepRequests: { unit: "Count", dimensions: ["Cluster"] },
  /** Runs that ended Ready=False. */
  ReconcileFailures: { unit: "Count", dimensions: ["Cluster"] },
  /** Start of a run less the time at which it was due. */
  ReconcileLagSeconds: { unit: "Seconds", dimensions: [] },
  /** From the moment at which a revision was stored until a Kustomization had applied it. */
  ApplyLagSeconds: { unit: "Seconds", dimensions: [] },
  /** Gauge, by the tick: rows whose work was asked for a quarter of an hour ago or longer, and was not done. */
  OverdueRows: { unit: "Count", dimensions: [] },
  /** A run came to no end: its worker never released the row, or it is the third that its deadline cut off in one place. */
  WorkerDied: { unit: "Count", dimensions: [] },
  /** Requests that could not reach a cluster's API server. */
  ClusterUnreachable: { unit: "Count", dimensions: ["Cluster"] },
  /** Gauge: 1 while another engine is seen in the cluster and writes are off. */
  EngineFrozen: { unit: "Count", dimensions: ["Cluster"] },
  /** Gauge, sent only above zero: Kustomizations with a prune that waits for a person's approval. */
  PrunePending: { unit: "Count", dimensions: ["Cluster"] },
  /** Deliveries about a repository that no source follows. */
  WebhookUnknownRepository: { unit: "Count", dimensions: [] },
  /** Webhooks refused for their signature. */
  WebhookSignatureRejected: { unit: "Count", dimensions: [] },
} as const satisfies Readonly<Record<string, MetricDefinition>>;

export type MetricName = keyof typeof metrics;

type DimensionsOf<N extends MetricName> = (typeof metrics)[N]["dimensions"] extends readonly []
  ? Readonly<Record<string, never>>
  : { readonly Cluster: string };

/**
 * One line (without its end) for standard output: write it with `process.stdout.write`, not through a logger that would
 * wrap it. `properties` are searchable in the logs and must not be named like the metric or a dimension.
 */
export function emf<N extends MetricName>(
  clock: Pick<Clock, "now">,
  name: N,
  value: number,
  unit: (typeof metrics)[N]["unit"],
  dimensions: DimensionsOf<N>,
  properties: Readonly<Record<string, string | number | boolean>> = {},
): string {
  return JSON.stringify({
    ...properties,
    _aws: {
      Timestamp: clock.now(),
      CloudWatchMetrics: [
        {
          Namespace: metricNamespace,
          Dimensions: [metrics[name].dimensions],
          Metrics: [{ Name: name, Unit: unit }],
        },
      ],
    },
    ...dimensions,
    [name]: value,
  });
}
