/** Who changed which object last, as the audit log told: kept for an hour, for whoever finds the change. */
import { groupOf, type ObjectRef } from "../api/kube-object.ts";
import type { Item, ItemKey, Table } from "../lease/ports.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Actor, AuditedChange } from "./audit-event.ts";

export interface KnownActor extends Actor {
  readonly verb: string;
  /** RFC 3339. */
  readonly at: string;
}

const keptSeconds = 3600;
const schemaVersion = 1;

const partition = (cluster: string): string => `WHO#${cluster}`;
const place = (group: string, namespace: string, name: string): string => `${group}/${namespace}/${name}/`;

/** The last one counts. A deleted collection names no object and is not kept. */
export async function recordActor(table: Table, cluster: string, change: AuditedChange, clock: Clock): Promise<void> {
  const { group, resource, namespace, name, verb, at, actor } = change;
  if (name === "") return;
  const key: ItemKey = { pk: partition(cluster), sk: `${place(group, namespace, name)}${resource}` };
  const ttl = Math.floor(clock.now() / 1000) + keptSeconds;
  await table.put({ ...key, v: schemaVersion, verb, at, actor: { ...actor }, ttl });
}

/**
 * Undefined when nothing is known of the object, or nothing since then.
 *
 * @param since RFC 3339; what was changed before is not what was found
 */
export async function findActor(
  table: Table,
  cluster: string,
  { apiVersion, kind, namespace = "", name }: ObjectRef,
  since = "",
): Promise<KnownActor | undefined> {
  const prefix = place(groupOf(apiVersion), namespace, name);
  const items = await table.query({ pk: partition(cluster), prefix });
  const found = items.find(({ sk }) => typeof sk === "string" && isPluralOf(sk.slice(prefix.length), kind));
  const known = found && parse(found);
  return known && known.at >= since ? known : undefined;
}

/** The log names resources, manifests name kinds: `policies` and NetworkPolicy's like differ in their last letters only. */
const isPluralOf = (resource: string, kind: string): boolean =>
  resource.slice(0, kind.length - 1) === kind.slice(0, -1).toLowerCase() && resource.length - kind.length < 4;

function parse({ actor, verb, at }: Item): KnownActor | undefined {
  if (typeof actor !== "object" || actor === null || typeof verb !== "string" || typeof at !== "string")
    return undefined;
  const { user, arn, groups, sourceIPs, userAgent } = actor as Readonly<Record<string, unknown>>;
  if (typeof user !== "string") return undefined;
  const list = (value: unknown) => (Array.isArray(value) ? value.filter((each) => typeof each === "string") : []);
  return {
    user,
    ...(typeof arn === "string" ? { arn } : {}),
    groups: list(groups),
    sourceIPs: list(sourceIPs),
    userAgent: typeof userAgent === "string" ? userAgent : "",
    verb,
    at,
  };
}
