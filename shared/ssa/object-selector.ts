/** The target of a rule: which objects it is for (fluxcd/pkg ssa/jsondiff). */
import { groupOf, type KubeObject, versionOf } from "../api/kube-object.ts";
import { parseAnchoredGoRegExp } from "./go-regexp.ts";
import { parseLabelSelector } from "./label-selector.ts";

/** Regular expressions that match the whole value, and selectors; what is not given matches all. */
export interface ObjectSelector {
  readonly group?: string | undefined;
  readonly version?: string | undefined;
  readonly kind?: string | undefined;
  readonly name?: string | undefined;
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  /** In the syntax of label selectors. */
  readonly annotationSelector?: string | undefined;
}

const values = {
  group: ({ apiVersion }: KubeObject) => groupOf(apiVersion),
  version: ({ apiVersion }: KubeObject) => versionOf(apiVersion),
  kind: ({ kind }: KubeObject) => kind,
  name: ({ metadata }: KubeObject) => metadata.name,
  namespace: ({ metadata }: KubeObject) => metadata.namespace ?? "",
} as const;
const selectors = {
  labelSelector: ["label", ({ metadata }: KubeObject) => metadata.labels ?? {}],
  annotationSelector: ["annotation", ({ metadata }: KubeObject) => metadata.annotations ?? {}],
} as const;

/** @throws Error `invalid name regex: …`, `invalid label selector: …` */
export function parseObjectSelector(selector: ObjectSelector): (object: KubeObject) => boolean {
  const rules: ((object: KubeObject) => boolean)[] = [];
  for (const [field, valueOf] of Object.entries(values) as Entries<typeof values>) {
    const pattern = selector[field];
    if (!pattern) continue;
    const expression = naming(`${field} regex`, () => parseAnchoredGoRegExp(pattern));
    rules.push((object) => expression.test(valueOf(object)));
  }
  for (const [field, [what, labelsOf]] of Object.entries(selectors) as Entries<typeof selectors>) {
    const text = selector[field];
    if (!text) continue;
    const matches = naming(`${what} selector`, () => parseLabelSelector(text));
    rules.push((object) => matches(labelsOf(object)));
  }
  return (object) => rules.every((rule) => rule(object));
}

type Entries<T> = { [K in keyof T]: [K, T[K]] }[keyof T][];

function naming<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new Error(`invalid ${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
