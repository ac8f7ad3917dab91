/**
 * A short digest of what Flux compares of a live object (labels, annotations, everything but metadata, status and ignored
 * fields) and of what it takes over (the presence of field managers that it migrates). A Secret has none: only its version
 * is kept.
 */
import { createHash } from "node:crypto";

import { isLosslessNumber } from "lossless-json";

import type { KubeObject } from "../api/kube-object.ts";
import { isMigrated } from "../ssa/field-managers.ts";
import { without } from "../ssa/json-pointer.ts";
import { type ApplyRules, noRules } from "./apply-rules.ts";

/** Written by Kubernetes' own controllers without a change of the workload. */
const controllersAnnotations = new Set(["deployment.kubernetes.io/revision"]);

export function liveDigest(
  live: KubeObject,
  { ignored, settings }: Pick<ApplyRules, "ignored" | "settings"> = noRules,
): string {
  if (live.kind === "Secret") return "";
  const object = without(live, ignored(live));
  const { labels = {}, annotations = {}, managedFields = [] } = object.metadata;
  const content: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(object))
    if (name !== "metadata" && name !== "status") content[name] = value;
  const compared = {
    content,
    labels,
    annotations: Object.fromEntries(Object.entries(annotations).filter(([name]) => !controllersAnnotations.has(name))),
    foreign: managedFields
      .filter((entry) => isMigrated(entry, settings.overrideManagers))
      .map(({ manager, operation }) => `${manager} ${operation}`)
      .sort(),
  };
  return createHash("sha256").update(stable(compared)).digest("hex").slice(0, 32);
}

/** JSON with sorted keys; numbers that carry their text (int64) keep it. */
function stable(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(stable).join(",")}]`;
  if (typeof value === "bigint") return value.toString();
  if (isLosslessNumber(value)) return value.toString();
  if (value === undefined) return "null";
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value as Record<string, unknown>).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([name, entry]) => `${JSON.stringify(name)}:${stable(entry)}`).join(",")}}`;
}
