/** The three patches that are not apply: JSON patch (RFC 6902), merge patch (RFC 7396) and strategic merge patch. */
import { clone, equal, isObj, listOf, objOf, type Obj } from "./json.ts";
import { ANY, fieldSchema, itemSchema, type Schema } from "./schema.ts";
import { StatusError, badRequest } from "./status-error.ts";

export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObj(patch)) return patch;
  const out: Obj = { ...objOf(target) };
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete out[name];
    else out[name] = mergePatch(out[name], value);
  }
  return out;
}

/** @throws StatusError 422 when an operation does not fit the object, 400 when it is none. */
export function jsonPatch(target: Obj, operations: unknown): Obj {
  if (!Array.isArray(operations)) throw badRequest("json patch must be a list of operations");
  let document: unknown = clone(target);
  for (const operation of operations as unknown[]) document = applyOperation(document, objOf(operation));
  return objOf(document);
}

const unfit = (): StatusError =>
  new StatusError(422, "Invalid", "the server rejected our request due to an error in our request", {});

function applyOperation(document: unknown, { op, path, value, from }: Obj): unknown {
  const target = pointer(path);
  switch (op) {
    case "add":
      return edit(document, target, (parent, key) => put(parent, key, value, true));
    case "replace":
      read(document, target);
      return edit(document, target, (parent, key) => put(parent, key, value, false));
    case "remove":
      read(document, target);
      return edit(document, target, drop);
    case "test":
      // A test for null passes where nothing is, as in the API server.
      if (!equal(readOr(document, target) ?? null, value)) throw unfit();
      return document;
    case "copy":
      return edit(document, target, (parent, key) => put(parent, key, read(document, pointer(from)), true));
    case "move": {
      const moved = read(document, pointer(from));
      return edit(edit(document, pointer(from), drop), target, (parent, key) => put(parent, key, moved, true));
    }
    default:
      throw badRequest(`unexpected json patch operation ${JSON.stringify(op)}`);
  }
}

function pointer(path: unknown): string[] {
  if (typeof path !== "string") throw badRequest("json patch operation has no path");
  return path
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function readOr(document: unknown, path: readonly string[]): unknown {
  let current = document;
  for (const key of path)
    current = Array.isArray(current) ? (current as unknown[])[Number(key)] : isObj(current) ? current[key] : undefined;
  return current;
}

function read(document: unknown, path: readonly string[]): unknown {
  const value = readOr(document, path);
  if (value === undefined) throw unfit();
  return value;
}

function edit(document: unknown, path: readonly string[], change: (parent: unknown, key: string) => void): unknown {
  const copy: unknown = structuredClone(document);
  change(read(copy, path.slice(0, -1)), path.at(-1) ?? "");
  return copy;
}

function put(parent: unknown, key: string, value: unknown, inserts: boolean): void {
  if (Array.isArray(parent)) {
    const index = key === "-" ? parent.length : Number(key);
    if (!Number.isInteger(index) || index > parent.length) throw unfit();
    parent.splice(index, inserts ? 0 : 1, value);
  } else if (isObj(parent)) parent[key] = value;
}

function drop(parent: unknown, key: string): void {
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else if (isObj(parent)) delete parent[key];
}

/** Strategic merge: lists with a merge key merge by it; `$patch`, `$deleteFromPrimitiveList`, `$retainKeys` and `$setElementOrder` are followed. */
export function strategicPatch(schema: Schema, target: unknown, patch: unknown): unknown {
  if (!isObj(patch)) return patch;
  if (patch.$patch === "replace") {
    const { $patch: _, ...rest } = patch;
    return rest;
  }
  if (patch.$patch === "delete") return {};
  let out: Obj = { ...objOf(target) };
  const kept = patch.$retainKeys;
  if (Array.isArray(kept)) out = Object.fromEntries(Object.entries(out).filter(([name]) => kept.includes(name)));
  for (const [name, value] of Object.entries(patch)) {
    if (name === "$retainKeys" || name === "$patch" || name.startsWith("$setElementOrder/")) continue;
    if (name.startsWith("$deleteFromPrimitiveList/")) {
      const field = name.slice(name.indexOf("/") + 1);
      out[field] = listOf(out[field]).filter((item) => !listOf(value).includes(item));
    } else if (value === null) delete out[name];
    else out[name] = strategicField(fieldSchema(schema, name) ?? ANY, out[name], value);
  }
  for (const [name, order] of Object.entries(patch))
    if (name.startsWith("$setElementOrder/")) {
      const field = name.slice(name.indexOf("/") + 1);
      const key = fieldSchema(schema, field)?.["x-kubernetes-patch-merge-key"];
      if (Array.isArray(out[field])) out[field] = ordered(listOf(out[field]), listOf(order), key);
    }
  return out;
}

function strategicField(schema: Schema, target: unknown, value: unknown): unknown {
  if (isObj(value)) return strategicPatch(schema, target, value);
  if (!Array.isArray(value)) return value;
  const strategy = schema["x-kubernetes-patch-strategy"] ?? "";
  if (!strategy.includes("merge")) return value;
  const key = schema["x-kubernetes-patch-merge-key"];
  const patches = value as unknown[];
  if (key === undefined) return [...new Set([...listOf(target), ...patches])];
  if (patches.some((item) => objOf(item).$patch === "replace"))
    return patches.filter((item) => objOf(item).$patch === undefined);
  let out = [...listOf(target)];
  for (const item of patches) {
    const id = objOf(item)[key];
    const index = out.findIndex((own) => equal(objOf(own)[key], id));
    if (objOf(item).$patch === "delete") out = out.filter((own) => !equal(objOf(own)[key], id));
    else if (index >= 0) out[index] = strategicPatch(itemSchema(schema), out[index], item);
    else out.push(strategicPatch(itemSchema(schema), {}, item));
  }
  return out;
}

/** Items named by `order` come in its order; others stay behind the item that they followed. */
function ordered(items: readonly unknown[], order: readonly unknown[], key: string | undefined): unknown[] {
  const idOf = (item: unknown): string => JSON.stringify(key === undefined ? item : objOf(item)[key]);
  const rank = new Map(order.map((item, index) => [idOf(item), index]));
  const named = items
    .filter((item) => rank.has(idOf(item)))
    .sort((a, b) => (rank.get(idOf(a)) ?? 0) - (rank.get(idOf(b)) ?? 0));
  let next = 0;
  return items.map((item) => (rank.has(idOf(item)) ? named[next++] : item));
}
