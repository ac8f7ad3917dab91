/** Which objects Flux's controllers watch: all, or those of a namespace or of the shards' labels. */
import type { KubeObject } from "../api/kube-object.ts";
import { parseLabelSelector } from "../ssa/label-selector.ts";

export interface WatchScope {
  /** Empty: every namespace. */
  readonly namespace: string;
  /** Empty: whatever the labels. */
  readonly labelSelector: string;
}

export const everything: WatchScope = { namespace: "", labelSelector: "" };

/** Whether any of the shards would reconcile the object; nobody does when there is none. */
export function isWatched(scopes: readonly WatchScope[], { metadata }: Pick<KubeObject, "metadata">): boolean {
  const { namespace = "", labels = {} } = metadata;
  return scopes.some(
    (scope) =>
      (scope.namespace === "" || scope.namespace === namespace) && parseLabelSelector(scope.labelSelector)(labels),
  );
}
