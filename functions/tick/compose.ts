/** Puts the tick together: fleet, table and queues behind shared/schedule. */
import { createEngine } from "../../shared/aws/engine.ts";
import { readFleetFile } from "../../shared/aws/fleet-file.ts";
import { claimDue } from "../../shared/lease/claim.ts";
import { type Environment, requireVariable } from "../../shared/runtime/environment.ts";
import { emf } from "../../shared/runtime/metrics.ts";
import { tick } from "../../shared/schedule/tick.ts";

export function compose(environment: Environment): () => Promise<{ readonly claimed: number }> {
  const engine = createEngine(environment);
  const { clock, table, log, emit, trigger } = engine;
  const fleet = readFleetFile(requireVariable(environment, "DRIFTLESS_FLEET_FILE"));

  return async () => {
    const result = await tick(fleet, {
      table,
      clock,
      trigger,
      claimDue: async () => {
        const { sent, lateSeconds, failures } = await claimDue(engine);
        for (const failure of failures) log("claim failed", { error: String(failure) });
        emit(emf(clock, "ReconcileLagSeconds", lateSeconds, "Seconds", {}));
        return sent;
      },
      sweepAge: (Cluster, seconds) => emit(emf(clock, "SweepAgeSeconds", seconds, "Seconds", { Cluster })),
    });
    log("tick", { claimed: result.claimed });
    return result;
  };
}
