/**
 * Answers what a LIST would, without asking for all of it: from what was kept of the last answer and the events since. A
 * cursor proves nothing alone: who asks must have seen that the API server is the same one and not behind it.
 */
import type { KubeObject } from "../api/kube-object.ts";
import { catchUp, nameIn, type View } from "./catch-up.ts";
import type { Cluster } from "./cluster.ts";

/** What is remembered of a view: objects as they were at the cursor. */
export interface Kept {
  readonly cursor: string;
  readonly objects: readonly KubeObject[];
  /** Epoch milliseconds of the last LIST. */
  readonly listedAt: number;
  /** Until then it goes by LIST: too much happened to read it event by event, or it cannot be watched. */
  readonly listUntil?: number;
}

/** By the name of the view. */
export type KeptViews = Readonly<Record<string, Kept>>;

export interface Followed {
  readonly items: readonly KubeObject[];
  /** False for what is known from before: then only what was kept is there. */
  readonly isWhole: (item: KubeObject) => boolean;
}

export interface Follower {
  /** @param keep what is remembered of an object. @throws KubeError as a LIST does */
  follow(view: View, keep: (object: KubeObject) => KubeObject): Promise<Followed>;
  /** It is remembered that there was none. */
  isEmpty(view: View): boolean;
  /** So much happened that it goes by LIST for some minutes. */
  isBusy(view: View): boolean;
  /** For the next time; the same object when nothing changed. */
  kept(): KeptViews;
}

export interface FollowOptions {
  /** Epoch milliseconds. */
  readonly now: number;
  /** See catch-up.ts; undefined: everything is listed, each time. */
  readonly silenceMillis: number | undefined;
  /** The newest version that the API server admits to: who remembers a newer one remembers another past. */
  readonly newest: string | undefined;
}

const hourMillis = 3600_000;
/** Even a silent view is listed now and then: what no proof excludes costs an hour at most. */
const relistMillis = hourMillis;
const busyMillis = 600_000;
const forgottenMillis = 3 * hourMillis;
const pageSize = 5000;

export function createFollower(cluster: Cluster, before: KeptViews, options: FollowOptions): Follower {
  const { now, silenceMillis } = options;
  const after = new Map<string, Kept>(Object.entries(before).filter(([, kept]) => isUsable(kept, options)));
  const isUnchanged = () =>
    after.size === Object.keys(before).length && [...after].every(([name, kept]) => before[name] === kept);

  const list = async (view: View, keep: Keep, listUntil: number | undefined): Promise<Followed> => {
    const { apiVersion, kind, ...selection } = view;
    const take = (item: KubeObject, index: number) => (index < pageSize ? item : keep(item));
    const found = await cluster.list(apiVersion, kind, { ...selection, pageSize, take });
    const objects = found.items.map((item, index) => (index < pageSize ? keep(item) : item));
    const kept = { cursor: found.resourceVersion, objects, listedAt: now };
    if (silenceMillis !== undefined) after.set(nameOf(view), listUntil === undefined ? kept : { ...kept, listUntil });
    const whole = new Set(view.metadataOnly === true ? [] : found.items.slice(0, pageSize));
    return { items: found.items, isWhole: (item) => whole.has(item) };
  };

  return {
    async follow(view, keep) {
      const name = nameOf(view);
      const known = after.get(name);
      if (!known || silenceMillis === undefined || !isWatchable(known, name, now))
        return list(view, keep, stillBusy(known, now));
      const found = await catchUp(cluster, view, known.cursor, { silenceMillis });
      if (found.kind !== "changes") return list(view, keep, found.kind === "busy" ? now + busyMillis : undefined);
      const { changes, cursor } = found;
      if (changes.size === 0) return { items: known.objects, isWhole: () => false };
      const objects = merged(known.objects, changes, keep);
      after.set(name, { ...known, cursor, objects });
      const whole = new Map([...changes].flatMap(([id, object]) => (object ? [[id, object] as const] : [])));
      const items = objects.map((object) => whole.get(nameIn(object.metadata)) ?? object);
      const isWhole = (item: KubeObject) => view.metadataOnly !== true && whole.get(nameIn(item.metadata)) === item;
      return { items, isWhole };
    },
    isEmpty: (view) => after.get(nameOf(view))?.objects.length === 0,
    isBusy: (view) => stillBusy(after.get(nameOf(view)), now) !== undefined,
    kept: () => (isUnchanged() ? before : Object.fromEntries(after)),
  };
}

type Keep = (object: KubeObject) => KubeObject;

/** Of another past, of an aggregated API that counts by itself, or of something that nobody asks for any more. */
function isUsable({ cursor, listedAt }: Kept, { now, newest, silenceMillis }: FollowOptions): boolean {
  if (silenceMillis === undefined || newest === undefined || isNewer(cursor, newest)) return false;
  return Math.abs(now - listedAt) < forgottenMillis;
}

/** Not all views are listed in the same minute; a clock that jumped back makes a time of the future one that is past. */
function isWatchable({ listedAt, listUntil = 0 }: Kept, name: string, now: number): boolean {
  if (now < listUntil && listUntil - now <= busyMillis) return false;
  const age = now - listedAt;
  return age >= 0 && age < relistMillis + (spreadOf(name) % relistMillis);
}

const stillBusy = (known: Kept | undefined, now: number): number | undefined =>
  known?.listUntil !== undefined && now < known.listUntil && known.listUntil - now <= busyMillis
    ? known.listUntil
    : undefined;

function spreadOf(name: string): number {
  let sum = 0;
  for (const char of name) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) % 0x7fffffff;
  return sum;
}

function merged(
  objects: readonly KubeObject[],
  changes: ReadonlyMap<string, KubeObject | undefined>,
  keep: Keep,
): readonly KubeObject[] {
  const byName = new Map(objects.map((object) => [nameIn(object.metadata), object]));
  for (const [name, object] of changes) {
    if (object) byName.set(name, keep(object));
    else byName.delete(name);
  }
  return [...byName.values()];
}

/** Resource versions of one API server are decimal numbers of any length. */
export function isNewer(a: string, b: string): boolean {
  return a.length === b.length ? a > b : a.length > b.length;
}

function nameOf({ apiVersion, kind, namespace = "", labelSelector = "", fieldSelector = "" }: View): string {
  return [apiVersion, kind, namespace, labelSelector, fieldSelector].join(" ").trimEnd();
}
