/** Folds the fields of earlier managers into Flux's, so that what leaves Git leaves the cluster (fluxcd/pkg ssa). */
import { type KubeObject, type ManagedFieldsEntry, refOf } from "../api/kube-object.ts";
import { engineName } from "../bootstrap/names.ts";
import { type Cluster, KubeError } from "../kubernetes/cluster.ts";
import { hasDrifted } from "./drift.ts";
import { findOwnedAlone } from "./field-ownership.ts";
import { formatPointer, lookUp, type Pointer } from "./json-pointer.ts";

const strippedAnnotations = [
  "kubectl.kubernetes.io/last-applied-configuration",
  "kustomize.toolkit.fluxcd.io/checksum",
  "fluxcd.io/sync-checksum",
];
const strippedLabels = ["fluxcd.io/sync-gc-mark"];
const strippedPointers = [
  ...strippedAnnotations.map((name) => ["metadata", "annotations", name] as const),
  ...strippedLabels.map((name) => ["metadata", "labels", name] as const),
];

/**
 * kubectl in both ways, what was there before the first apply, Flux's own from before server-side apply, and those that
 * the cluster's settings name: all by prefix. And what bootstrap applied until the object came from Git.
 */
export function isMigrated(
  { manager, operation, subresource }: ManagedFieldsEntry,
  overrides: readonly string[] = [],
): boolean {
  if (subresource || isOurs({ manager, operation })) return false;
  if (["kubectl", ...overrides].some((prefix) => manager.startsWith(prefix))) return true;
  if (operation === "Apply") return manager === engineName;
  return /^(?:before-first-apply|kustomize-controller)/.test(manager);
}

/** Ours already, whatever prefix it matches. */
const isOurs = ({ manager, operation }: Pick<ManagedFieldsEntry, "manager" | "operation">): boolean =>
  manager === "kustomize-controller" && operation === "Apply";

export function needsTakeOver({ metadata }: KubeObject, overrides: readonly string[] = []): boolean {
  return (
    (metadata.managedFields ?? []).some((entry) => isMigrated(entry, overrides)) ||
    strippedAnnotations.some((name) => metadata.annotations?.[name] !== undefined) ||
    strippedLabels.some((name) => metadata.labels?.[name] !== undefined)
  );
}

export async function takeOver(
  cluster: Cluster,
  live: KubeObject,
  manager: string,
  overrides: readonly string[] = [],
): Promise<KubeObject> {
  const operationsOn = (seen: KubeObject) => {
    const { annotations = {}, labels = {} } = seen.metadata;
    const entries = foldMigrated(seen, manager, overrides);
    return [
      ...removals("annotations", annotations, strippedAnnotations),
      ...removals("labels", labels, strippedLabels),
      ...(entries ? [replaceOwners(entries)] : []),
    ];
  };
  return patch(cluster, live, operationsOn, manager);
}

/**
 * What the apply after a take-over takes away although a dry-run before it leaves it: fields of those whose fields are
 * taken over that Git does not name, and what is stripped.
 * @param dryRun what the server would make of `live` without a take-over
 */
export function lostByTakeOver(
  live: KubeObject,
  dryRun: KubeObject,
  overrides: readonly string[] = [],
): readonly Pointer[] {
  const { managedFields = [] } = live.metadata;
  const applied = dryRun.metadata.managedFields?.find((entry) => !entry.subresource && isOurs(entry))?.fieldsV1;
  // A server that tells no owners tells nothing.
  if (!applied) return [];
  const migrated = managedFields.filter((entry) => isMigrated(entry, overrides));
  const others = managedFields.filter((entry) => !migrated.includes(entry) && (entry.subresource || !isOurs(entry)));
  const staying = [applied, ...others.map(({ fieldsV1 = {} }) => fieldsV1)];
  const lost = migrated.flatMap(({ fieldsV1 = {} }) => findOwnedAlone(live, fieldsV1, staying));
  const stripped = strippedPointers.filter(
    ([metadata, field, name]) =>
      lookUp(live, [metadata, field, name]) && !lookUp(applied, [`f:${metadata}`, `f:${field}`, `f:${name}`]),
  );
  return [...new Map([...lost, ...stripped].map((pointer) => [formatPointer(pointer), pointer])).values()];
}

/** The owners after a take-over; undefined when it leaves them as they are. */
export function foldMigrated(
  { metadata: { managedFields = [] }, apiVersion }: KubeObject,
  manager: string,
  overrides: readonly string[] = [],
): readonly ManagedFieldsEntry[] | undefined {
  const isTaken = (entry: ManagedFieldsEntry) => isMigrated(entry, overrides);
  return managedFields.some(isTaken) ? fold(managedFields, apiVersion, manager, isTaken) : undefined;
}

/**
 * Takes the fields of the managers named over, applied and updated ones, and nothing else.
 * @returns undefined when none of them owns anything
 */
export async function reclaim(
  cluster: Cluster,
  live: KubeObject,
  manager: string,
  names: readonly string[],
): Promise<KubeObject | undefined> {
  const { managedFields = [] } = live.metadata;
  const isTaken = (entry: ManagedFieldsEntry) => !entry.subresource && !isOurs(entry) && names.includes(entry.manager);
  if (!managedFields.some(isTaken)) return undefined;
  const operationsOn = ({ apiVersion, metadata }: KubeObject) => [
    replaceOwners(fold(metadata.managedFields ?? [], apiVersion, manager, isTaken)),
  ];
  return patch(cluster, live, operationsOn, manager);
}

/**
 * Notes all ownership, that of subresources too, in the version of the API in which the object is applied next. A version
 * that is not served any more makes the server refuse fields that a later one defaults.
 * @returns undefined when all is noted in it
 */
export async function migrateApiVersion(
  cluster: Cluster,
  live: KubeObject,
  manager: string,
  apiVersion: string,
): Promise<KubeObject | undefined> {
  const { managedFields = [] } = live.metadata;
  if (managedFields.every((entry) => entry.apiVersion === apiVersion)) return undefined;
  const operationsOn = ({ metadata }: KubeObject) => [
    replaceOwners(noteInVersion(metadata.managedFields ?? [], apiVersion, () => true)),
  ];
  return patch(cluster, live, operationsOn, manager);
}

/**
 * The entries with those of stale versions noted in this one. What an owner has noted in several becomes one entry, in
 * the place of the last: of two under one name the server would keep the last alone.
 */
export function noteInVersion(
  entries: readonly ManagedFieldsEntry[],
  apiVersion: string,
  isStale: (entry: ManagedFieldsEntry) => boolean,
): readonly ManagedFieldsEntry[] {
  const byOwner = new Map<string, ManagedFieldsEntry>();
  for (const entry of entries) {
    const noted = isStale(entry) ? { ...entry, apiVersion } : entry;
    const { manager, operation, subresource = "" } = noted;
    const owner = [manager, operation, subresource, operation === "Apply" ? "" : noted.apiVersion].join("|");
    const before = byOwner.get(owner);
    byOwner.delete(owner);
    byOwner.set(owner, before ? { ...noted, fieldsV1: merge(before.fieldsV1 ?? {}, noted.fieldsV1 ?? {}) } : noted);
  }
  return [...byOwner.values()];
}

const replaceOwners = (value: readonly ManagedFieldsEntry[]) => ({
  op: "replace",
  path: "/metadata/managedFields",
  value,
});

const patchAttempts = 5;
/** Written by Kubernetes' own controllers without a change of the workload. */
const controllersFields = [["metadata", "annotations", "deployment.kubernetes.io/revision"]];

/**
 * Void when the object has changed since it was read; a status that moves, as that of every workload does, is none of
 * our business and the patch is sent again.
 */
async function patch(
  cluster: Cluster,
  live: KubeObject,
  operationsOn: (seen: KubeObject) => readonly unknown[],
  fieldManager: string,
): Promise<KubeObject> {
  const ref = refOf(live);
  let seen = live;
  for (let attempt = 1; ; attempt += 1) {
    const version = { op: "replace", path: "/metadata/resourceVersion", value: seen.metadata.resourceVersion };
    try {
      return await cluster.jsonPatch(ref, [...operationsOn(seen), version], { fieldManager });
    } catch (error) {
      if (!(error instanceof KubeError) || error.reason !== "Conflict" || attempt === patchAttempts) throw error;
      const fresh = await cluster.get(ref);
      if (fresh?.metadata.uid !== live.metadata.uid || !fresh || hasDrifted(live, fresh, controllersFields))
        throw error;
      seen = fresh;
    }
  }
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
  isTaken: (entry: ManagedFieldsEntry) => boolean = isMigrated,
): readonly ManagedFieldsEntry[] {
  const isTarget = (entry: ManagedFieldsEntry) =>
    entry.manager === manager && entry.operation === "Apply" && !entry.subresource;
  const migrated = entries.filter((entry) => isTaken(entry));
  const ours = entries.find(isTarget);
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
  return [...entries.filter((entry) => !isTaken(entry) && !isTarget(entry)), merged];
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
