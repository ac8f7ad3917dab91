/** Keeps a WATCH open for each kind that is waited for, and says which objects none of them tells of. */
import { type KubeObject, type ObjectRef, refOf } from "../api/kube-object.ts";
import { type Cluster, KubeError } from "../kubernetes/cluster.ts";
import type { Clock } from "../runtime/clock.ts";
import { kindKey } from "./observe-live.ts";
import { covers, type Owned, type Scope, scopesOf } from "./watch-scopes.ts";

export interface Watches {
  /**
   * Opens what is missing.
   * @returns the objects that nothing tells of: they have to be asked for
   */
  open(refs: readonly ObjectRef[]): readonly ObjectRef[];
  close(): void;
}

export interface WatchSink {
  readonly saw: (object: KubeObject) => void;
  /** It is gone, or has left the selection. */
  readonly left: (ref: ObjectRef, isGone: boolean, version: string) => void;
  /** A WATCH ended: what it told of is not told of any more. */
  readonly ended: () => void;
}

export interface WatchPorts {
  readonly clock: Pick<Clock, "now">;
  readonly owned: Owned;
  /** Versions of lists, by kind. */
  readonly versions: Map<string, string>;
}

interface Watch {
  readonly scope: Scope;
  isOpen: boolean;
  /** Undefined: never again. */
  retryAt: number | undefined;
}

/** What cannot be watched: not allowed, no such verb, no such kind. */
const refusals = new Set(["Forbidden", "NotFound", "NoMatch", "MethodNotAllowed"]);
const retryMillis = 1000;
/** Nothing is left behind at the server by a process that was frozen. */
const timeoutSeconds = 60;

export function createWatches(cluster: Cluster, sink: WatchSink, { clock, owned, versions }: WatchPorts): Watches {
  const over = new AbortController();
  const watches = new Map<string, Watch>();
  let defect: Error | undefined;

  const follow = async (watch: Watch): Promise<void> => {
    const { apiVersion, kind, ...selection } = watch.scope;
    const resourceVersion = versions.get(kindKey(watch.scope)) ?? "";
    const options = { ...selection, resourceVersion, timeoutSeconds, signal: over.signal };
    try {
      for await (const { type, object } of cluster.watch(apiVersion, kind, options))
        if (type === "DELETED") sink.left(...departure(object, watch.scope));
        else if (type !== "BOOKMARK") sink.saw(object);
      watch.retryAt = clock.now() + retryMillis;
    } catch (error) {
      if (!(error instanceof KubeError)) defect = error instanceof Error ? error : new Error(String(error));
      else watch.retryAt = retryAfter(error, watch.scope);
    }
    watch.isOpen = false;
    if (!over.signal.aborted) sink.ended();
  };
  const retryAfter = (error: KubeError, scope: Scope): number | undefined => {
    if (error.reason !== "Gone") return refusals.has(error.reason) ? undefined : clock.now() + retryMillis;
    versions.delete(kindKey(scope));
    return clock.now();
  };
  const start = (scope: Scope): void => {
    const key = [kindKey(scope), scope.namespace, scope.labelSelector, scope.fieldSelector].join(" ");
    const before = watches.get(key);
    if (before && (before.isOpen || before.retryAt === undefined || before.retryAt > clock.now())) return;
    const watch: Watch = { scope, isOpen: true, retryAt: undefined };
    watches.set(key, watch);
    void follow(watch);
  };
  const untold = (refs: readonly ObjectRef[]) => {
    const told = [...watches.values()].filter(({ isOpen }) => isOpen);
    return refs.filter((ref) => !told.some(({ scope }) => covers(scope, ref, owned)));
  };

  return {
    open(refs) {
      if (defect) throw defect;
      scopesOf(untold(refs), owned).forEach(start);
      return untold(refs);
    },
    close: () => over.abort(),
  };
}

/** An object that only lost its label left the selection too: only a WATCH by name proves that it is gone. */
function departure(object: KubeObject, { fieldSelector }: Scope): Parameters<WatchSink["left"]> {
  return [refOf(object), fieldSelector !== undefined, object.metadata.resourceVersion ?? ""];
}
