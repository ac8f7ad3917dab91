/**
 * What decides about objects without being written into them: the server's version, schemas, webhooks, admission policies. One
 * part is read in each sweep, in turn; what is compared is what matters of it, never its resource version.
 */
import { createHash } from "node:crypto";

import { groupOf, type KubeObject } from "../api/kube-object.ts";
import { type Cluster, isUnavailable, KubeError } from "../kubernetes/cluster.ts";
import type { Follower } from "../kubernetes/follow.ts";

/** By name: `version`, `schema/<group>`, `definition/<group>`, `admission/<kind>`. */
export type Surroundings = Readonly<Record<string, Part>>;

export interface Part {
  readonly digest: string;
  /** Seconds since the epoch at which it was seen to be another one; 0: not since it was first seen. */
  readonly changedAt: number;
}

export interface SurroundingsPorts {
  readonly cluster: Cluster;
  /** Of the same cluster. */
  readonly follower: Follower;
  /** Epoch milliseconds; says whose turn it is, too. */
  readonly now: number;
}

type Digests = Readonly<Record<string, string>>;
type Read = (ports: SurroundingsPorts, groups: ReadonlySet<string>) => Promise<Digests>;

const admission = "admissionregistration.k8s.io/v1";

const turns: readonly Read[] = [
  async ({ cluster }) => {
    const { gitVersion = "" } = ((await cluster.document("/version")) ?? {}) as { readonly gitVersion?: string };
    return gitVersion === "" ? {} : { version: gitVersion };
  },
  readSchemas,
  readAdmission("MutatingWebhookConfiguration"),
  readAdmission("ValidatingWebhookConfiguration"),
  readDefinitions,
  readAdmission("ValidatingAdmissionPolicy"),
  readAdmission("ValidatingAdmissionPolicyBinding"),
  readAdmission("MutatingAdmissionPolicy"),
  readAdmission("MutatingAdmissionPolicyBinding"),
];

const minuteMillis = 60_000;

/**
 * @param groups of the kinds that are applied; of others nothing is remembered
 * @returns the same object when nothing changed
 */
export async function lookAround(
  before: Surroundings,
  groups: ReadonlySet<string>,
  ports: SurroundingsPorts,
): Promise<Surroundings> {
  const turn = turns[Math.floor(ports.now / minuteMillis) % turns.length];
  if (!turn) return before;
  const found = await turn(ports, groups).catch((error: unknown) => {
    // Refused, or not there in this version: then it decides nothing that could be seen. Of 429, its next turn tells more.
    if (error instanceof KubeError && (error.code === 429 || !isUnavailable(error))) return {};
    throw error;
  });
  const changed = Object.entries(found).filter(([name, digest]) => before[name]?.digest !== digest);
  if (changed.length === 0) return before;
  const at = Math.floor(ports.now / 1000);
  const parts = changed.map(([name, digest]) => [name, { digest, changedAt: before[name] ? at : 0 }] as const);
  return { ...before, ...Object.fromEntries(parts) };
}

/** Seconds since the epoch of the last change that concerns objects of these groups. */
export function changedAround(surroundings: Surroundings, groups: ReadonlySet<string>): number {
  const concerns = (name: string) => {
    const [part = "", group = ""] = name.split("/");
    return (part !== "schema" && part !== "definition") || groups.has(group);
  };
  const times = Object.entries(surroundings).map(([name, { changedAt }]) => (concerns(name) ? changedAt : 0));
  return Math.max(0, ...times);
}

/** The index of the schemas has a hash of each group's. */
async function readSchemas({ cluster }: SurroundingsPorts, groups: ReadonlySet<string>): Promise<Digests> {
  const { paths = {} } = ((await cluster.document("/openapi/v3")) ?? {}) as {
    readonly paths?: Readonly<Record<string, { readonly serverRelativeURL?: string }>>;
  };
  const byGroup = new Map<string, string[]>();
  for (const [path, { serverRelativeURL = "" }] of Object.entries(paths)) {
    const [root, group = "", version] = path.split("/");
    if (version === undefined && root !== "api") continue;
    const name = root === "api" ? "" : group;
    if (groups.has(name)) byGroup.set(name, [...(byGroup.get(name) ?? []), serverRelativeURL]);
  }
  return Object.fromEntries([...byGroup].map(([group, urls]) => [`schema/${group}`, digestOf(urls.sort())]));
}

async function readDefinitions({ follower }: SurroundingsPorts, groups: ReadonlySet<string>): Promise<Digests> {
  const view = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition", metadataOnly: true };
  const { items } = await follower.follow(view, keepGeneration);
  const byGroup = new Map<string, string[]>();
  for (const { metadata } of items) {
    const group = metadata.name.slice(metadata.name.indexOf(".") + 1);
    if (!groups.has(group)) continue;
    byGroup.set(group, [...(byGroup.get(group) ?? []), `${metadata.name} ${metadata.uid} ${metadata.generation}`]);
  }
  return Object.fromEntries([...byGroup].map(([group, names]) => [`definition/${group}`, digestOf(names.sort())]));
}

function readAdmission(kind: string): Read {
  return async ({ follower }) => {
    const { items } = await follower.follow({ apiVersion: admission, kind }, keepRules);
    const rules = items.map((item) => `${item.metadata.name} ${String(keepRules(item).rules)}`).sort();
    return { [`admission/${kind}`]: digestOf(rules) };
  };
}

function keepGeneration({ apiVersion, kind, metadata }: KubeObject): KubeObject {
  const { name, uid, resourceVersion, generation } = metadata;
  return { apiVersion, kind, metadata: { name, uid, resourceVersion, generation } as KubeObject["metadata"] };
}

/** A certificate that is written anew each minute decides nothing. */
function keepRules(object: KubeObject): KubeObject {
  const { apiVersion, kind, metadata } = object;
  if (typeof object.rules === "string") return object;
  const { webhooks, spec } = object as { readonly webhooks?: readonly Webhook[]; readonly spec?: unknown };
  const matters = webhooks?.map(({ clientConfig: { caBundle: _, ...where } = {}, ...webhook }) => [where, webhook]);
  const { name, uid, resourceVersion } = metadata;
  const kept = { name, uid, resourceVersion } as KubeObject["metadata"];
  return { apiVersion, kind, metadata: kept, rules: digestOf([matters ?? null, spec ?? null]) };
}

interface Webhook {
  readonly clientConfig?: { readonly caBundle?: string };
}

const digestOf = (value: unknown): string =>
  createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 32);

/** Groups of the kinds in an inventory. */
export const groupsOf = (refs: readonly { readonly apiVersion: string }[]): ReadonlySet<string> =>
  new Set(refs.map(({ apiVersion }) => groupOf(apiVersion)));
