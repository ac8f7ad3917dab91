/** Folds the fields of earlier managers into Flux's, so that what leaves Git leaves the cluster (fluxcd/pkg ssa). */
import { type KubeObject, type ManagedFieldsEntry, refOf } from "../api/kube-object.ts";
import type { Cluster } from "../kubernetes/cluster.ts";

const strippedAnnotations = [
  "kubectl.kubernetes.io/last-applied-configuration",
  "kustomize.toolkit.fluxcd.io/checksum",
  "fluxcd.io/sync-checksum",
];

/** kubectl in both ways, what was there before the first apply, and Flux's own from before server-side apply. */
export function isMigrated({ manager, operation, subresource }: ManagedFieldsEntry): boolean {
  if (subresource) return false;
  if (manager.startsWith("kubectl")) return true;
  return operation === "Update" && (manager === "before-first-apply" || manager === "kustomize-controller");
}

export function needsTakeOver({ metadata }: KubeObject): boolean {
  return (
    (metadata.managedFields ?? []).some(isMigrated) ||
    strippedAnnotations.some((name) => metadata.annotations?.[name] !== undefined)
  );
}

/** One JSON patch that is void when the object has changed since it was read. */
export async function takeOver(cluster: Cluster, live: KubeObject, manager: string): Promise<KubeObject> {
  const { managedFields = [], annotations = {}, resourceVersion } = live.metadata;
  const operations: unknown[] = [
    { op: "replace", path: "/metadata/managedFields", value: fold(managedFields, live.apiVersion, manager) },
    { op: "replace", path: "/metadata/resourceVersion", value: resourceVersion },
  ];
  for (const name of strippedAnnotations)
    if (annotations[name] !== undefined)
      operations.push({ op: "remove", path: `/metadata/annotations/${name.replaceAll("~", "~0").replaceAll("/", "~1")}` });
  return cluster.jsonPatch(refOf(live), operations, { fieldManager: manager });
}

export function fold(
  entries: readonly ManagedFieldsEntry[],
  apiVersion: string,
  manager: string,
): readonly ManagedFieldsEntry[] {
  const isOurs = (entry: ManagedFieldsEntry) =>
    entry.manager === manager && entry.operation === "Apply" && !entry.subresource;
  const migrated = entries.filter(isMigrated);
  const ours = entries.find(isOurs);
  const fieldsV1 = [ours, ...migrated].reduce<Record<string, unknown>>((all, e) => merge(all, e?.fieldsV1 ?? {}), {});
  const time = ours?.time ?? migrated[0]?.time;
  const merged: ManagedFieldsEntry = {
    manager,
    operation: "Apply",
    apiVersion: ours?.apiVersion ?? migrated[0]?.apiVersion ?? apiVersion,
    fieldsType: "FieldsV1",
    fieldsV1,
    ...(time === undefined ? {} : { time }),
  };
  return [...entries.filter((entry) => !isMigrated(entry) && !isOurs(entry)), merged];
}

function merge(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...a };
  for (const [name, value] of Object.entries(b)) {
    const known = merged[name];
    merged[name] = isMap(known) && isMap(value) ? merge(known, value) : value;
  }
  return merged;
}

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === "object" && value !== null;
