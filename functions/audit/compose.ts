/** Puts the reader of audit logs together: fleet, table, the sweep's queue, and what the last sweep remembers. */
import { createBucket } from "../../shared/aws/bucket.ts";
import { createEngine } from "../../shared/aws/engine.ts";
import { readFleetFile } from "../../shared/aws/fleet-file.ts";
import { handleAuditLog } from "../../shared/audit/handle.ts";
import { readLogEvents } from "../../shared/audit/log-events.ts";
import { createOwnedObjects } from "../../shared/audit/owned-objects.ts";
import { type Environment, requireVariable } from "../../shared/runtime/environment.ts";

export function compose(environment: Environment): (event: unknown) => Promise<void> {
  const { table, clock, log, trigger } = createEngine(environment);
  const { blobs } = createBucket(environment);
  const fleet = readFleetFile(requireVariable(environment, "DRIFTLESS_FLEET_FILE"));
  const owned = createOwnedObjects({ blobs, clock });

  return async (event) => {
    const delivered = await readLogEvents(event);
    if (delivered) await handleAuditLog(fleet, delivered, { table, clock, log, trigger, owned });
  };
}
