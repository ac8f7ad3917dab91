/** What a health rule answers, and the shortest ways to say it. The rules are kstatus', as Flux uses them. */

export type HealthStatus = "Current" | "InProgress" | "Failed" | "Terminating" | "NotFound" | "Unknown";

export interface Health {
  readonly status: HealthStatus;
  readonly message: string;
  /** kstatus' standard condition for the status: Reconciling when InProgress, Stalled when Failed. */
  readonly condition?: {
    readonly type: "Reconciling" | "Stalled";
    readonly reason: string;
    readonly message: string;
  };
}

export const current = (message: string): Health => ({ status: "Current", message });

export const inProgress = (reason: string, message: string): Health => ({
  status: "InProgress",
  message,
  condition: { type: "Reconciling", reason, message },
});

export const failed = (reason: string, message: string): Health => ({
  status: "Failed",
  message,
  condition: { type: "Stalled", reason, message },
});
