/** What the engine tells CloudWatch, in the words of those who tell it: the one place where metrics are emitted. */
import type { Clock } from "./clock.ts";
import { emf } from "./metrics.ts";

/** Clusters by the name in the fleet file. */
export interface EngineMetrics {
  /** How a Kustomization's run ended. */
  readonly outcome: (cluster: string, kind: string) => void;
  /** What a run found to differ although neither Git nor the Kustomization had changed. */
  readonly drifted: (cluster: string, found: { readonly key: string; readonly objects: number }) => void;
  /** A sweep came to its end: zeros where others count, so that their alarms end with the next minute. */
  readonly swept: (cluster: string) => void;
  /** What one sweep asked of its API servers. */
  readonly sweepRequests: (cluster: string, requests: number) => void;
  readonly sweepAge: (cluster: string, seconds: number) => void;
  readonly unreachable: (cluster: string) => void;
  readonly frozen: (cluster: string, reasons: readonly string[]) => void;
  readonly prunePending: (cluster: string, kustomizations: number) => void;
  /** Kustomizations with drift that stands, and those where it comes back after each correction. */
  readonly driftStands: (cluster: string, count: { readonly uncorrected: number; readonly flapping: number }) => void;
  /** From the time at which the oldest claimed row was due. */
  readonly late: (seconds: number) => void;
  /** Rows whose work was asked for long ago and not done. */
  readonly overdue: (rows: number) => void;
  /** From the moment at which a revision was stored until a Kustomization had applied it. */
  readonly applied: (seconds: number) => void;
  readonly workerDied: (properties: { readonly key: string; readonly end: string }) => void;
  readonly signatureRejected: () => void;
  readonly unknownRepository: (repository: string) => void;
}

/** @param write gets one line, without its end, for standard output as it is */
export function createEngineMetrics(clock: Pick<Clock, "now">, write: (line: string) => void): EngineMetrics {
  return {
    outcome: (Cluster, kind) => {
      const failed = kind === "retrying" || kind === "stalled";
      write(emf(clock, "ReconcileFailures", failed ? 1 : 0, "Count", { Cluster }));
    },
    drifted: (Cluster, found) => write(emf(clock, "DriftDetected", 1, "Count", { Cluster }, { ...found })),
    swept: (Cluster) => write(emf(clock, "DriftDetected", 0, "Count", { Cluster })),
    sweepRequests: (Cluster, requests) => write(emf(clock, "SweepRequests", requests, "Count", { Cluster })),
    sweepAge: (Cluster, seconds) => write(emf(clock, "SweepAgeSeconds", seconds, "Seconds", { Cluster })),
    unreachable: (Cluster) => write(emf(clock, "ClusterUnreachable", 1, "Count", { Cluster })),
    frozen: (Cluster, reasons) => write(emf(clock, "EngineFrozen", reasons.length > 0 ? 1 : 0, "Count", { Cluster })),
    prunePending: (Cluster, count) => write(emf(clock, "PrunePending", count, "Count", { Cluster })),
    driftStands: (Cluster, { uncorrected, flapping }) => {
      write(emf(clock, "DriftUncorrected", uncorrected, "Count", { Cluster }));
      if (flapping > 0) write(emf(clock, "DriftFlapping", flapping, "Count", { Cluster }));
    },
    late: (seconds) => write(emf(clock, "ReconcileLagSeconds", seconds, "Seconds", {})),
    overdue: (rows) => write(emf(clock, "OverdueRows", rows, "Count", {})),
    applied: (seconds) => write(emf(clock, "ApplyLagSeconds", seconds, "Seconds", {})),
    workerDied: (properties) => write(emf(clock, "WorkerDied", 1, "Count", {}, properties)),
    signatureRejected: () => write(emf(clock, "WebhookSignatureRejected", 1, "Count", {})),
    unknownRepository: (repository) => write(emf(clock, "WebhookUnknownRepository", 1, "Count", {}, { repository })),
  };
}
