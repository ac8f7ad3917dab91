/**
 * A cluster that is a list of objects, for tests of bootstrap and of the commands: no schemas, no field ownership.
 * Every kind is served; labels and fields are selected as far as these tests need.
 */
import type { KubeObject, ObjectRef } from "../../shared/api/kube-object.ts";
import { refOf } from "../../shared/api/kube-object.ts";
import { isRecord } from "../../shared/api/schema.ts";
import { KubeError, type Cluster, type DeleteOptions } from "../../shared/kubernetes/cluster.ts";
import { applyJsonPatch } from "./json-patch.ts";

export interface ObjectCluster extends Cluster {
  readonly objects: () => readonly KubeObject[];
  /** `verb Kind/namespace/name` of every write. */
  readonly writes: readonly string[];
  readonly put: (object: KubeObject) => void;
  /** Called after every write, so that a test can play the engine. */
  onWrite: (object: KubeObject) => void;
}

export interface ObjectClusterOptions {
  readonly objects?: readonly KubeObject[];
  /** Kinds that the API server does not serve. */
  readonly unserved?: readonly string[];
  /** Called before every request. */
  readonly onRequest?: (verb: string, target: string) => void;
}

export function objectCluster({
  objects = [],
  unserved = [],
  onRequest = () => undefined,
}: ObjectClusterOptions = {}): ObjectCluster {
  const store = new Map<string, KubeObject>();
  const writes: string[] = [];
  let version = 0;
  const put = (object: KubeObject) => {
    version += 1;
    const metadata = { uid: `uid-${version}`, ...object.metadata, resourceVersion: `${version}` };
    const stored = { ...object, metadata };
    store.set(keyOf(refOf(object)), stored);
    return stored;
  };
  objects.forEach(put);

  const serve = (verb: string, kind: string, target: string) => {
    onRequest(verb, target);
    if (unserved.includes(kind)) throw new KubeError(404, "NoMatch", `no matches for kind "${kind}"`);
  };
  const write = (verb: string, object: KubeObject) => {
    writes.push(`${verb} ${targetOf(refOf(object))}`);
    const stored = put(object);
    cluster.onWrite(stored);
    return stored;
  };
  const unexpected = (name: string) => () => {
    throw new Error(`unexpected call of ${name}`);
  };

  const cluster: ObjectCluster = {
    objects: () => [...store.values()],
    writes,
    put,
    onWrite: () => undefined,
    resource: async (apiVersion, kind) => {
      serve("resource", kind, kind);
      const [group = "", version = ""] = apiVersion.split("/");
      return { group, version, kind, plural: `${kind.toLowerCase()}s`, namespaced: true };
    },
    get: async (ref) => {
      serve("get", ref.kind, targetOf(ref));
      return store.get(keyOf(ref));
    },
    list: async (apiVersion, kind, { namespace, labelSelector, fieldSelector } = {}) => {
      serve("list", kind, kind);
      const items = [...store.values()].filter(
        (object) =>
          object.apiVersion === apiVersion &&
          object.kind === kind &&
          (namespace === undefined || object.metadata.namespace === namespace) &&
          matches(object.metadata.labels ?? {}, labelSelector) &&
          matchesFields(object, fieldSelector),
      );
      return { resourceVersion: `${version}`, items };
    },
    create: async (object) => {
      serve("create", object.kind, targetOf(refOf(object)));
      if (store.has(keyOf(refOf(object)))) throw new KubeError(409, "AlreadyExists", "already exists");
      return write("create", object);
    },
    apply: async (object) => {
      serve("apply", object.kind, targetOf(refOf(object)));
      return write("apply", merge(store.get(keyOf(refOf(object))) ?? {}, object) as KubeObject);
    },
    mergePatch: async (ref, patch) => {
      serve("patch", ref.kind, targetOf(ref));
      const found = store.get(keyOf(ref));
      if (!found) throw new KubeError(404, "NotFound", `${targetOf(ref)} not found`);
      const wanted = isRecord(patch.metadata) ? patch.metadata.resourceVersion : undefined;
      if (wanted !== undefined && wanted !== found.metadata.resourceVersion)
        throw new KubeError(409, "Conflict", "the object has been modified");
      return write("patch", merge(found, patch) as KubeObject);
    },
    jsonPatch: async (ref, operations) => {
      serve("patch", ref.kind, targetOf(ref));
      const found = store.get(keyOf(ref));
      if (!found) throw new KubeError(404, "NotFound", `${targetOf(ref)} not found`);
      const patched = applyJsonPatch(found, operations) as KubeObject;
      if (patched.metadata.resourceVersion !== found.metadata.resourceVersion)
        throw new KubeError(409, "Conflict", "the object has been modified");
      return write("patch", patched);
    },
    delete: async (ref, options?: DeleteOptions) => {
      serve("delete", ref.kind, targetOf(ref));
      const found = store.get(keyOf(ref));
      if (!found || (options?.uid && options.uid !== found.metadata.uid)) return "absent";
      writes.push(`delete ${targetOf(ref)}`);
      store.delete(keyOf(ref));
      return "deleted";
    },
    watch: unexpected("watch"),
    document: unexpected("document"),
    as: () => cluster,
  };
  return cluster;
}

const keyOf = ({ apiVersion, kind, namespace = "", name }: ObjectRef) => [apiVersion, kind, namespace, name].join("|");

const targetOf = ({ kind, namespace, name }: ObjectRef) => [kind, ...(namespace ? [namespace] : []), name].join("/");

/** RFC 7396. */
function merge(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const result: Record<string, unknown> = isRecord(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = merge(result[name], value);
  }
  return result;
}

/** `a=b`, `a==b`, `a!=b`, `a in (b, c)`, `a notin (b, c)`, `a`, `!a`, joined by commas. */
function matches(labels: Readonly<Record<string, string>>, selector = ""): boolean {
  const requirements = selector.match(/[^,(]+(\([^)]*\))?/g) ?? [];
  return requirements.every((requirement) => {
    const set = /^\s*(\S+)\s+(in|notin)\s+\(([^)]*)\)\s*$/.exec(requirement);
    if (set) {
      const [, name = "", operator, list = ""] = set;
      const values = list.split(",").map((value) => value.trim());
      return values.includes(labels[name] ?? "") === (operator === "in");
    }
    const [, name = "", operator, value] = /^\s*(!?[^=!\s]+)\s*(?:(==|=|!=)\s*(\S*))?\s*$/.exec(requirement) ?? [];
    if (!operator) return name.startsWith("!") ? !(name.slice(1) in labels) : name in labels;
    return (labels[name] === value) === (operator !== "!=");
  });
}

function matchesFields(object: KubeObject, selector = ""): boolean {
  return selector
    .split(",")
    .filter(Boolean)
    .every((term) => {
      const [path = "", value] = term.split("=");
      const found = path.split(".").reduce<unknown>((at, name) => (isRecord(at) ? at[name] : undefined), object);
      return found === value;
    });
}
