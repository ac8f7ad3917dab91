/** Turns one verified delivery into triggers of the sources it concerns, once per delivery. */
import type { Table } from "../lease/ports.ts";
import type { Clock } from "../runtime/clock.ts";
import { each } from "../runtime/each.ts";
import { repositoryMatchKey } from "../source/git/url.ts";
import { findSourcesByUrl, type UrlFollower } from "../source/rows.ts";
import type { Answer, Payload, Verified } from "./verify.ts";

export interface WebhookPorts {
  readonly table: Table;
  readonly clock: Clock;
  readonly trigger: (key: string, why: string, note: { readonly pushedAt: number }) => Promise<void>;
  readonly unknownRepository: (repository: string) => void;
}

/** The Git host waits ten seconds for its answer. */
const inFlight = 16;
const deliveryKeptSeconds = 3 * 24 * 3600;

export async function handleDelivery(
  { event, delivery, payload }: Extract<Verified, { kind: "event" }>,
  ports: WebhookPorts,
): Promise<Answer> {
  if (event === "ping") return { status: 200, message: "pong" };
  const addresses = addressesOf(event, payload);
  if (addresses.length === 0) return { status: 202, message: `nothing to do for event '${event}'` };
  if (await handledBefore(delivery, ports)) return { status: 202, message: "this delivery was handled already" };
  const arrived = ports.clock.now();
  const sources = await findSources(addresses, ports.table);
  if (sources.length === 0) ports.unknownRepository(addresses[0] ?? "");
  const ref = typeof payload.ref === "string" ? payload.ref : undefined;
  const followers = sources.filter((source) => event !== "push" || ref === undefined || follows(source, ref));
  await each(followers, inFlight, ({ key }) => ports.trigger(key, "webhook", { pushedAt: arrived }));
  await remember(delivery, ports);
  return { status: 202, message: `${followers.length} sources triggered` };
}

/** All forms in which a source may have written the repository's address, the former name of a renamed one included. */
function addressesOf(event: string, payload: Payload): readonly string[] {
  if (event !== "push" && event !== "create" && event !== "delete" && event !== "repository") return [];
  const repository = payload.repository;
  if (typeof repository !== "object" || repository === null) return [];
  const { clone_url, ssh_url, html_url, full_name } = repository as Readonly<Record<string, unknown>>;
  const urls = [clone_url, ssh_url, html_url].filter((url) => typeof url === "string");
  const keys = urls.flatMap((url) => repositoryMatchKey(url) ?? []);
  const former = formerName(payload);
  if (former !== undefined && typeof full_name === "string") {
    const owner = full_name.slice(0, full_name.indexOf("/"));
    keys.push(...keys.map((key) => `${key.slice(0, key.lastIndexOf(`/${owner.toLowerCase()}/`))}/${owner}/${former}`));
  }
  return [...new Set(keys.map((key) => key.toLowerCase()))];
}

function formerName(payload: Payload): string | undefined {
  const changes = payload.changes as { repository?: { name?: { from?: unknown } } } | undefined;
  const from = changes?.repository?.name?.from;
  return typeof from === "string" ? from : undefined;
}

async function findSources(addresses: readonly string[], table: Table): Promise<readonly UrlFollower[]> {
  const found = new Map<string, UrlFollower>();
  for (const address of addresses)
    for (const source of await findSourcesByUrl(table, address)) found.set(source.key, source);
  return [...found.values()];
}

const follows = ({ branch }: UrlFollower, ref: string): boolean => branch === "*" || ref === `refs/heads/${branch}`;

async function handledBefore(delivery: string, { table }: WebhookPorts): Promise<boolean> {
  if (delivery === "") return false;
  return (await table.get({ pk: `DL#${delivery}`, sk: "META" }, { consistent: true })) !== undefined;
}

/** Written after the triggers: a delivery whose first try died is handled again, and triggers are repeatable. */
async function remember(delivery: string, { table, clock }: WebhookPorts): Promise<void> {
  if (delivery === "") return;
  const now = Math.floor(clock.now() / 1000);
  await table.put({ pk: `DL#${delivery}`, sk: "META", v: 1, handledAt: now, ttl: now + deliveryKeptSeconds });
}
