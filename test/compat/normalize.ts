/** Takes out of an object what differs between any two clusters (identity, time, addresses), and nothing else. */
import { isLosslessNumber } from "lossless-json";

import { groupOf, type KubeObject, type ManagedFieldsEntry } from "../../shared/api/kube-object.ts";

export type Tree = Readonly<Record<string, unknown>>;

const fluxGroup = /(^|\.)toolkit\.fluxcd\.io$/;
/** Write of their own accord, at a time of their own. */
const clusterManagers = new Set(["kube-controller-manager", "kube-apiserver"]);

export function normalizeObject(object: KubeObject): Tree {
  const { metadata, status, ...rest } = withoutOwnUid(object);
  const group = groupOf(object.apiVersion);
  const hasOwnStatus = group.includes(".") && !group.endsWith(".k8s.io");
  const body = group === "" ? withoutGiven(object.kind, rest) : rest;
  return {
    ...body,
    metadata: normalizeMetadata(metadata),
    ...(hasOwnStatus && status !== undefined
      ? { status: fluxGroup.test(group) ? normalizeStatus(status as Tree, hasDependencies(object)) : status }
      : {}),
  };
}

/** Controllers write an object's uid into its labels and selectors. Numbers that a double cannot hold become text. */
function withoutOwnUid(object: KubeObject): KubeObject {
  const { uid } = object.metadata;
  const replaced = (value: unknown): unknown => {
    if (isLosslessNumber(value)) return `number ${value.value}`;
    if (Array.isArray(value)) return value.map(replaced);
    if (typeof value !== "object" || value === null) return value === uid && uid !== undefined ? "<uid>" : value;
    return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, replaced(field)]));
  };
  return replaced(object) as KubeObject;
}

function normalizeMetadata(metadata: KubeObject["metadata"]): Tree {
  const { managedFields = [], annotations, ownerReferences, deletionTimestamp, ...rest } = metadata;
  const kept = omit(rest, ["uid", "resourceVersion", "creationTimestamp", "selfLink"]);
  const noted = omit(annotations ?? {}, ["deployment.kubernetes.io/revision", "kubernetes.io/service-account.uid"]);
  return {
    ...kept,
    ...(Object.keys(noted).length > 0 ? { annotations: noted } : {}),
    ...(ownerReferences
      ? { ownerReferences: ownerReferences.map((reference) => ({ ...reference, uid: "<uid>" })) }
      : {}),
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp: "<time>" }),
    managedFields: ownership(managedFields),
  };
}

/** By who owns them: the server's order is that of the times. */
function ownership(entries: readonly ManagedFieldsEntry[]): Tree {
  return Object.fromEntries(
    entries
      .filter(({ manager }) => !clusterManagers.has(manager))
      .map(({ manager, operation, subresource, apiVersion, fieldsV1 }) => [
        [manager, operation, ...(subresource ? [subresource] : [])].join(" "),
        { apiVersion, fieldsV1 },
      ]),
  );
}

function withoutGiven(kind: string, body: Tree): Tree {
  if (kind === "Service") return withoutAddresses(body);
  return body.type === "kubernetes.io/service-account-token" ? omit(body, ["data"]) : body;
}

function withoutAddresses(service: Tree): Tree {
  const spec = (service.spec ?? {}) as Tree;
  const headless = spec.clusterIP === "None";
  const ports = (spec.ports as readonly Tree[] | undefined)?.map((port) => omit(port, ["nodePort"]));
  const own = omit(spec, headless ? [] : ["clusterIP", "clusterIPs", "healthCheckNodePort"]);
  return { ...service, spec: { ...own, ...(ports ? { ports } : {}) } };
}

const hasDependencies = ({ spec }: KubeObject): boolean => (spec as Tree | undefined)?.dependsOn !== undefined;

function normalizeStatus(status: Tree, isCalledTwice: boolean): Tree {
  const { conditions, history, artifact, ...rest } = status as {
    readonly conditions?: readonly Tree[];
    readonly history?: readonly Tree[];
    readonly artifact?: Tree;
  } & Tree;
  return {
    ...rest,
    ...(conditions ? { conditions: byType(conditions) } : {}),
    ...(history ? { history: history.map((entry) => normalizeAttempt(entry, isCalledTwice)) } : {}),
    ...(artifact ? { artifact: omit(artifact, ["lastUpdateTime"]) } : {}),
  };
}

/**
 * How often a failure was repeated until somebody looked is a matter of time, and so is whether a dependency that becomes
 * ready just as it is looked at calls once more.
 */
function normalizeAttempt(entry: Tree, isCalledTwice: boolean): Tree {
  const kept = omit(entry, ["firstReconciled", "lastReconciled", "lastReconciledDuration"]);
  const isCounted = entry.lastReconciledStatus === "ReconciliationSucceeded" && !isCalledTwice;
  return isCounted ? kept : omit(kept, ["totalReconciliations"]);
}

function byType(conditions: readonly Tree[]): Tree {
  return Object.fromEntries(
    conditions.map(({ type, message, ...condition }) => [
      String(type),
      { ...omit(condition, ["lastTransitionTime"]), message: withoutChance(String(message)) },
    ]),
  );
}

/** What a message says apart from time and from the order of a Go map. */
export function withoutChance(message: string): string {
  return withAwaitedInOrder(withoutDurations(message));
}

/** Flux names what it waited for in the order of a map: another one each time. */
function withAwaitedInOrder(message: string): string {
  return message.replace(/(?<=(?:timeout waiting for|stalled resources): \[).*(?=\])/s, (awaited) =>
    awaited
      .split(/, (?=[A-Z]\w*\/\S+ status: )/)
      .sort()
      .join(", "),
  );
}

/** How long something took, or until it is tried again; a timeout or interval that a message repeats is kept. */
function withoutDurations(message: string): string {
  return message.replace(/(?<!next run )\b(in|after) (?:[0-9.]+(?:h|ms|m|s|µs|ns))+/g, "$1 <duration>");
}

function omit(tree: Tree, names: readonly string[]): Tree {
  return Object.fromEntries(Object.entries(tree).filter(([name]) => !names.includes(name)));
}
