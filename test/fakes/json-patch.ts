/** RFC 7396 and the part of RFC 6902 that the engine writes. */
import { KubeError } from "../../shared/kubernetes/cluster.ts";
import { isMap } from "./field-ownership.ts";

export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isMap(patch)) return patch;
  const result: Record<string, unknown> = isMap(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else if (value !== undefined) result[name] = applyMergePatch(result[name], value);
  }
  return result;
}

interface Operation {
  readonly op: "add" | "replace" | "remove" | "test";
  readonly path: string;
  readonly value?: unknown;
}

/** @throws KubeError Invalid when a path is not there or a test fails */
export function applyJsonPatch(target: unknown, operations: readonly unknown[]): unknown {
  const result = structuredClone(target);
  for (const operation of operations as readonly Operation[]) applyOne(result, operation);
  return result;
}

function applyOne(root: unknown, { op, path, value }: Operation): void {
  const names = path
    .split("/")
    .slice(1)
    .map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
  const last = names.pop() ?? "";
  let at = root;
  for (const name of names) at = Array.isArray(at) ? at[Number(name)] : isMap(at) ? at[name] : undefined;
  const refuse = (why: string) =>
    new KubeError(
      422,
      "Invalid",
      `the server rejected our request due to an error in our request: ${op} ${path}: ${why}`,
    );
  if (Array.isArray(at)) {
    const index = last === "-" ? at.length : Number(last);
    if (op === "add") at.splice(index, 0, value);
    else if (index >= at.length) throw refuse("missing");
    else if (op === "remove") at.splice(index, 1);
    else if (op === "replace") at[index] = value;
    else if (JSON.stringify(at[index]) !== JSON.stringify(value)) throw refuse("test failed");
    return;
  }
  if (!isMap(at)) throw refuse("missing");
  if ((op === "remove" || op === "replace") && !(last in at)) throw refuse("missing");
  if (op === "remove") delete at[last];
  else if (op === "test") {
    if (JSON.stringify(at[last] ?? null) !== JSON.stringify(value)) throw refuse("test failed");
  } else at[last] = value;
}
