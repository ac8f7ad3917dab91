/**
 * Who owns which field: tracks updates and performs server-side applies, with the entries, merges and conflicts of
 * the real API server.
 */
import {
  difference,
  emptySet,
  fromFieldsV1,
  insert,
  intersection,
  isEmpty,
  paths,
  pathText,
  recursiveDifference,
  toFieldsV1,
  union,
  withNamedFields,
  type FieldSet,
} from "./field-set.ts";
import { at, equal, isObj, listOf, objOf, textOf, withAt, type Obj } from "./json.ts";
import type { Schema } from "./schema.ts";
import { applyConflict, type Cause } from "./status-error.ts";
import { compare, fieldsOf, merge, removeFields } from "./structured-merge.ts";

interface Manager {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion: string;
  readonly subresource: string;
  readonly time: string | undefined;
  readonly fields: FieldSet;
}

type Managers = Map<string, Manager>;

export interface WriteContext {
  readonly schema: Schema;
  readonly apiVersion: string;
  readonly fieldManager: string;
  /** `status`, `scale` or empty. */
  readonly subresource: string;
  /** RFC 3339. */
  readonly now: string;
  /** The fields that this endpoint does not write, e.g. `status` on the main resource. */
  readonly resets: FieldSet;
  /** The object that has nothing, as the kind encodes it: what a creation is compared with. */
  readonly blank: Obj;
}

/** At most so many updaters are kept apart; older ones are merged. */
const UPDATERS_KEPT = 10;

const STRIPPED = emptySet();
for (const name of ["apiVersion", "kind", "metadata"]) insert(STRIPPED, [`f:${name}`]);
for (const name of [
  "name",
  "namespace",
  "creationTimestamp",
  "selfLink",
  "uid",
  "clusterName",
  "generation",
  "managedFields",
  "resourceVersion",
])
  insert(STRIPPED, ["f:metadata", `f:${name}`]);

const idOf = (entry: Omit<Manager, "fields" | "time">): string =>
  JSON.stringify([
    entry.operation,
    entry.manager,
    entry.subresource,
    entry.operation === "Apply" ? "" : entry.apiVersion,
  ]);

function decode(entries: unknown): Managers {
  const managers: Managers = new Map();
  for (const entry of listOf(entries)) {
    const { manager, operation, apiVersion, subresource, time, fieldsV1 } = objOf(entry);
    if (operation !== "Apply" && operation !== "Update") continue;
    const decoded: Manager = {
      manager: textOf(manager),
      operation,
      apiVersion: textOf(apiVersion),
      subresource: textOf(subresource),
      time: typeof time === "string" ? time : undefined,
      fields: fromFieldsV1(fieldsV1),
    };
    managers.set(idOf(decoded), decoded);
  }
  return managers;
}

function encode(managers: Managers): Obj[] {
  const order = (a: Manager, b: Manager): number =>
    a.operation.localeCompare(b.operation) ||
    Date.parse(a.time ?? "1970-01-01T00:00:00Z") - Date.parse(b.time ?? "1970-01-01T00:00:00Z") ||
    byText(a.manager, b.manager) ||
    byText(a.apiVersion, b.apiVersion) ||
    byText(a.subresource, b.subresource);
  return [...managers.values()].sort(order).map((entry) => ({
    manager: entry.manager,
    operation: entry.operation,
    apiVersion: entry.apiVersion,
    ...(entry.time === undefined ? {} : { time: entry.time }),
    fieldsType: "FieldsV1",
    fieldsV1: toFieldsV1(entry.fields),
    ...(entry.subresource ? { subresource: entry.subresource } : {}),
  }));
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const entriesOf = (object: Obj): readonly unknown[] => listOf(at(object, "metadata", "managedFields"));

const without = (object: Obj): Obj => withAt(object, ["metadata", "managedFields"], undefined);

const withManagers = (object: Obj, managers: Managers): Obj => {
  const entries = encode(managers);
  return withAt(object, ["metadata", "managedFields"], entries.length > 0 ? entries : undefined);
};

/**
 * The object after an update (create, replace, any patch but apply) with its managedFields brought up to date.
 * A request may edit the entries itself, unless it goes through a subresource; `[{}]` drops them all.
 */
export function trackUpdate(live: Obj | undefined, next: Obj, context: WriteContext): Obj {
  const asked = context.subresource ? [] : entriesOf(next);
  const emptied = !context.subresource && Array.isArray(at(next, "metadata", "managedFields")) && asked.length === 0;
  const reset = emptied || (asked.length === 1 && isObj(asked[0]) && Object.keys(asked[0]).length === 0);
  const given = decode(asked);
  const managers = reset ? new Map<string, Manager>() : given.size > 0 ? given : decode(entriesOf(live ?? {}));
  if (managers.size === 0 && live) return withAt(next, ["metadata", "managedFields"], undefined);
  update(managers, live ? without(live) : context.blank, without(next), context);
  return withManagers(next, capped(managers));
}

function update(managers: Managers, live: Obj, next: Obj, context: WriteContext): void {
  const { added, modified, removed } = compare(context.schema, live, next);
  const filter = (set: FieldSet): FieldSet => recursiveDifference(set, context.resets);
  const taken = union(filter(added), filter(modified));
  const id = idOf({ ...context, manager: context.fieldManager, operation: "Update" });
  for (const [key, entry] of managers) {
    // The current operation is a manager of its own, so that even the same manager's other entries give fields up.
    if (key !== id) shrink(managers, key, entry, union(taken, filter(removed)));
    else shrink(managers, key, entry, filter(removed));
  }
  const fields = difference(taken, STRIPPED);
  if (isEmpty(fields)) return;
  const own = managers.get(id);
  managers.set(id, {
    manager: context.fieldManager,
    operation: "Update",
    apiVersion: context.apiVersion,
    subresource: context.subresource,
    time: context.now,
    fields: own ? union(fields, own.fields) : fields,
  });
}

function shrink(managers: Managers, key: string, entry: Manager, lost: FieldSet): void {
  const fields = difference(entry.fields, lost);
  if (isEmpty(fields)) managers.delete(key);
  else managers.set(key, { ...entry, fields });
}

function capped(managers: Managers): Managers {
  const updates = [...managers.entries()]
    .filter(([, entry]) => entry.operation === "Update")
    .sort(([, a], [, b]) => byText(a.time ?? "", b.time ?? "") || byText(a.manager, b.manager));
  const surplus = updates.slice(
    0,
    Math.max(0, updates.length - UPDATERS_KEPT + (updates.length > UPDATERS_KEPT ? 1 : 0)),
  );
  for (const [key, entry] of surplus) {
    managers.delete(key);
    const bucket = { ...entry, manager: "ancient-changes" };
    const own = managers.get(idOf(bucket));
    managers.set(idOf(bucket), own ? { ...bucket, fields: union(own.fields, bucket.fields) } : bucket);
  }
  return managers;
}

/**
 * The live object with `config` applied by `context.fieldManager`.
 * @throws StatusError 409 with one cause per field that another manager owns with another value, unless `force`.
 */
export function applyConfig(live: Obj | undefined, config: Obj, context: WriteContext, force: boolean): Obj {
  const { schema } = context;
  const managers = decode(entriesOf(live ?? {}));
  const base = live ? without(live) : context.blank;
  // An object that was never tracked: what it has belongs to somebody unnamed.
  if (managers.size === 0 && live)
    update(managers, context.blank, base, {
      ...context,
      fieldManager: "before-first-apply",
      subresource: "",
      resets: emptySet(),
    });
  const entry: Omit<Manager, "fields" | "time"> = {
    manager: context.fieldManager,
    operation: "Apply",
    apiVersion: context.apiVersion,
    subresource: context.subresource,
  };
  const id = idOf(entry);
  const last = managers.get(id);
  const fields = recursiveDifference(fieldsOf(schema, config), context.resets);
  managers.set(id, { ...entry, time: context.now, fields });
  const merged = merge(schema, base, config);
  const next = objOf(last ? prune(schema, merged, managers, last.fields) : merged);
  settle(managers, id, base, next, context, force);
  const owned = difference(managers.get(id)?.fields ?? emptySet(), STRIPPED);
  // An apply that changes no value writes no time: the entry keeps the one it has, or none.
  const time = equal(next, base) ? last?.time : context.now;
  if (isEmpty(owned)) managers.delete(id);
  else managers.set(id, { ...entry, time, fields: owned });
  return withManagers(next, managers);
}

/** Removes what the manager applied last time and nobody owns any more. */
function prune(schema: Schema, merged: unknown, managers: Managers, lastFields: FieldSet): unknown {
  const named = (set: FieldSet): FieldSet => withNamedFields(set, schema);
  const last = named(lastFields);
  const all = named(fieldsOf(schema, merged));
  let pruned = removeFields(schema, merged, last);
  const owned = [...managers.values()].reduce((set, entry) => union(set, entry.fields), emptySet());
  pruned = removeFields(schema, merged, difference(all, union(named(fieldsOf(schema, pruned)), named(owned))));
  return removeFields(schema, merged, intersection(difference(all, named(fieldsOf(schema, pruned))), last));
}

function settle(managers: Managers, id: string, base: Obj, next: Obj, context: WriteContext, force: boolean): void {
  const { added, modified, removed } = compare(context.schema, base, next);
  const filter = (set: FieldSet): FieldSet => recursiveDifference(set, context.resets);
  const taken = union(filter(modified), filter(added));
  const conflicts: { manager: Manager; path: readonly string[] }[] = [];
  for (const [key, entry] of managers) {
    if (key === id) continue;
    for (const path of paths(intersection(entry.fields, taken))) conflicts.push({ manager: entry, path });
  }
  if (conflicts.length > 0 && !force) throw conflictError(conflicts);
  for (const [key, entry] of managers) if (key !== id) shrink(managers, key, entry, union(taken, filter(removed)));
}

function conflictError(conflicts: readonly { manager: Manager; path: readonly string[] }[]): Error {
  const causes: Cause[] = conflicts.map(({ manager, path }) => ({
    reason: "FieldManagerConflict",
    message: `conflict with ${managerText(manager)}`,
    field: pathText(path),
  }));
  const [first] = conflicts;
  if (conflicts.length === 1 && first)
    return applyConflict(
      `Apply failed with 1 conflict: conflict with ${managerText(first.manager)}: ${pathText(first.path)}`,
      causes,
    );
  const groups = new Map<string, string[]>();
  for (const { manager, path } of conflicts) {
    const name = managerText(manager);
    groups.set(name, [...(groups.get(name) ?? []), `- ${pathText(path)}`]);
  }
  const lines = [...groups.keys()].sort().flatMap((name) => [`conflicts with ${name}:`, ...(groups.get(name) ?? [])]);
  return applyConflict(`Apply failed with ${conflicts.length} conflicts: ${lines.join("\n")}`, causes);
}

function managerText({ manager, operation, apiVersion, subresource }: Manager): string {
  const name = subresource
    ? `${JSON.stringify(manager)} with subresource ${JSON.stringify(subresource)}`
    : JSON.stringify(manager);
  return operation === "Update" ? `${name} using ${apiVersion}` : name;
}
