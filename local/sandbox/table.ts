/** Lists as `meta.k8s.io/v1` Tables, the form in which kubectl prints them. */
import { at, isObj, listOf, objOf, textOf, type Obj } from "./json.ts";
import { evaluatePath } from "./json-path.ts";
import type { Column, Resource } from "./resources.ts";

type Cell = string | number | boolean | null;

interface Printed {
  readonly name: string;
  readonly type: string;
  readonly priority?: number;
  readonly cell: (object: Obj) => Cell;
}

const text =
  (...path: readonly string[]): ((object: Obj) => Cell) =>
  (object) => {
    const value = at(object, ...path);
    return typeof value === "string" || typeof value === "number" ? value : "<none>";
  };

const number = (object: Obj, ...path: readonly string[]): number => Number(at(object, ...path) ?? 0);

const count =
  (field: string): ((object: Obj) => Cell) =>
  (object) =>
    Array.isArray(object[field]) ? listOf(object[field]).length : Object.keys(objOf(object[field])).length;

const ready: Printed = {
  name: "Ready",
  type: "string",
  cell: (o) => `${number(o, "status", "readyReplicas")}/${number(o, "spec", "replicas")}`,
};

const COLUMNS: Readonly<Record<string, readonly Printed[]>> = {
  Deployment: [
    ready,
    { name: "Up-to-date", type: "integer", cell: (o) => number(o, "status", "updatedReplicas") },
    { name: "Available", type: "integer", cell: (o) => number(o, "status", "availableReplicas") },
  ],
  StatefulSet: [ready],
  ReplicaSet: [
    { name: "Desired", type: "integer", cell: (o) => number(o, "spec", "replicas") },
    { name: "Current", type: "integer", cell: (o) => number(o, "status", "replicas") },
    { name: "Ready", type: "integer", cell: (o) => number(o, "status", "readyReplicas") },
  ],
  DaemonSet: [
    { name: "Desired", type: "integer", cell: (o) => number(o, "status", "desiredNumberScheduled") },
    { name: "Ready", type: "integer", cell: (o) => number(o, "status", "numberReady") },
  ],
  Pod: [
    {
      name: "Ready",
      type: "string",
      cell: (o) =>
        `${listOf(at(o, "status", "containerStatuses")).filter((c) => objOf(c).ready === true).length}/${listOf(at(o, "spec", "containers")).length}`,
    },
    { name: "Status", type: "string", cell: text("status", "phase") },
    { name: "Restarts", type: "string", cell: () => "0" },
  ],
  Namespace: [{ name: "Status", type: "string", cell: text("status", "phase") }],
  ConfigMap: [{ name: "Data", type: "string", cell: count("data") }],
  Secret: [
    { name: "Type", type: "string", cell: text("type") },
    { name: "Data", type: "string", cell: count("data") },
  ],
  Service: [
    { name: "Type", type: "string", cell: text("spec", "type") },
    { name: "Cluster-IP", type: "string", cell: text("spec", "clusterIP") },
    { name: "External-IP", type: "string", cell: text("spec", "externalName") },
    {
      name: "Port(s)",
      type: "string",
      cell: (o) =>
        listOf(at(o, "spec", "ports"))
          .map((port) => `${String(objOf(port).port)}/${textOf(objOf(port).protocol)}`)
          .join(","),
    },
  ],
  Job: [
    { name: "Status", type: "string", cell: (o) => (number(o, "status", "succeeded") > 0 ? "Complete" : "Running") },
    {
      name: "Completions",
      type: "string",
      cell: (o) => `${number(o, "status", "succeeded")}/${number(o, "spec", "completions")}`,
    },
  ],
  CronJob: [
    { name: "Schedule", type: "string", cell: text("spec", "schedule") },
    { name: "Suspend", type: "boolean", cell: (o) => (at(o, "spec", "suspend") === true ? "True" : "False") },
  ],
  CustomResourceDefinition: [{ name: "Created At", type: "date", cell: text("metadata", "creationTimestamp") }],
  RoleBinding: [
    {
      name: "Role",
      type: "string",
      cell: (o) => `${textOf(at(o, "roleRef", "kind"))}/${textOf(at(o, "roleRef", "name"))}`,
    },
  ],
  ClusterRoleBinding: [
    {
      name: "Role",
      type: "string",
      cell: (o) => `${textOf(at(o, "roleRef", "kind"))}/${textOf(at(o, "roleRef", "name"))}`,
    },
  ],
  Event: [
    { name: "Type", type: "string", cell: text("type") },
    { name: "Reason", type: "string", cell: text("reason") },
    {
      name: "Object",
      type: "string",
      cell: (o) =>
        `${textOf(at(o, "involvedObject", "kind")).toLowerCase()}/${textOf(at(o, "involvedObject", "name"))}`,
    },
    { name: "Message", type: "string", cell: text("message") },
  ],
};

/** Columns that come first, instead of the name. */
const NAMELESS = new Set(["Event"]);

/** `now` is in epoch milliseconds; `include` is the request's `includeObject`. */
export function tableOf(
  resource: Resource,
  objects: readonly Obj[],
  options: { readonly now: number; readonly include: string; readonly metadata: Obj },
): Obj {
  const columns = columnsOf(resource, options.now);
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata: options.metadata,
    columnDefinitions: columns.map(({ name, type, priority = 0 }) => ({
      name,
      type,
      format: name === "Name" ? "name" : "",
      description: "",
      priority,
    })),
    rows: objects.map((object) => ({
      cells: columns.map((column) => column.cell(object)),
      ...(options.include === "None" ? {} : { object: options.include === "Object" ? object : metadataOf(object) }),
    })),
  };
}

/** What `as=PartialObjectMetadata` keeps of an object. */
export const metadataOf = (object: Obj): Obj => ({
  kind: "PartialObjectMetadata",
  apiVersion: "meta.k8s.io/v1",
  metadata: object.metadata,
});

function columnsOf(resource: Resource, now: number): Printed[] {
  const name: Printed = { name: "Name", type: "string", cell: text("metadata", "name") };
  const age: Printed = {
    name: "Age",
    type: "string",
    cell: (o) => duration(now - Date.parse(textOf(at(o, "metadata", "creationTimestamp")))),
  };
  if (resource.custom) {
    const own = resource.custom.columns.map((column) => printed(column, now));
    return own.length > 0 ? [name, ...own] : [name, age];
  }
  const own = COLUMNS[resource.kind] ?? [];
  if (resource.kind === "CustomResourceDefinition") return [name, ...own];
  return NAMELESS.has(resource.kind) ? [{ ...age, name: "Last Seen" }, ...own] : [name, ...own, age];
}

function printed({ name, type, jsonPath, priority = 0 }: Column, now: number): Printed {
  return {
    name,
    type,
    priority,
    cell: (object) => {
      const [value] = evaluatePath(object, jsonPath);
      if (value === undefined || value === null) return type === "string" || type === "date" ? "" : null;
      if (type === "date") return duration(now - Date.parse(textOf(value)));
      return isObj(value) || Array.isArray(value) ? JSON.stringify(value) : (value as Cell);
    },
  };
}

/** `5s`, `3m12s`, `2h`, `4d`: as kubectl shortens a time. */
function duration(milliseconds: number): string {
  if (Number.isNaN(milliseconds)) return "<unknown>";
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return seconds % 60 ? `${minutes}m${seconds % 60}s` : `${minutes}m`;
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`;
}
