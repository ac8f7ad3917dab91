/** Flux's check of what kustomize lets pass: what has no apiVersion is no object, and the whole build fails. */
import type { KubeObject } from "../api/kube-object.ts";
import { isRecord } from "../api/schema.ts";
import { printJson } from "../kubernetes/json.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";

/** @throws ReconcileError BuildFailed with Flux's words; values of what calls itself a Secret are left out of them */
export function requireApiVersion(object: KubeObject): KubeObject {
  // Foreign data: the type says what is to be proved.
  const apiVersion: unknown = object.apiVersion;
  if (typeof apiVersion === "string" && apiVersion !== "") return object;
  const shown = asGoJson(object.kind === "Secret" ? withoutValues(object) : object);
  const message = `failed to decode Kubernetes apiVersion, kind and name from: ${shown}`;
  throw new ReconcileError("retry", "BuildFailed", message);
}

function withoutValues(object: KubeObject): KubeObject {
  const hidden = (field: unknown): unknown =>
    isRecord(field) ? Object.fromEntries(Object.keys(field).map((key) => [key, "***"])) : field;
  return { ...object, data: hidden(object.data), stringData: hidden(object.stringData) };
}

/** Sorted, and safe within HTML. */
const asGoJson = (value: unknown): string =>
  printJson(inGoOrder(value)).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

function inGoOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inGoOrder);
  if (!isRecord(value) || Object.getPrototypeOf(value) !== Object.prototype) return value;
  const sorted = Object.keys(value).sort();
  return Object.fromEntries(sorted.map((key) => [key, inGoOrder(value[key])]));
}
