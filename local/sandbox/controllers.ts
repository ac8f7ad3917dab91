/**
 * The few controllers without which a cluster feels dead: garbage collection, namespaces, definitions' leftovers,
 * service accounts, and a simulator that makes workloads ready a moment after they were applied.
 */
import type { Clock } from "../../shared/runtime/clock.ts";
import { rfc3339 } from "../../shared/runtime/clock.ts";
import { CLEANUP, heldBySpec } from "./deletion.ts";
import { at, isObj, listOf, objOf, textOf, withAt, type Obj } from "./json.ts";
import type { Objects } from "./objects.ts";
import { readyStatus, SIMULATED } from "./readiness.ts";
import type { Registry, Resource } from "./resources.ts";
import type { Change, Store } from "./store.ts";
import type { WriteOptions } from "./write-rules.ts";

export interface ControllerOptions {
  readonly store: Store;
  readonly registry: Registry;
  readonly objects: Objects;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** How long a workload takes to become ready. */
  readonly readyAfterMs: number;
}

const MANAGER: WriteOptions = {
  fieldManager: "kube-controller-manager",
  dryRun: false,
  force: true,
  validation: "Ignore",
};

const meta = (object: Obj, field: string): string => textOf(at(object, "metadata", field));

/** Follows the store until the signal aborts. */
export function startControllers(options: ControllerOptions): void {
  const { store, registry, clock, signal, readyAfterMs } = options;
  const scheduled = new Set<string>();
  const soon = (key: string, delay: number, work: () => void): void => {
    if (scheduled.has(key) || signal.aborted) return;
    scheduled.add(key);
    void clock.sleep(delay, signal).then(
      () => {
        scheduled.delete(key);
        work();
      },
      () => scheduled.delete(key),
    );
  };

  const look = (resource: Resource, object: Obj): void => {
    const key = `${resource.storage} ${meta(object, "namespace")}/${meta(object, "name")}`;
    if (meta(object, "deletionTimestamp"))
      soon(`delete ${key}`, 1, () => finishDeletion(options, resource, current(store, resource, object)));
    else if (resource.kind === "Namespace")
      soon(`account ${key}`, 1, () => defaultAccount(options, meta(object, "name")));
    if (!resource.custom && SIMULATED.has(resource.kind))
      soon(`ready ${key}`, readyAfterMs, () => simulate(options, resource, current(store, resource, object)));
  };

  const follow = (change: Change): void => {
    const resource = registry.byStorage(change.resource);
    if (change.type === "DELETED") {
      soon(`collect ${meta(change.object, "uid")}`, 1, () => collectDependents(options, meta(change.object, "uid")));
      const namespace = store.get("/namespaces", "", meta(change.object, "namespace"));
      const namespaces = registry.byStorage("/namespaces");
      if (namespace && namespaces) look(namespaces, namespace);
      const definition = resource?.custom && store.get(DEFINITIONS, "", resource.custom.definition);
      const definitions = registry.byStorage(DEFINITIONS);
      if (definition && definitions) look(definitions, definition);
    } else if (resource) look(resource, change.object);
  };

  for (const storage of store.resources()) {
    const resource = registry.byStorage(storage);
    if (resource) for (const object of store.list(storage)) look(resource, object);
  }
  const unsubscribe = store.subscribe(follow);
  signal.addEventListener("abort", unsubscribe, { once: true });
}

const DEFINITIONS = "apiextensions.k8s.io/customresourcedefinitions";

const current = (store: Store, resource: Resource, object: Obj): Obj | undefined =>
  store.get(resource.storage, meta(object, "namespace"), meta(object, "name"));

const targetOf = (
  resource: Resource,
  object: Obj,
  subresource = "",
): { resource: Resource; namespace: string; name: string; subresource: string } => ({
  resource,
  namespace: meta(object, "namespace"),
  name: meta(object, "name"),
  subresource,
});

function defaultAccount({ store, registry, objects }: ControllerOptions, namespace: string): void {
  const resource = registry.byStorage("/serviceaccounts");
  const own = store.get("/namespaces", "", namespace);
  if (!resource || !own || meta(own, "deletionTimestamp") || store.get(resource.storage, namespace, "default")) return;
  const body = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default", namespace } };
  objects.create({ resource, namespace, name: "default", subresource: "" }, body, MANAGER);
}

/** Whoever is owned only by what is gone goes too. */
function collectDependents({ store, registry, objects }: ControllerOptions, uid: string): void {
  for (const storage of store.resources()) {
    const resource = registry.byStorage(storage);
    if (!resource) continue;
    for (const object of store.list(storage)) {
      const owners = listOf(at(object, "metadata", "ownerReferences")).map(objOf);
      if (!owners.some((owner) => owner.uid === uid)) continue;
      const rest = owners.filter((owner) => owner.uid !== uid);
      if (rest.length === 0) objects.remove(targetOf(resource, object), { dryRun: false, propagation: "Background" });
      else objects.patch(targetOf(resource, object), "merge", { metadata: { ownerReferences: rest } }, MANAGER);
    }
  }
}

/** Does what the server's own finalizers stand for, then removes them. */
function finishDeletion(options: ControllerOptions, resource: Resource, object: Obj | undefined): void {
  if (!object || !meta(object, "deletionTimestamp")) return;
  if (heldBySpec(resource, object)) finishNamespace(options, object);
  const { store, objects } = options;
  const finalizers = listOf(at(object, "metadata", "finalizers")).map(String);
  const drop = (name: string): void => {
    if (!finalizers.includes(name) || !current(store, resource, object)) return;
    objects.patch(
      targetOf(resource, object),
      "merge",
      { metadata: { finalizers: finalizers.filter((other) => other !== name) } },
      MANAGER,
    );
  };
  if (finalizers.includes("orphan")) orphan(options, meta(object, "uid"));
  drop("orphan");
  if (finalizers.includes("foregroundDeletion")) collectDependents(options, meta(object, "uid"));
  drop("foregroundDeletion");
  drop("kubernetes.io/pvc-protection");
  if (resource.storage === DEFINITIONS && emptied(options, object)) drop(CLEANUP);
}

function orphan({ store, registry, objects }: ControllerOptions, uid: string): void {
  for (const storage of store.resources()) {
    const resource = registry.byStorage(storage);
    for (const object of resource ? store.list(storage) : []) {
      const owners = listOf(at(object, "metadata", "ownerReferences")).map(objOf);
      if (resource && owners.some((owner) => owner.uid === uid))
        objects.patch(
          targetOf(resource, object),
          "merge",
          { metadata: { ownerReferences: owners.filter((owner) => owner.uid !== uid) } },
          MANAGER,
        );
    }
  }
}

/** Deletes a definition's objects; true when none is left. */
function emptied({ store, registry, objects }: ControllerOptions, definition: Obj): boolean {
  const storage = `${textOf(at(definition, "spec", "group"))}/${textOf(at(definition, "spec", "names", "plural"))}`;
  const resource = registry.byStorage(storage);
  for (const object of resource ? store.list(storage) : [])
    if (resource && !meta(object, "deletionTimestamp")) objects.remove(targetOf(resource, object), { dryRun: false });
  return store.list(storage).length === 0;
}

function finishNamespace({ store, registry, objects }: ControllerOptions, namespace: Obj): void {
  const name = meta(namespace, "name");
  let left = 0;
  for (const storage of store.resources()) {
    const resource = registry.byStorage(storage);
    if (!resource?.namespaced) continue;
    for (const object of store.list(storage, name)) {
      if (!meta(object, "deletionTimestamp"))
        objects.remove(targetOf(resource, object), { dryRun: false, propagation: "Background" });
    }
    left += store.list(storage, name).length;
  }
  if (left > 0) return;
  const now = store.get("/namespaces", "", name);
  if (!now) return;
  const released = withAt(now, ["spec", "finalizers"], undefined);
  if (listOf(at(now, "metadata", "finalizers")).length > 0) store.put("/namespaces", released);
  else store.remove("/namespaces", released);
}

function simulate({ store, objects, clock }: ControllerOptions, resource: Resource, object: Obj | undefined): void {
  if (!object || meta(object, "deletionTimestamp")) return;
  const next = readyStatus(object, rfc3339(clock.now()));
  if (!next || !store.get(resource.storage, meta(object, "namespace"), meta(object, "name"))) return;
  const status = isObj(next.status) ? next.status : {};
  const body = { ...object, metadata: next.metadata ?? object.metadata, status };
  objects.replace(targetOf(resource, object, "status"), body, MANAGER);
}
