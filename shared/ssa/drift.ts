/** Drift as Flux finds it: what a dry-run of the apply would change of labels, annotations and all but metadata and status. */
import { isDeepStrictEqual } from "node:util";

import type { KubeObject } from "../api/kube-object.ts";
import { type Pointer, without } from "./json-pointer.ts";

/** @param ignored fields that are left to others */
export function hasDrifted(live: KubeObject, dryRun: KubeObject, ignored: readonly Pointer[] = []): boolean {
  return !isDeepStrictEqual(compared(without(live, ignored)), compared(without(dryRun, ignored)));
}

function compared(object: KubeObject) {
  const { labels = {}, annotations = {} } = object.metadata;
  const content = Object.entries(object).filter(([name]) => name !== "metadata" && name !== "status");
  return { labels, annotations, content: Object.fromEntries(content) };
}
