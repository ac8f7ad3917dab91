/** Deletes objects for the commands that take the engine out of a cluster, and says so; a dry run only says. */
import { refOf, subject, type KubeObject, type ObjectRef } from "../shared/api/kube-object.ts";
import { ownershipRef } from "../shared/bootstrap/ownership.ts";
import { type Cluster, KubeError } from "../shared/kubernetes/cluster.ts";
import type { Say } from "./say.ts";

export interface Deletion {
  readonly cluster: Cluster;
  readonly say: Say;
  readonly dryRun: boolean;
}

const rbac = "rbac.authorization.k8s.io/v1";
const managedByUs = "app.kubernetes.io/managed-by=driftless";

/** What only this engine brought. The ownership object first: it is what tells other engines to keep away. */
export async function deleteOwn(deletion: Deletion): Promise<void> {
  await deleteOne(deletion, ownershipRef);
  for (const kind of ["ClusterRoleBinding", "ClusterRole"])
    for (const object of await listServed(deletion.cluster, rbac, kind, managedByUs))
      await deleteOne(deletion, refOf(object));
}

export async function deleteOne({ cluster, say, dryRun }: Deletion, ref: ObjectRef): Promise<void> {
  if (!dryRun && (await cluster.delete(ref, { propagation: "Background" })) === "absent") return;
  if (dryRun && !(await cluster.get(ref))) return;
  say.success(`${subject({ kind: ref.kind, metadata: ref })} deleted${dry(dryRun)}`);
}

export const dry = (dryRun: boolean): string => (dryRun ? " (dry run)" : "");

/** Nothing, where the API server does not know the kind. */
export async function listServed(
  cluster: Cluster,
  apiVersion: string,
  kind: string,
  labelSelector?: string,
): Promise<readonly KubeObject[]> {
  try {
    const { items } = await cluster.list(apiVersion, kind, labelSelector === undefined ? {} : { labelSelector });
    return items;
  } catch (error) {
    if (error instanceof KubeError && ["NoMatch", "NotFound"].includes(error.reason)) return [];
    throw error;
  }
}
