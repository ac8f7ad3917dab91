/**
 * A cluster that is a map: the rules of the API server that the engine relies on (versions, generations, field ownership,
 * dry-run, preconditions, finalizers, selectors), without schemas, defaults and controllers. Unknown kinds are refused.
 */
import { isDeepStrictEqual } from "node:util";

import { groupOf, type KubeObject, type ObjectRef, refOf, subject } from "../../shared/api/kube-object.ts";
import {
  type ApiResource,
  type Cluster,
  KubeError,
  type WatchEvent,
  type WatchOptions,
} from "../../shared/kubernetes/cluster.ts";
import { rfc3339 } from "../../shared/runtime/clock.ts";
import { applied, owns, updated } from "./apply-fields.ts";
import { applyJsonPatch, applyMergePatch } from "./json-patch.ts";
import { findKind } from "./kinds.ts";
import { matchesFields, matchesLabels } from "./selectors.ts";

export interface MemoryCluster extends Cluster {
  /** Everything, sorted by group, kind, namespace and name. */
  objects(): readonly KubeObject[];
  find(ref: ObjectRef): KubeObject | undefined;
  /** Creates or replaces an object as somebody else would; a namespace that is missing comes with it. */
  put(object: KubeObject, manager?: string): KubeObject;
  /** An RFC 7396 patch by somebody else; status fields included. */
  edit(ref: ObjectRef, patch: Readonly<Record<string, unknown>>, manager?: string): KubeObject;
  /** Gone at once, whatever its finalizers. */
  remove(ref: ObjectRef): void;
  /** What is answered for a path that is no object's. */
  publish(path: string, document: unknown): void;
  /** `verb Kind/namespace/name`, in order: get, list, watch, create, dry-run, apply, patch, patch-status, delete, document. */
  readonly requests: readonly string[];
  /** The same requests with who sent them. */
  readonly sent: readonly { readonly user: string; readonly request: string }[];
  forgetRequests(): void;
  /** The next request that begins with this text fails. */
  failNext(request: string, error: KubeError): void;
}

export interface MemoryClusterOptions {
  readonly objects?: readonly KubeObject[];
  readonly now?: () => number;
  /** False is answered with 403. */
  readonly isAllowed?: (user: string, verb: string, ref: Partial<ObjectRef> & { readonly kind: string }) => boolean;
  /** Plays the server's defaults and controllers on each object before it is stored. */
  readonly admit?: (object: KubeObject) => KubeObject;
}

const admin = "admin";

interface Change {
  readonly version: number;
  readonly before: KubeObject | undefined;
  readonly after: KubeObject | undefined;
}

export function createMemoryCluster(options: MemoryClusterOptions = {}): MemoryCluster {
  const { objects = [], now = () => 0, isAllowed = () => true, admit = (object: KubeObject) => object } = options;
  const store = new Map<string, KubeObject>();
  const sent: { user: string; request: string }[] = [];
  const failures: { request: string; error: KubeError }[] = [];
  const history: Change[] = [];
  const listeners = new Set<() => void>();
  const documents = new Map<string, unknown>();
  let version = 0;
  let uids = 0;

  const note = (before: KubeObject | undefined, after: KubeObject | undefined) => {
    history.push({ version, before, after });
    for (const listener of [...listeners]) listener();
  };

  const resource = (apiVersion: string, kind: string) => findKind(apiVersion, kind, store.values());
  const keyOf = ({ apiVersion, kind, namespace = "", name }: ObjectRef) =>
    [groupOf(apiVersion), kind, resource(apiVersion, kind).namespaced ? namespace : "", name].join("|");
  const at = (ref: ObjectRef) => store.get(keyOf(ref));
  /** A namespace in the path of a kind that has none selects nothing. */
  const isWithin = ({ metadata }: KubeObject, { namespaced }: ApiResource, namespace: string | undefined) =>
    namespace === undefined || !namespaced || metadata.namespace === namespace;
  const received = (user: string, verb: string, ref: Partial<ObjectRef> & { kind: string }) => {
    const request = `${verb} ${[ref.kind, ref.namespace, ref.name].filter(Boolean).join("/")}`;
    sent.push({ user, request });
    const index = failures.findIndex((failure) => request.startsWith(failure.request));
    const [failure] = index < 0 ? [] : failures.splice(index, 1);
    if (failure) throw failure.error;
    if (!isAllowed(user, verb, ref))
      throw new KubeError(403, "Forbidden", `${request} is forbidden: User "${user}" cannot ${verb} it`);
  };

  const write = (ref: ObjectRef, before: KubeObject | undefined, next: KubeObject, isDryRun = false): KubeObject => {
    const admitted = admit(next);
    const isSame = before && isDeepStrictEqual(withoutTimes(before), withoutTimes(admitted));
    if (isSame) return before;
    const isSpecChanged = before && !isDeepStrictEqual(contentOf(before), contentOf(admitted));
    const generation = (before?.metadata.generation ?? 0) + (isSpecChanged || !before ? 1 : 0);
    const stored: KubeObject = {
      ...admitted,
      metadata: {
        ...admitted.metadata,
        uid: before?.metadata.uid ?? `uid-${(uids += isDryRun ? 0 : 1)}`,
        creationTimestamp: before?.metadata.creationTimestamp ?? rfc3339(now()),
        ...("spec" in admitted ? { generation } : {}),
      },
    };
    if (isDryRun) return before ? stored : without(stored, "resourceVersion");
    version += 1;
    const final = { ...stored, metadata: { ...stored.metadata, resourceVersion: `${version}` } };
    const isReleased = final.metadata.deletionTimestamp !== undefined && !final.metadata.finalizers?.length;
    if (isReleased) drop(ref);
    else {
      store.set(keyOf(ref), final);
      note(before, final);
    }
    return final;
  };

  const drop = (ref: ObjectRef) => {
    const gone = at(ref);
    if (!gone) return;
    for (const other of [...store.values()]) {
      const isInside = gone.kind === "Namespace" && other.metadata.namespace === gone.metadata.name;
      const isOwned = other.metadata.ownerReferences?.some(({ uid }) => uid === gone.metadata.uid) ?? false;
      if (isInside || isOwned || isOfDefinition(gone, other)) terminate(refOf(other));
    }
    store.delete(keyOf(ref));
    version += 1;
    note(gone, undefined);
  };

  /** Every change since the version, and those to come, until the signal aborts; without one it ends with the last. */
  async function* watch(user: string, apiVersion: string, kind: string, options: WatchOptions) {
    const { namespace, labelSelector, fieldSelector, metadataOnly = false, resourceVersion, signal, onOpen } = options;
    const definition = resource(apiVersion, kind);
    received(user, "watch", { kind, ...(namespace ? { namespace } : {}) });
    const isSelected = (object: KubeObject | undefined): object is KubeObject =>
      object?.kind === kind &&
      groupOf(object.apiVersion) === groupOf(apiVersion) &&
      isWithin(object, definition, namespace) &&
      matchesLabels(object, labelSelector) &&
      matchesFields(object, fieldSelector);
    onOpen?.();
    for (let next = history.findIndex((change) => change.version > Number(resourceVersion)); !signal?.aborted;) {
      const change = next < 0 ? undefined : history[next];
      if (!change) {
        if (!signal) return;
        next = next < 0 ? history.length : next;
        await new Promise<void>((resolve) => {
          const news = () => {
            listeners.delete(news);
            signal.removeEventListener("abort", news);
            resolve();
          };
          listeners.add(news);
          signal.addEventListener("abort", news);
        });
        continue;
      }
      next += 1;
      const { before, after } = change;
      const object = isSelected(after) ? after : isSelected(before) ? before : undefined;
      if (!object) continue;
      const type = !isSelected(after) ? "DELETED" : isSelected(before) ? "MODIFIED" : "ADDED";
      const metadata = { ...object.metadata, resourceVersion: `${change.version}` };
      const shown = metadataOnly ? { apiVersion, kind, metadata } : { ...object, apiVersion, metadata };
      yield structuredClone({ type, object: shown }) satisfies WatchEvent;
    }
  }

  const terminate = (ref: ObjectRef) => {
    const live = at(ref);
    if (!live) return;
    if (!live.metadata.finalizers?.length) drop(ref);
    else if (live.metadata.deletionTimestamp === undefined)
      write(ref, live, { ...live, metadata: { ...live.metadata, deletionTimestamp: rfc3339(now()) } });
  };

  const requireNamespace = ({ metadata: { namespace }, apiVersion, kind }: KubeObject) => {
    if (!resource(apiVersion, kind).namespaced) return;
    if (!namespace) throw new KubeError(404, "NotFound", "the server could not find the requested resource");
    if (at({ apiVersion: "v1", kind: "Namespace", name: namespace })) return;
    throw new KubeError(404, "NotFound", `namespaces "${namespace}" not found`);
  };

  const patch = (
    user: string,
    ref: ObjectRef,
    change: (live: KubeObject) => KubeObject,
    { fieldManager, subresource }: { fieldManager: string; subresource?: "status" },
  ) => {
    received(user, subresource ? "patch-status" : "patch", ref);
    const live = at(ref);
    if (!live) throw notFound(ref, resource(ref.apiVersion, ref.kind));
    const wanted = change(live);
    const { resourceVersion } = wanted.metadata;
    if (resourceVersion !== undefined && resourceVersion !== live.metadata.resourceVersion)
      throw modified(ref, resource(ref.apiVersion, ref.kind));
    // A status patch changes nothing else; a patch of an object with that subresource leaves its status alone.
    const next = subresource ? { ...live, status: wanted.status } : wanted;
    return structuredClone(write(ref, live, updated(live, next, { fieldManager, subresource, time: rfc3339(now()) })));
  };

  const put = (object: KubeObject, manager = "lab"): KubeObject => {
    const ref = refOf(object);
    const { namespace } = object.metadata;
    if (namespace && !at({ apiVersion: "v1", kind: "Namespace", name: namespace }))
      put(namespaceNamed(namespace), "kube-apiserver");
    const live = at(ref);
    const { managedFields } = object.metadata;
    const next = { ...object, metadata: { ...live?.metadata, ...object.metadata } };
    if (managedFields) return write(ref, live, next);
    return write(ref, live, updated(live, next, { fieldManager: manager, time: rfc3339(now()) }));
  };

  const view = (user: string): Cluster => ({
    resource: async (apiVersion, kind) => resource(apiVersion, kind),
    get: async (ref) => {
      resource(ref.apiVersion, ref.kind);
      received(user, "get", ref);
      const live = at(ref);
      return live && structuredClone({ ...live, apiVersion: ref.apiVersion });
    },
    list: async (apiVersion, kind, listOptions = {}) => {
      const { namespace, labelSelector, fieldSelector, metadataOnly = false, limit, take } = listOptions;
      const definition = resource(apiVersion, kind);
      received(user, "list", { kind, ...(namespace ? { namespace } : {}) });
      const items = [...store.values()].filter(
        (object) =>
          object.kind === kind &&
          groupOf(object.apiVersion) === groupOf(apiVersion) &&
          isWithin(object, definition, namespace) &&
          matchesLabels(object, labelSelector) &&
          matchesFields(object, fieldSelector),
      );
      const shown = metadataOnly ? items.map(({ metadata }) => ({ apiVersion, kind, metadata })) : items;
      const found = structuredClone(shown.slice(0, limit));
      return { resourceVersion: `${version}`, items: take ? found.map(take) : found };
    },
    create: async (object, fieldManager) => {
      const ref = refOf(object);
      const type = resource(ref.apiVersion, ref.kind);
      received(user, "create", ref);
      requireNamespace(object);
      if (at(ref)) throw new KubeError(409, "AlreadyExists", `${named(type)} "${ref.name}" already exists`);
      return structuredClone(write(ref, undefined, updated(undefined, object, { fieldManager, time: rfc3339(now()) })));
    },
    apply: async (object, { fieldManager, force = false, dryRun = false }) => {
      const ref = refOf(object);
      resource(ref.apiVersion, ref.kind);
      received(user, dryRun ? "dry-run" : "apply", ref);
      requireNamespace(object);
      const live = at(ref);
      const next = applied(live, object, { fieldManager, force, time: rfc3339(now()) });
      return structuredClone(write(ref, live, next, dryRun));
    },
    mergePatch: async (ref, body, patchOptions) =>
      patch(user, ref, (live) => applyMergePatch(live, body) as KubeObject, patchOptions),
    jsonPatch: async (ref, operations, patchOptions) =>
      patch(user, ref, (live) => applyJsonPatch(live, operations) as KubeObject, patchOptions),
    delete: async (ref, { uid } = {}) => {
      const type = resource(ref.apiVersion, ref.kind);
      received(user, "delete", ref);
      const live = at(ref);
      if (!live) return "absent";
      if (uid !== undefined && uid !== live.metadata.uid)
        throw new KubeError(
          409,
          "Conflict",
          `Operation cannot be fulfilled on ${named(type)} "${ref.name}": Precondition failed: UID in precondition: ${uid}, UID in object meta: ${live.metadata.uid ?? ""}`,
        );
      terminate(ref);
      return "deleted";
    },
    watch: (apiVersion, kind, watchOptions) => watch(user, apiVersion, kind, watchOptions),
    document: async (path) => {
      received(user, "document", { kind: path });
      return structuredClone(documents.get(path) ?? {});
    },
    as: (other) => view(other),
  });

  for (const name of ["default", "kube-system", "flux-system"]) put(namespaceNamed(name), "kube-apiserver");
  objects.forEach((object) => put(object));

  return {
    ...view(admin),
    objects: () => [...store].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object),
    find: at,
    put,
    edit: (ref, body, manager = "lab") => {
      const live = at(ref);
      if (!live) throw new Error(`${ref.kind} ${ref.name} is not there to be edited`);
      const next = applyMergePatch(live, body) as KubeObject;
      return write(ref, live, updated(live, next, { fieldManager: manager, time: rfc3339(now()) }));
    },
    remove: (ref) => drop(ref),
    publish: (path, document) => void documents.set(path, document),
    get requests() {
      return sent.map(({ request }) => request);
    },
    sent,
    forgetRequests: () => void sent.splice(0),
    failNext: (request, error) => void failures.push({ request, error }),
  };
}

/** Whether a manager's entry names the field, e.g. `["f:spec", "f:replicas"]`. */
export { owns };

const namespaceNamed = (name: string): KubeObject => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } });

const named = ({ group, plural }: ApiResource): string => (group === "" ? plural : `${plural}.${group}`);

function notFound(ref: ObjectRef, type: ApiResource): KubeError {
  return new KubeError(404, "NotFound", `${named(type)} "${ref.name}" not found`);
}

function modified(ref: ObjectRef, type: ApiResource): KubeError {
  const message = `Operation cannot be fulfilled on ${named(type)} "${ref.name}": the object has been modified; please apply your changes to the latest version and try again`;
  return new KubeError(409, "Conflict", message);
}

/** What bumps the generation. */
function contentOf(object: KubeObject): Readonly<Record<string, unknown>> {
  const { metadata, status: _, ...content } = object;
  return { ...content, deletionTimestamp: metadata.deletionTimestamp };
}

/** A write that only moves the times of field ownership is none. */
function withoutTimes(object: KubeObject): unknown {
  const { managedFields = [], ...metadata } = object.metadata;
  return { ...object, metadata: { ...metadata, managedFields: managedFields.map(({ time: _, ...entry }) => entry) } };
}

function without(object: KubeObject, field: "resourceVersion"): KubeObject {
  const { [field]: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

function isOfDefinition(definition: KubeObject, object: KubeObject): boolean {
  if (definition.kind !== "CustomResourceDefinition") return false;
  const { group, names } = definition.spec as { group: string; names: { kind: string } };
  return object.kind === names.kind && groupOf(object.apiVersion) === group;
}

/** For messages of tests. */
export const describeObjects = (cluster: MemoryCluster): readonly string[] => cluster.objects().map(subject);
