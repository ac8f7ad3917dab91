/**
 * The sandbox's etcd: objects by resource, one counter of versions for all, a bounded history for watches, and a file
 * that survives a restart.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { isObj, type Obj } from "./json.ts";

export type ChangeType = "ADDED" | "MODIFIED" | "DELETED";

export interface Change {
  readonly type: ChangeType;
  readonly version: number;
  /** `group/plural`. */
  readonly resource: string;
  readonly object: Obj;
  /** What was stored before; undefined for ADDED. */
  readonly previous: Obj | undefined;
}

export interface Store {
  readonly version: () => number;
  /** The oldest version from which a watch may start. */
  readonly oldest: () => number;
  get(resource: string, namespace: string, name: string): Obj | undefined;
  /** In order of namespace and name. */
  list(resource: string, namespace?: string): readonly Obj[];
  resources(): readonly string[];
  /** Stores under a new version, which is written into the object; returns it. */
  put(resource: string, object: Obj): Obj;
  remove(resource: string, object: Obj): Obj;
  /** Changes after `version`; undefined when they are no longer kept. */
  since(version: number): readonly Change[] | undefined;
  /** Called for each change, synchronously, until the returned function is called. */
  subscribe(listener: (change: Change) => void): () => void;
  /** Forgets the history up to now, as etcd's compaction does. */
  compact(): void;
  flush(): void;
}

/** So many changes are kept for watches. */
const HISTORY_KEPT = 10_000;
const SAVE_AFTER_MS = 200;

const keyOf = (namespace: string, name: string): string => `${namespace}/${name}`;

const metaOf = (object: Obj): { name: string; namespace: string } => {
  const meta = isObj(object.metadata) ? object.metadata : {};
  return { name: String(meta.name), namespace: typeof meta.namespace === "string" ? meta.namespace : "" };
};

export function createStore(file?: string): Store {
  const tables = new Map<string, Map<string, Obj>>();
  const listeners = new Set<(change: Change) => void>();
  let history: Change[] = [];
  let version = 1;
  let oldest = 1;
  let saving: NodeJS.Timeout | undefined;

  if (file && existsSync(file)) {
    const saved = JSON.parse(readFileSync(file, "utf8")) as { version: number; tables: Record<string, Obj[]> };
    version = saved.version;
    oldest = saved.version;
    for (const [resource, objects] of Object.entries(saved.tables))
      tables.set(
        resource,
        new Map(objects.map((object) => [keyOf(metaOf(object).namespace, metaOf(object).name), object])),
      );
  }

  const flush = (): void => {
    clearTimeout(saving);
    saving = undefined;
    if (!file) return;
    mkdirSync(dirname(file), { recursive: true });
    const saved = {
      version,
      tables: Object.fromEntries([...tables].map(([resource, table]) => [resource, [...table.values()]])),
    };
    writeFileSync(`${file}.new`, JSON.stringify(saved), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  };

  const record = (change: Change): void => {
    history.push(change);
    if (history.length > HISTORY_KEPT * 2) {
      history = history.slice(-HISTORY_KEPT);
      oldest = (history[0]?.version ?? version + 1) - 1;
    }
    if (file && !saving) saving = setTimeout(flush, SAVE_AFTER_MS).unref();
    for (const listener of [...listeners]) listener(change);
  };

  const stamped = (object: Obj): Obj => {
    version++;
    const meta = isObj(object.metadata) ? object.metadata : {};
    return { ...object, metadata: { ...meta, resourceVersion: String(version) } };
  };

  return {
    version: () => version,
    oldest: () => oldest,
    get: (resource, namespace, name) => tables.get(resource)?.get(keyOf(namespace, name)),
    list: (resource, namespace) => {
      const all = [...(tables.get(resource) ?? new Map<string, Obj>())];
      const wanted = namespace ? all.filter(([key]) => key.startsWith(`${namespace}/`)) : all;
      return wanted.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
    },
    resources: () => [...tables.keys()],
    put: (resource, object) => {
      const { name, namespace } = metaOf(object);
      const key = keyOf(namespace, name);
      let table = tables.get(resource);
      if (!table) tables.set(resource, (table = new Map<string, Obj>()));
      const previous = table.get(key);
      const stored = stamped(object);
      table.set(key, stored);
      record({ type: previous ? "MODIFIED" : "ADDED", version, resource, object: stored, previous });
      return stored;
    },
    remove: (resource, object) => {
      const { name, namespace } = metaOf(object);
      const previous = tables.get(resource)?.get(keyOf(namespace, name));
      tables.get(resource)?.delete(keyOf(namespace, name));
      const last = stamped(object);
      record({ type: "DELETED", version, resource, object: last, previous });
      return last;
    },
    since: (from) => (from < oldest ? undefined : history.filter((change) => change.version > from)),
    subscribe: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    compact: () => {
      history = [];
      oldest = version;
    },
    flush,
  };
}
