/** Prolongs a lease while its run is at work. */
import { renewUpdate } from "./expressions.ts";
import type { Lease } from "./lease.ts";
import { type LeasePorts, epochSeconds, rowKey } from "./row.ts";

/** False when the lease is no longer ours: the run ends and writes nothing more. */
export async function renew(ports: LeasePorts, lease: Lease): Promise<boolean> {
  const update = renewUpdate({ now: epochSeconds(ports.clock), token: lease.token });
  const result = await ports.table.update(rowKey(lease.key), update);
  return result.ok;
}
