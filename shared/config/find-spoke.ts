/** Which cluster of the fleet an ARN in a ConfigMap means, and whether it lets the cluster in that the ConfigMap is in. */
import type { FleetCluster } from "./fleet.ts";

export type FoundSpoke =
  { readonly ok: true; readonly name: string } | { readonly ok: false; readonly problem: string };

/**
 * The engine could enter every cluster of its fleet; that a cluster is applied to from another one is for its own entry
 * to allow, or whoever may write a Kustomization somewhere could write everywhere.
 */
export function findSpoke(clusters: readonly FleetCluster[], hub: string, arn: string): FoundSpoke {
  const member = clusters.find((cluster) => cluster.arn === arn);
  if (!member) return { ok: false, problem: `cluster '${arn}' is not in the fleet: add it to fleet.json` };
  if (member.name === hub || member.hubs?.includes(hub)) return { ok: true, name: member.name };
  return {
    ok: false,
    problem: `cluster '${arn}' does not let cluster '${hub}' apply to it: add "${hub}" to hubs of ${member.name} in fleet.json`,
  };
}
