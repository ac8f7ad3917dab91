/** Which changes of an audit log are worth a look at the cluster: those that people and their tools make to what Git describes. */
import { clusterRoleNamePrefix } from "../config/cluster-roles.ts";
import { parseId } from "../inventory/id.ts";
import type { AuditedChange } from "./audit-event.ts";

/** Of the objects in the inventories of a cluster, in a form that the audit log's words can be compared with. */
export type OwnedObjects = ReadonlySet<string>;

export const indexOwned = (ids: Iterable<string>): OwnedObjects => {
  const owned = new Set<string>();
  for (const id of ids) {
    const parsed = parseId(id);
    if (!parsed) continue;
    const { group, namespace, name } = parsed;
    owned.add(named(group, namespace, name));
    owned.add(named(group, namespace, ""));
  }
  return owned;
};

const named = (group: string, namespace: string, name: string): string => `${group}/${namespace}/${name}`;

/**
 * Kubernetes' own controllers and nodes, EKS, and this engine by whatever name it acts: its sessions are those of roles with
 * the engine's prefix, and what it does in a ServiceAccount's name is logged under the session's.
 */
export function isOfInterest({ actor: { user, arn = "" } }: AuditedChange, engine: string): boolean {
  const role = `:assumed-role/${clusterRoleNamePrefix(engine)}`;
  if (user.includes(role) || arn.includes(role)) return false;
  if (user.startsWith("system:serviceaccount:")) return !user.startsWith("system:serviceaccount:kube-system:");
  return !user.startsWith("system:") && !user.startsWith("eks:");
}

/**
 * Flux's own objects are looked at whoever owns them: an annotation asks for a run. Without a name it is a whole collection
 * that is deleted, or something new whose name the server chooses.
 */
export const isOwned = ({ verb, group, namespace, name }: AuditedChange, owned: OwnedObjects): boolean =>
  group.endsWith(".toolkit.fluxcd.io") ||
  ((name !== "" || verb === "deletecollection") && owned.has(named(group, namespace, name)));
