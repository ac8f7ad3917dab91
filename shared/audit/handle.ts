/**
 * Works on a delivery of audit log lines: notes who changed what Git describes, and has the cluster swept at once. A line is
 * a hint: what is true is read from the cluster, by the sweep.
 */
import { parseClusterArn } from "../config/cluster-arn.ts";
import type { Fleet, FleetCluster } from "../config/fleet.ts";
import { sweepKey } from "../lease/message.ts";
import type { Table } from "../lease/ports.ts";
import type { Clock } from "../runtime/clock.ts";
import { restUntil } from "../runtime/cluster-record.ts";
import { each } from "../runtime/each.ts";
import type { Log } from "../runtime/log.ts";
import { recordActor } from "./actors.ts";
import { type AuditedChange, readAuditEvent } from "./audit-event.ts";
import type { LogEvents } from "./log-events.ts";
import { isOfInterest, isOwned, type OwnedObjects } from "./relevance.ts";

export interface AuditPorts {
  readonly table: Table;
  readonly clock: Clock;
  readonly log: Log;
  readonly trigger: (key: string, why: string) => Promise<void>;
  /** What the cluster's last sweep found in inventories. */
  readonly owned: (cluster: string) => Promise<OwnedObjects>;
}

/** Beyond so many in a minute the cluster waits for its regular sweep: somebody writes all the time. */
const promptsPerMinute = 10;
const inFlight = 8;

export async function handleAuditLog(
  fleet: Fleet,
  { owner, logGroup, lines }: LogEvents,
  ports: AuditPorts,
): Promise<void> {
  const clusters = fleet.clusters.filter((cluster) => isLogOf(cluster, owner, logGroup));
  if (clusters.length === 0) {
    ports.log("audit log of no cluster of the fleet", { owner, logGroup });
    return;
  }
  const changes = lines
    .flatMap((line) => readAuditEvent(line) ?? [])
    .filter((change) => isOfInterest(change, fleet.engine));
  if (changes.length === 0) return;
  for (const { name } of clusters) await look(name, changes, ports);
}

/** Of EKS: `/aws/eks/<cluster>/cluster`, in the cluster's account. */
function isLogOf({ arn, auditLogs = false }: FleetCluster, owner: string, logGroup: string): boolean {
  const parsed = parseClusterArn(arn);
  return auditLogs && parsed?.account === owner && logGroup === auditLogGroup(parsed.cluster);
}

export const auditLogGroup = (eksCluster: string): string => `/aws/eks/${eksCluster}/cluster`;

async function look(cluster: string, changes: readonly AuditedChange[], ports: AuditPorts): Promise<void> {
  const owned = await ports.owned(cluster);
  const ours = changes.filter((change) => isOwned(change, owned));
  if (ours.length === 0) return;
  // Before the sweep: who finds the change asks who made it.
  const last = new Map(
    ours.map((change) => [`${change.group}/${change.resource}/${change.namespace}/${change.name}`, change]),
  );
  await each([...last.values()], inFlight, (change) => recordActor(ports.table, cluster, change, ports.clock));
  const [first] = ours;
  if (!(await mayPrompt(cluster, ports))) return;
  ports.log("changed by hand", {
    key: sweepKey(cluster),
    objects: last.size,
    first: `${first?.resource ?? ""}/${first?.namespace ?? ""}/${first?.name ?? ""}`,
    user: first?.actor.user,
    verb: first?.verb,
  });
  await ports.trigger(sweepKey(cluster), "audit");
}

async function mayPrompt(cluster: string, { table, clock }: AuditPorts): Promise<boolean> {
  const seconds = Math.floor(clock.now() / 1000);
  // One whose sweeps die rests, whoever edits there.
  if (restUntil(await table.get({ pk: `CL#${cluster}`, sk: "META" })) > seconds) return false;
  const minute = Math.floor(seconds / 60);
  const counted = await table.update(
    { pk: `AUDIT#${cluster}`, sk: `M#${minute}` },
    { update: "SET v = :v, ttl = :ttl ADD prompts :one", values: { ":v": 1, ":ttl": seconds + 3600, ":one": 1 } },
  );
  const prompts = counted.ok ? counted.item.prompts : 0;
  return typeof prompts === "number" && prompts <= promptsPerMinute;
}
