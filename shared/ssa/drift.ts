/** Drift as Flux finds it: what a dry-run of the apply would change of labels, annotations and all but metadata and status. */
import { isDeepStrictEqual } from "node:util";

import type { KubeObject } from "../api/kube-object.ts";

export function hasDrifted(live: KubeObject, dryRun: KubeObject): boolean {
  return !isDeepStrictEqual(compared(live), compared(dryRun));
}

function compared(object: KubeObject) {
  const { labels = {}, annotations = {} } = object.metadata;
  const content = Object.entries(object).filter(([name]) => name !== "metadata" && name !== "status");
  return { labels, annotations, content: Object.fromEntries(content) };
}
