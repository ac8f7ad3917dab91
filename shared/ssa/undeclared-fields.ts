/**
 * Flux drops fields that a built-in kind does not have before it applies (fluxcd/pkg ssa/normalize passes the object
 * through its Go type). The API server refuses them by name, so they are taken out when it does.
 */
import { groupOf, type KubeObject } from "../api/kube-object.ts";

/** Groups whose kinds Flux knows as Go types; definitions and custom resources are refused by Flux too. */
const typedGroups = new Set([
  "",
  "admissionregistration.k8s.io",
  "apps",
  "autoscaling",
  "batch",
  "certificates.k8s.io",
  "coordination.k8s.io",
  "discovery.k8s.io",
  "events.k8s.io",
  "flowcontrol.apiserver.k8s.io",
  "networking.k8s.io",
  "node.k8s.io",
  "policy",
  "rbac.authorization.k8s.io",
  "resource.k8s.io",
  "scheduling.k8s.io",
  "storage.k8s.io",
]);
/** Not passed through their Go types by Flux (it would reset their rules). */
const untypedKinds = new Set(["Role", "ClusterRole"]);

type Step =
  { readonly field: string } | { readonly index: number } | { readonly key: Readonly<Record<string, unknown>> };

/** Undefined when the refusal is about something else, or the kind is one that Flux does not correct. */
export function withoutUndeclared(object: KubeObject, refusal: string): KubeObject | undefined {
  if (!typedGroups.has(groupOf(object.apiVersion)) || untypedKinds.has(object.kind)) return undefined;
  const paths = [...refusal.matchAll(/(?:^|\s)(\.\S.*?): field not declared in schema/gm)].map(([, path = ""]) => path);
  const pruned = paths.reduce<unknown>((rest, path) => remove(rest, parsePath(path)), object);
  return pruned === object ? undefined : (pruned as KubeObject);
}

/** `.spec.containers[name="app"].ports[0].foo` */
function parsePath(path: string): readonly Step[] {
  const steps: Step[] = [];
  for (const [, field, selector = ""] of path.matchAll(/\.([^.[]+)|\[((?:"(?:[^"\\]|\\.)*"|[^\]"])*)\]/g)) {
    if (field !== undefined) steps.push({ field });
    else if (/^\d+$/.test(selector)) steps.push({ index: Number(selector) });
    else steps.push({ key: parseKey(selector) });
  }
  return steps;
}

/** `containerPort=80,protocol="TCP"` */
function parseKey(selector: string): Readonly<Record<string, unknown>> {
  const terms = selector.matchAll(/([^=,]+)=("(?:[^"\\]|\\.)*"|[^,]*)/g);
  return Object.fromEntries([...terms].map(([, name = "", value = ""]) => [name, parseScalar(value)]));
}

function parseScalar(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** The same value where the path leads nowhere. */
function remove(value: unknown, [step, ...rest]: readonly Step[]): unknown {
  if (!step || typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    const isMeant = (item: unknown, index: number) =>
      "index" in step ? index === step.index : "key" in step && hasKey(item, step.key);
    const pruned = items.map((item, index) => (isMeant(item, index) ? remove(item, rest) : item));
    return pruned.every((item, index) => item === items[index]) ? items : pruned;
  }
  if (!("field" in step) || !(step.field in value)) return value;
  const { [step.field]: below, ...others } = value as Record<string, unknown>;
  if (rest.length === 0) return others;
  const next = remove(below, rest);
  return next === below ? value : { ...value, [step.field]: next };
}

function hasKey(item: unknown, key: Readonly<Record<string, unknown>>): boolean {
  if (typeof item !== "object" || item === null) return false;
  // A key that is left out has the schema's default; the protocol of a port is the only one among built-in kinds.
  const given: Record<string, unknown> = { protocol: "TCP", ...item };
  return Object.entries(key).every(([name, value]) => given[name] === value);
}
