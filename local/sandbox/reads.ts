/** LIST and WATCH: selectors, pages, versions, bookmarks, and the 410 of a version that is no longer kept. */
import type { Clock } from "../../shared/runtime/clock.ts";
import { at, equal, objOf, textOf, withAt, type Obj } from "./json.ts";
import type { Objects } from "./objects.ts";
import { apiVersionOf, type Resource } from "./resources.ts";
import { fieldSelector, labelSelector, type Predicate } from "./selectors.ts";
import { StatusError, badRequest, gone } from "./status-error.ts";
import type { Change, Store } from "./store.ts";
import { metadataOf, tableOf } from "./table.ts";

export type View = "object" | "metadata" | "table";

export interface ReadTarget {
  readonly resource: Resource;
  readonly namespace: string;
  readonly view: View;
  readonly query: URLSearchParams;
}

export interface Reads {
  list(target: ReadTarget): Obj;
  /** One object in the asked-for form. */
  form(target: ReadTarget, object: Obj): Obj;
  /** Watch events as JSON lines; ends at the timeout or when the signal aborts. */
  watch(target: ReadTarget, signal: AbortSignal): AsyncGenerator<string>;
  selected(target: ReadTarget): readonly Obj[];
}

const DEFAULT_WATCH_SECONDS = 1800;

export function createReads({ store, objects, clock }: { store: Store; objects: Objects; clock: Clock }): Reads {
  const predicateOf = ({ resource, namespace, query }: ReadTarget): Predicate => {
    const byLabel = labelSelector(query.get("labelSelector") ?? "");
    const byField = fieldSelector(query.get("fieldSelector") ?? "", resource.custom ? "" : resource.plural);
    return (object) =>
      (!namespace || at(object, "metadata", "namespace") === namespace) && byLabel(object) && byField(object);
  };

  const selected = (target: ReadTarget): readonly Obj[] => {
    const matches = predicateOf(target);
    return store
      .list(target.resource.storage, target.namespace || undefined)
      .map((object) => objects.shown(target.resource, object))
      .filter(matches);
  };

  const form = ({ resource, view, query }: ReadTarget, object: Obj): Obj => {
    if (view === "metadata") return metadataOf(object);
    if (view === "table")
      return tableOf(resource, [object], {
        now: clock.now(),
        include: query.get("includeObject") ?? "Metadata",
        metadata: { resourceVersion: textOf(at(object, "metadata", "resourceVersion")) },
      });
    return object;
  };

  const list = (target: ReadTarget): Obj => {
    const { resource, view, query } = target;
    requireReached(query.get("resourceVersion"), store);
    const all = selected(target);
    const limit = Number(query.get("limit") ?? 0);
    const token = query.get("continue");
    const from = token ? readToken(token, store) : { start: "", version: String(store.version()) };
    const rest = from.start ? all.filter((object) => keyOf(object) > from.start) : all;
    const page = limit > 0 ? rest.slice(0, limit) : rest;
    const last = page.at(-1);
    const metadata: Obj = {
      ...(resource.custom && view === "object" ? { continue: "" } : {}),
      resourceVersion: from.version,
    };
    if (last && page.length < rest.length) {
      metadata.continue = Buffer.from(JSON.stringify({ start: keyOf(last), version: from.version })).toString(
        "base64url",
      );
      if (!query.get("labelSelector") && !query.get("fieldSelector"))
        metadata.remainingItemCount = rest.length - page.length;
    }
    if (view === "table")
      return tableOf(resource, page, { now: clock.now(), include: query.get("includeObject") ?? "Metadata", metadata });
    if (view === "metadata")
      return { kind: "PartialObjectMetadataList", apiVersion: "meta.k8s.io/v1", metadata, items: page.map(metadataOf) };
    return {
      kind: resource.listKind,
      apiVersion: apiVersionOf(resource),
      metadata,
      items: resource.custom ? page : page.map(withoutType),
    };
  };

  async function* watch(target: ReadTarget, signal: AbortSignal): AsyncGenerator<string> {
    const { resource, query } = target;
    const matches = predicateOf(target);
    const line = (type: string, object: Obj): string => `${JSON.stringify({ type, object })}\n`;
    const asked = query.get("resourceVersion") ?? "";
    const queue: string[] = [];
    let wake: (() => void) | undefined;
    const offer = (change: Change): void => {
      if (change.resource !== resource.storage) return;
      const event = eventOf(change, resource, matches, objects);
      if (!event) return;
      queue.push(line(event.type, form(target, event.object)));
      wake?.();
    };
    const missed = Number(asked) > 0 ? store.since(Number(asked)) : [];
    if (!missed) {
      yield line("ERROR", gone(`too old resource version: ${asked} (${store.oldest()})`).status());
      return;
    }
    missed.forEach(offer);
    if (!(Number(asked) > 0) || query.get("sendInitialEvents") === "true") {
      queue.push(...selected(target).map((object) => line("ADDED", form(target, object))));
      if (query.get("sendInitialEvents") === "true") queue.push(line("BOOKMARK", bookmark(target, store.version())));
    }
    const unsubscribe = store.subscribe(offer);
    const ended = new AbortController();
    const stop = (): void => {
      ended.abort();
      wake?.();
    };
    signal.addEventListener("abort", stop, { once: true });
    const seconds = Number(query.get("timeoutSeconds") ?? DEFAULT_WATCH_SECONDS) || DEFAULT_WATCH_SECONDS;
    void clock.sleep(seconds * 1000, ended.signal).then(stop, () => undefined);
    try {
      while (!ended.signal.aborted && !signal.aborted) {
        const next = queue.shift();
        if (next === undefined) {
          await new Promise<void>((resolve) => (wake = resolve));
          wake = undefined;
        } else yield next;
      }
      yield* queue;
    } finally {
      unsubscribe();
      stop();
      signal.removeEventListener("abort", stop);
    }
  }

  return { list, form, watch, selected };
}

/** What a watcher with a selector sees of a change: objects enter and leave its selection. */
function eventOf(
  change: Change,
  resource: Resource,
  matches: Predicate,
  objects: Objects,
): { type: string; object: Obj } | undefined {
  const object = objects.shown(resource, change.object);
  const before = change.previous ? matches(objects.shown(resource, change.previous)) : false;
  const now = change.type !== "DELETED" && matches(object);
  if (before && now) return { type: "MODIFIED", object };
  if (now) return { type: "ADDED", object };
  return before
    ? {
        type: "DELETED",
        object:
          change.type === "DELETED"
            ? object
            : withVersion(objects.shown(resource, change.previous ?? {}), change.version),
      }
    : undefined;
}

const withVersion = (object: Obj, version: number): Obj =>
  withAt(object, ["metadata", "resourceVersion"], String(version));

function bookmark({ resource, view }: ReadTarget, version: number): Obj {
  const metadata = {
    resourceVersion: String(version),
    creationTimestamp: null,
    annotations: { "k8s.io/initial-events-end": "true" },
  };
  if (view === "metadata") return { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata };
  if (view === "table")
    return {
      kind: "Table",
      apiVersion: "meta.k8s.io/v1",
      metadata: {},
      columnDefinitions: null,
      rows: [{ cells: null, object: { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata } }],
    };
  return { kind: resource.kind, apiVersion: apiVersionOf(resource), metadata };
}

const keyOf = (object: Obj): string =>
  `${textOf(at(object, "metadata", "namespace"))}/${textOf(at(object, "metadata", "name"))}`;

/** Items of a typed list do not repeat kind and version. */
const withoutType = ({ kind: _, apiVersion: _a, ...rest }: Obj): Obj => rest;

/** A version from the future: this is another cluster's, or the store was restored. */
function requireReached(asked: string | null, store: Store): void {
  if (asked === null || asked === "" || asked === "0") return;
  if (!/^\d+$/.test(asked))
    throw badRequest(
      `invalid resource version: resourceVersion: Invalid value: ${JSON.stringify(asked)}: strconv.ParseUint: parsing ${JSON.stringify(asked)}: invalid syntax`,
    );
  if (Number(asked) <= store.version()) return;
  throw new StatusError(504, "Timeout", `Too large resource version: ${asked}, current: ${store.version()}`, {
    causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
    retryAfterSeconds: 1,
  });
}

function readToken(token: string, store: Store): { start: string; version: string } {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(token, "base64url").toString("utf8"));
  } catch {
    throw badRequest("continue key is not valid");
  }
  const { start, version } = objOf(value);
  if (Number(version) < store.oldest() && !equal(Number(version), store.version()))
    throw gone(
      "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.",
    );
  return { start: textOf(start), version: textOf(version) };
}
