/** A cluster whose every request ends when a signal aborts: no run is held beyond its deadline by a slow API server. */
import { setMaxListeners } from "node:events";

import type { Cluster } from "./cluster.ts";
import type { Spoke, Spokes } from "./spokes.ts";

/** A request's own signal counts too. */
export function bindSignal(cluster: Cluster, signal: AbortSignal): Cluster {
  // Each request in flight listens, and there may be many.
  setMaxListeners(0, signal);
  const both = (own: AbortSignal | undefined) => (own ? AbortSignal.any([signal, own]) : signal);
  return {
    resource: (apiVersion, kind) => cluster.resource(apiVersion, kind),
    get: (ref, own) => cluster.get(ref, both(own)),
    list: (apiVersion, kind, options = {}) =>
      cluster.list(apiVersion, kind, { ...options, signal: both(options.signal) }),
    create: (object, fieldManager, own) => cluster.create(object, fieldManager, both(own)),
    apply: (object, options) => cluster.apply(object, { ...options, signal: both(options.signal) }),
    mergePatch: (ref, patch, options) => cluster.mergePatch(ref, patch, { ...options, signal: both(options.signal) }),
    jsonPatch: (ref, operations, options) =>
      cluster.jsonPatch(ref, operations, { ...options, signal: both(options.signal) }),
    delete: (ref, options = {}) => cluster.delete(ref, { ...options, signal: both(options.signal) }),
    watch: (apiVersion, kind, options) => cluster.watch(apiVersion, kind, { ...options, signal: both(options.signal) }),
    document: (path, own) => cluster.document(path, both(own)),
    as: (user) => bindSignal(cluster.as(user), signal),
  };
}

export function bindSpokes(spokes: Spokes, signal: AbortSignal): Spokes {
  const bound = (spoke: Spoke): Spoke => ({ ...spoke, cluster: bindSignal(spoke.cluster, signal) });
  return {
    ofKubeconfig: (text) => bound(spokes.ofKubeconfig(text)),
    ofArn: async (arn) => bound(await spokes.ofArn(arn)),
  };
}
