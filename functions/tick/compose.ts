/** Puts the tick together: fleet, table and queues behind shared/schedule. */
import { createEngine } from "../../shared/aws/engine.ts";
import { readFleetFile } from "../../shared/aws/fleet-file.ts";
import { claimDue } from "../../shared/lease/claim.ts";
import { type Environment, requireVariable } from "../../shared/runtime/environment.ts";
import { tick } from "../../shared/schedule/tick.ts";

export function compose(environment: Environment): () => Promise<{ readonly claimed: number }> {
  const engine = createEngine(environment);
  const { clock, table, log, metrics, trigger } = engine;
  const fleet = readFleetFile(requireVariable(environment, "DRIFTLESS_FLEET_FILE"));

  return async () => {
    const result = await tick(fleet, {
      table,
      clock,
      trigger,
      claimDue: async () => {
        const { sent, lateSeconds, overdue, failures } = await claimDue(engine);
        for (const failure of failures) log("claim failed", { error: String(failure) });
        metrics.late(lateSeconds);
        metrics.overdue(overdue);
        return sent;
      },
      sweepAge: metrics.sweepAge,
    });
    log("tick", { claimed: result.claimed });
    return result;
  };
}
