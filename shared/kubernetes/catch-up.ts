/**
 * What happened to the objects of one kind since a version that was seen: one WATCH, read until it falls silent. Silence
 * delays an event, it never loses one: what comes later is told when somebody catches up from the same version again.
 */
import type { KubeObject } from "../api/kube-object.ts";
import { type Cluster, KubeError } from "./cluster.ts";

/** A kind, or what a selector leaves of it. */
export interface View {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Only `metadata` of each object travels. */
  readonly metadataOnly?: boolean;
}

export type CaughtUp =
  /** `changes`: the last state of each object, undefined where it left; the cursor is that of the last event. */
  | {
      readonly kind: "changes";
      readonly cursor: string;
      readonly changes: ReadonlyMap<string, KubeObject | undefined>;
    }
  /** The version is too old, or the kind cannot be watched. */
  | { readonly kind: "gone" }
  /** More happened than is worth reading: a LIST is cheaper. */
  | { readonly kind: "busy" };

export interface CatchUpOptions {
  /** So long nothing came after the server had answered, or after the last event. */
  readonly silenceMillis: number;
  readonly mostEvents?: number;
}

/** An API server that does not even answer is no silence. */
const openMillis = 10_000;
/** Who never falls silent is busy. */
const allMillis = 5_000;
const mostEventsByDefault = 500;

export const nameIn = ({ namespace = "", name }: { namespace?: string; name: string }): string =>
  `${namespace}/${name}`;

/** @throws KubeError Unauthorized */
export async function catchUp(
  cluster: Cluster,
  { apiVersion, kind, ...selection }: View,
  from: string,
  { silenceMillis, mostEvents = mostEventsByDefault }: CatchUpOptions,
): Promise<CaughtUp> {
  const end = new AbortController();
  const opened = { isOpen: false, last: 0 };
  let timer = setTimeout(() => end.abort(), openMillis);
  const listen = () => {
    if (!opened.isOpen) opened.last = Date.now() + allMillis;
    opened.isOpen = true;
    clearTimeout(timer);
    timer = setTimeout(() => end.abort(), silenceMillis);
  };
  const changes = new Map<string, KubeObject | undefined>();
  let cursor = from;
  let events = 0;
  const timeoutSeconds = Math.ceil((openMillis + allMillis) / 1000);
  const options = { ...selection, resourceVersion: from, timeoutSeconds, signal: end.signal, onOpen: listen };
  try {
    for await (const { type, object } of cluster.watch(apiVersion, kind, options)) {
      listen();
      cursor = object.metadata.resourceVersion ?? cursor;
      if (type === "BOOKMARK") continue;
      changes.set(nameIn(object.metadata), type === "DELETED" ? undefined : object);
      events += 1;
      if (events > mostEvents || Date.now() > opened.last) return { kind: "busy" };
    }
    return opened.isOpen ? { kind: "changes", cursor, changes } : { kind: "busy" };
  } catch (error) {
    if (error instanceof KubeError && cannotBeWatched(error)) return { kind: "gone" };
    throw error;
  } finally {
    clearTimeout(timer);
    end.abort();
  }
}

/**
 * Whether it may be listed and whether the server is there at all, the LIST that follows says: that is sent again. A watch
 * cache that cannot be filled answers 429 for good, while its kind can still be listed.
 */
const cannotBeWatched = ({ reason, code }: KubeError): boolean =>
  ["Gone", "Forbidden", "NotFound", "NoMatch", "MethodNotAllowed", "Unreachable"].includes(reason) ||
  code === 429 ||
  code >= 500;
