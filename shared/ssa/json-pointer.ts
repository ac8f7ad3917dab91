/** JSON pointers (RFC 6901) into an object: look, take out, put in place. What a pointer does not lead to is left alone. */
import type { KubeObject } from "../api/kube-object.ts";

/** The unescaped steps; never empty. */
export type Pointer = readonly string[];

/** Undefined for what names no field: text without a leading slash, and the root. */
export function parsePointer(text: string): Pointer | undefined {
  if (!text.startsWith("/")) return undefined;
  return text
    .slice(1)
    .split("/")
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** Undefined where the pointer leads nowhere; the value may be null. */
export function lookUp(value: unknown, pointer: Pointer): { readonly value: unknown } | undefined {
  let at: unknown = value;
  for (const step of pointer) {
    const next = child(at, step);
    if (!next) return undefined;
    at = next.value;
  }
  return { value: at };
}

function child(value: unknown, step: string): { readonly value: unknown } | undefined {
  if (Array.isArray(value)) {
    const index = indexOf(step);
    return index !== undefined && index < value.length ? { value: value[index] as unknown } : undefined;
  }
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
  return { value: (value as Record<string, unknown>)[step] };
}

/** Undefined for a step that names no item of a list. */
export const indexOf = (step: string): number | undefined => (/^(?:0|[1-9]\d*)$/.test(step) ? Number(step) : undefined);

/** One after the other, so that an item that is taken out of a list moves those behind it, as a JSON patch does. */
export const without = (object: KubeObject, pointers: readonly Pointer[]): KubeObject =>
  pointers.reduce((rest, pointer) => changed(rest, pointer, undefined) as KubeObject, object);

export const withValue = (object: KubeObject, pointer: Pointer, value: unknown): KubeObject =>
  changed(object, pointer, { value }) as KubeObject;

/** @param next undefined: the field goes */
function changed(value: unknown, pointer: Pointer, next: { readonly value: unknown } | undefined): unknown {
  const [step = "", ...rest] = pointer;
  const below = child(value, step);
  if (!below) return value;
  const put = rest.length === 0 ? next : { value: changed(below.value, rest, next) };
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    const index = Number(step);
    return [...items.slice(0, index), ...(put ? [put.value] : []), ...items.slice(index + 1)];
  }
  const { [step]: _, ...others } = value as Record<string, unknown>;
  return put ? { ...(value as object), [step]: put.value } : others;
}

export const formatPointer = (pointer: Pointer): string =>
  pointer.map((step) => `/${step.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
