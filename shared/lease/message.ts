/** A message is a hint that an object may need work, never an instruction: the worker reads the truth afresh. */

export interface WorkMessage {
  readonly v: 1;
  readonly key: string;
  readonly why: string;
}

/** `<cluster>/<group>/<Kind>/<namespace>/<name>`; the sweep of a cluster is `<cluster>/sweep`. */
export interface ObjectKey {
  readonly cluster: string;
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

export function formatKey(key: ObjectKey): string {
  return [key.cluster, key.group, key.kind, key.namespace, key.name].join("/");
}

/** Undefined for anything that is not a key of an object. */
export function parseKey(text: string): ObjectKey | undefined {
  const [cluster, group, kind, namespace, name, ...rest] = text.split("/");
  if (!cluster || !group || !kind || !namespace || !name || rest.length > 0) return undefined;
  return { cluster, group, kind, namespace, name };
}

export const sweepKey = (cluster: string): string => `${cluster}/sweep`;

/** Undefined when the text is not a work message of a version that we read. */
export function parseMessage(text: string): WorkMessage | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { v, key, why } = value as Record<string, unknown>;
  if (v !== 1 || typeof key !== "string" || typeof why !== "string") return undefined;
  return { v, key, why };
}

/** Which queue works on a key. */
export type QueueName = "source" | "reconcile" | "sweep";

export function queueOf(key: string): QueueName {
  if (key.endsWith("/sweep")) return "sweep";
  return parseKey(key)?.group === "source.toolkit.fluxcd.io" ? "source" : "reconcile";
}
