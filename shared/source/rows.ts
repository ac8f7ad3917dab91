/** What the table remembers of sources: the stored revision of each, fetches shared by clusters, URLs for webhooks. */
import type { Item, ItemKey, Table } from "../lease/ports.ts";
import { repositoryMatchKey } from "./git/url.ts";

/** Content of a source as it lies in the bucket. */
export interface StoredArchive {
  /** Key in the bucket. */
  readonly artifactKey: string;
  /** `sha256:<hex>` of the archive's bytes. */
  readonly digest: string;
  readonly size: number;
}

/** `OB#<key>/SRC`. */
export interface SourceRow extends Partial<StoredArchive> {
  readonly revision?: string;
  /** Seconds since the epoch at which the revision was stored first. */
  readonly storedAt?: number;
  /** The revision that the dependants were told of last. */
  readonly announced?: string;
  /** Match key under which webhooks find this source. */
  readonly urlKey?: string;
  /** Branch that the webhook item says the source follows; `*` for whatever any push can move. */
  readonly urlBranch?: string;
  /** Failures in a row. */
  readonly failures: number;
}

/** `SR#<fetch key>/RV#<revision>`: valid for whoever holds the credential that the key was made with. */
export interface SharedFetch extends StoredArchive {
  readonly author: string;
  /** The commit's subject, at most 50 characters. */
  readonly subject: string;
}

const schemaVersion = 1;
const sourceItem = (key: string): ItemKey => ({ pk: `OB#${key}`, sk: "SRC" });
const urlItem = (urlKey: string, key: string): ItemKey => ({ pk: `URL#${urlKey}`, sk: key });
const sharedItem = (fetchKey: string, revision: string): ItemKey => ({ pk: `SR#${fetchKey}`, sk: `RV#${revision}` });

/** The row of a source that is not known yet is empty. */
export async function readSourceRow(table: Table, key: string): Promise<SourceRow> {
  const item = (await table.get(sourceItem(key), { consistent: true })) ?? {};
  return {
    ...texts(item, ["artifactKey", "digest", "revision", "announced", "urlKey", "urlBranch"]),
    ...(typeof item.size === "number" ? { size: item.size } : {}),
    ...(typeof item.storedAt === "number" ? { storedAt: item.storedAt } : {}),
    failures: typeof item.failures === "number" ? item.failures : 0,
  };
}

/** Records what is stored now. Other content under the same revision is news too, so that it is announced again. */
export async function recordStored(
  table: Table,
  key: string,
  previous: SourceRow,
  next: StoredArchive & { readonly revision: string },
  nowSeconds: number,
): Promise<void> {
  const same = previous.revision === next.revision && previous.digest === next.digest && previous.size === next.size;
  if (same && previous.artifactKey === next.artifactKey && previous.failures === 0) return;
  const sameRevision = previous.revision === next.revision;
  const otherContent = sameRevision && previous.digest !== next.digest;
  await table.update(sourceItem(key), {
    update:
      "SET v = :v, revision = :revision, digest = :digest, artifactKey = :artifactKey, size = :size, failures = :none" +
      (sameRevision ? "" : ", storedAt = :now") +
      (otherContent ? " REMOVE announced" : ""),
    values: {
      ":v": schemaVersion,
      ":revision": next.revision,
      ":digest": next.digest,
      ":artifactKey": next.artifactKey,
      ":size": next.size,
      ":none": 0,
      ...(sameRevision ? {} : { ":now": nowSeconds }),
    },
  });
}

export async function recordFailures(table: Table, key: string, failures: number): Promise<void> {
  await table.update(sourceItem(key), {
    update: "SET v = :v, failures = :failures",
    values: { ":v": schemaVersion, ":failures": failures },
  });
}

/** Whether the dependants have still to be told of the stored revision. */
export async function announceNeeded(table: Table, key: string): Promise<boolean> {
  const { revision, announced } = await readSourceRow(table, key);
  return revision !== undefined && revision !== announced;
}

/** To be called when all dependants were triggered; without effect when another revision was stored meanwhile. */
export async function markAnnounced(table: Table, key: string, revision: string): Promise<void> {
  await table.update(sourceItem(key), {
    update: "SET announced = :revision",
    condition: "revision = :revision",
    values: { ":revision": revision },
  });
}

/** Keeps the webhook's way to the source current: new item first, so that no push is missed between the two writes. */
export async function recordUrl(
  table: Table,
  key: string,
  previous: SourceRow,
  { url, branch = "*" }: { readonly url: string; readonly branch?: string | undefined },
): Promise<void> {
  const urlKey = repositoryMatchKey(url);
  if (urlKey === previous.urlKey && branch === previous.urlBranch) return;
  if (urlKey !== undefined) await table.put({ ...urlItem(urlKey, key), v: schemaVersion, branch });
  if (previous.urlKey !== undefined && previous.urlKey !== urlKey) await table.delete(urlItem(previous.urlKey, key));
  await table.update(sourceItem(key), {
    update:
      urlKey === undefined
        ? "SET v = :v REMOVE urlKey, urlBranch"
        : "SET v = :v, urlKey = :urlKey, urlBranch = :branch",
    values: { ":v": schemaVersion, ...(urlKey === undefined ? {} : { ":urlKey": urlKey, ":branch": branch }) },
  });
}

export interface UrlFollower {
  readonly key: string;
  /** The branch that it follows; `*` for tags, semver ranges, names and commits, which any push can move. */
  readonly branch: string;
}

/** The sources whose repository has this match key. */
export async function findSourcesByUrl(table: Table, urlKey: string): Promise<readonly UrlFollower[]> {
  const items = await table.query({ pk: `URL#${urlKey}` });
  return items.flatMap(({ sk, branch }) =>
    typeof sk === "string" ? [{ key: sk, branch: typeof branch === "string" ? branch : "*" }] : [],
  );
}

export async function forgetSource(table: Table, key: string): Promise<void> {
  const { urlKey } = await readSourceRow(table, key);
  if (urlKey !== undefined) await table.delete(urlItem(urlKey, key));
  await table.delete(sourceItem(key));
}

/** Forgotten so long after its last use: then the next user fetches again, into the same place in the bucket. */
const sharedKeptSeconds = 30 * 24 * 3600;

/** With its `ttl`, in seconds since the epoch. */
export async function readSharedFetch(
  table: Table,
  fetchKey: string,
  revision: string,
): Promise<(SharedFetch & { readonly ttl: number }) | undefined> {
  const item = await table.get(sharedItem(fetchKey, revision), { consistent: true });
  const {
    artifactKey,
    digest,
    author = "",
    subject = "",
  } = texts(item ?? {}, ["artifactKey", "digest", "author", "subject"]);
  const size = item?.size;
  if (artifactKey === undefined || digest === undefined || typeof size !== "number") return undefined;
  return { artifactKey, digest, size, author, subject, ttl: typeof item?.ttl === "number" ? item.ttl : 0 };
}

/** Whether a user records it anew, lest it expire: not at each use, but long before its end. */
export const isAging = ({ ttl }: { readonly ttl: number }, nowSeconds: number): boolean =>
  ttl - nowSeconds < sharedKeptSeconds / 2;

export async function recordSharedFetch(
  table: Table,
  fetchKey: string,
  revision: string,
  { artifactKey, digest, size, author, subject }: SharedFetch,
  nowSeconds: number,
): Promise<void> {
  const fetched = { artifactKey, digest, size, author, subject };
  await table.put({
    ...sharedItem(fetchKey, revision),
    v: schemaVersion,
    ...fetched,
    ttl: nowSeconds + sharedKeptSeconds,
  });
}

function texts<Name extends string>(item: Item, names: readonly Name[]): Partial<Record<Name, string>> {
  const found: Partial<Record<Name, string>> = {};
  for (const name of names) {
    const value = item[name];
    if (typeof value === "string") found[name] = value;
  }
  return found;
}
