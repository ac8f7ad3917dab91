/** Folds the fields of earlier managers into Flux's, so that what leaves Git leaves the cluster (fluxcd/pkg ssa). */
import { type KubeObject, type ManagedFieldsEntry, refOf } from "../api/kube-object.ts";
import type { Cluster } from "../kubernetes/cluster.ts";

const strippedAnnotations = [
  "kubectl.kubernetes.io/last-applied-configuration",
  "kustomize.toolkit.fluxcd.io/checksum",
  "fluxcd.io/sync-checksum",
];
const strippedLabels = ["fluxcd.io/sync-gc-mark"];

/** kubectl in both ways, what was there before the first apply, and Flux's own from before server-side apply; by prefix. */
export function isMigrated({ manager, operation, subresource }: ManagedFieldsEntry): boolean {
  if (subresource) return false;
  if (manager.startsWith("kubectl")) return true;
  return operation === "Update" && /^(?:before-first-apply|kustomize-controller)/.test(manager);
}

export function needsTakeOver({ metadata }: KubeObject): boolean {
  return (
    (metadata.managedFields ?? []).some(isMigrated) ||
    strippedAnnotations.some((name) => metadata.annotations?.[name] !== undefined) ||
    strippedLabels.some((name) => metadata.labels?.[name] !== undefined)
  );
}

/** One JSON patch that is void when the object has changed since it was read. */
export async function takeOver(cluster: Cluster, live: KubeObject, manager: string): Promise<KubeObject> {
  const { managedFields = [], annotations = {}, labels = {}, resourceVersion } = live.metadata;
  const operations: unknown[] = [
    ...removals("annotations", annotations, strippedAnnotations),
    ...removals("labels", labels, strippedLabels),
    { op: "replace", path: "/metadata/resourceVersion", value: resourceVersion },
  ];
  if (managedFields.some(isMigrated))
    operations.push({
      op: "replace",
      path: "/metadata/managedFields",
      value: fold(managedFields, live.apiVersion, manager),
    });
  return cluster.jsonPatch(refOf(live), operations, { fieldManager: manager });
}

function removals(
  field: string,
  given: Readonly<Record<string, string>>,
  names: readonly string[],
): readonly unknown[] {
  return names
    .filter((name) => given[name] !== undefined)
    .map((name) => ({ op: "remove", path: `/metadata/${field}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}` }));
}

/** One entry for all that is taken over, behind the others; a field's own entry `.` says that it is owned itself. */
export function fold(
  entries: readonly ManagedFieldsEntry[],
  apiVersion: string,
  manager: string,
): readonly ManagedFieldsEntry[] {
  const isOurs = (entry: ManagedFieldsEntry) =>
    entry.manager === manager && entry.operation === "Apply" && !entry.subresource;
  const migrated = entries.filter(isMigrated);
  const ours = entries.find(isOurs);
  const fieldsV1 = [ours, ...migrated].reduce<Fields>((all, e) => merge(all, e?.fieldsV1 ?? {}), {});
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

type Fields = Readonly<Record<string, unknown>>;

function merge(a: Fields, b: Fields): Fields {
  const merged: Record<string, unknown> = { ...a };
  for (const [name, value] of Object.entries(b)) {
    const known = merged[name];
    merged[name] = isMap(known) && isMap(value) ? mergeField(known, value) : value;
  }
  return merged;
}

/** An empty map owns the field itself; beside fields below it, that is written as `.`. */
function mergeField(a: Fields, b: Fields): Fields {
  const isLeaf = [a, b].map((fields) => Object.keys(fields).length === 0);
  if (isLeaf.every(Boolean)) return {};
  return isLeaf.some(Boolean) ? { ".": {}, ...a, ...b } : merge(a, b);
}

const isMap = (value: unknown): value is Fields => typeof value === "object" && value !== null;
