/** A cluster whose failures are the object's that asked, not the engine's: it belongs to whoever gave its kubeconfig. */
import type { KubeObject } from "../api/kube-object.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { type Cluster, isUnavailable, KubeError, type ObjectList } from "./cluster.ts";

/**
 * @param name for messages, e.g. `the cluster of KubeConfig secret 'apps/remote'`
 * @param signal ends every request
 */
export function foreignCluster(cluster: Cluster, name: string): Cluster {
  const own = async <T>(request: () => Promise<T>): Promise<T> => {
    try {
      return await request();
    } catch (error) {
      throw foreignError(error, name);
    }
  };
  return {
    resource: (...args) => own(() => cluster.resource(...args)),
    get: (...args) => own(() => cluster.get(...args)),
    list: (...args) => own(async () => checked(await cluster.list(...args))),
    create: (...args) => own(() => cluster.create(...args)),
    apply: (...args) => own(() => cluster.apply(...args)),
    mergePatch: (...args) => own(() => cluster.mergePatch(...args)),
    jsonPatch: (...args) => own(() => cluster.jsonPatch(...args)),
    delete: (...args) => own(() => cluster.delete(...args)),
    watch: (...args) => cluster.watch(...args),
    document: (...args) => own(() => cluster.document(...args)),
    as: (user) => foreignCluster(cluster.as(user), name),
  };
}

/** What the server refuses stays a refusal; that it cannot be asked, or answers what is no API's, is said of it by name. */
function foreignError(error: unknown, name: string): unknown {
  const isRefusal = error instanceof KubeError && !isUnavailable(error);
  const isAbort = error instanceof DOMException;
  if (isRefusal || isAbort || error instanceof ReconcileError) return error;
  if (!(error instanceof KubeError) && !(error instanceof SyntaxError) && !(error instanceof TypeError)) return error;
  const why = error instanceof KubeError ? error.message : "it does not answer as a Kubernetes API server";
  return new ReconcileError("retry", "ReconciliationFailed", `${name} cannot be used: ${why}`, { cause: error });
}

function checked(list: ObjectList): ObjectList {
  for (const { metadata } of list.items as readonly Partial<KubeObject>[])
    if (typeof metadata?.name !== "string") throw new TypeError("an item of a list has no name");
  return list;
}
