/** Whose change it was that somebody has found in the cluster, as far as the audit log tells. */
import type { ObjectRef } from "../api/kube-object.ts";
import type { Table } from "../lease/ports.ts";
import { rfc3339 } from "../runtime/clock.ts";
import { findActor, type KnownActor } from "./actors.ts";

export interface FoundChange {
  readonly ref: ObjectRef;
  readonly isDeleted: boolean;
  /** RFC 3339: when the object's managers changed it, as far as it tells. */
  readonly times: readonly string[];
}

/** The log's clock and that of managedFields are the API server's, but each cuts its time at another moment of a request. */
const toleranceMillis = 2_000;

/** Undefined where somebody else may have done it since: a controller, of which the log is not read. */
export async function findCulprit(
  table: Table,
  cluster: string,
  { ref, isDeleted, times }: FoundChange,
): Promise<KnownActor | undefined> {
  const latest = Math.max(...times.map((time) => Date.parse(time)).filter((time) => !Number.isNaN(time)));
  const since = Number.isFinite(latest) ? rfc3339(latest - toleranceMillis) : "";
  const actor = await findActor(table, cluster, ref, since);
  return actor?.verb.startsWith("delete") === isDeleted ? actor : undefined;
}
