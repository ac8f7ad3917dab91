/**
 * The verbs of one resource: what create, replace, patch, apply and delete do to the stored objects. Who may call them
 * and how they travel is left to the server.
 */
import { randomUUID } from "node:crypto";
import { rfc3339, type Clock } from "../../shared/runtime/clock.ts";
import {
  finalizersOnDeletion,
  heldBySpec,
  markedDeleted,
  requirePrecondition,
  type DeleteRequest,
} from "./deletion.ts";
import { at, equal, isObj, listOf, objOf, withAt, type Obj } from "./json.ts";
import { decoded, requireValid, shown, stored } from "./kind-rules.ts";
import { applyConfig, trackUpdate, type WriteContext } from "./managed-fields.ts";
import { jsonPatch, mergePatch, strategicPatch } from "./patch.ts";
import type { Resource } from "./resources.ts";
import { resolve } from "./schema.ts";
import * as failure from "./status-error.ts";
import type { Store } from "./store.ts";
import { prepareCreate, prepareStatus, prepareUpdate, type StrategyContext } from "./strategies.ts";
import { schemaErrors } from "./structured-merge.ts";
import { validate } from "./structural-schema.ts";
import { writeContext } from "./write-context.ts";
import {
  finalizerWarnings,
  metaText,
  requireApplyCreates,
  requireKind,
  requireNoNewFinalizers,
  requireSameIncarnation,
  requireUrlName,
  typedPatchError,
  withName,
  type PatchType,
  type Target,
  type WriteOptions,
  type Written,
} from "./write-rules.ts";

export interface Objects {
  get(target: Target): Obj;
  create(target: Target, body: Obj, options: WriteOptions): Written;
  replace(target: Target, body: Obj, options: WriteOptions): Written;
  patch(target: Target, type: PatchType, body: unknown, options: WriteOptions): Written;
  /** The object still there because of finalizers, or undefined when it is gone. */
  remove(target: Target, request: DeleteRequest): { object: Obj; gone: boolean };
  /** As the version of the resource shows a stored object. */
  shown(resource: Resource, stored: Obj): Obj;
}

export interface ObjectsOptions {
  readonly store: Store;
  readonly clock: Clock;
}

const NAMESPACES = "/namespaces";

/** Clients send these; only the stored values count. */
const withoutTimes = (object: Obj): Obj => ({
  ...object,
  metadata: {
    ...objOf(object.metadata),
    resourceVersion: "",
    managedFields: listOf(at(object, "metadata", "managedFields")).map((entry) => ({ ...objOf(entry), time: "" })),
  },
});

export function createObjects({ store, clock }: ObjectsOptions): Objects {
  let address = 0;
  const now = (): string => rfc3339(clock.now());
  const strategy = (): StrategyContext => ({
    now: now(),
    uid: randomUUID(),
    allocateAddress: () => {
      const taken = new Set(store.list("/services").map((service) => at(service, "spec", "clusterIP")));
      let next: string;
      do next = `10.0.${Math.floor(++address / 250) % 256}.${(address % 250) + 2}`;
      while (taken.has(next));
      return next;
    },
  });

  const contextOf = (target: Target, { fieldManager }: WriteOptions): WriteContext =>
    writeContext(target, fieldManager, now());

  const keep = (resource: Resource, object: Obj): Obj =>
    shown(resource, store.put(resource.storage, stored(resource, object)));

  const found = ({ resource, namespace, name }: Target): Obj | undefined => {
    const kept = store.get(resource.storage, resource.namespaced ? namespace : "", name);
    return kept && shown(resource, kept);
  };

  const get = (target: Target): Obj => {
    const object = found(target);
    if (!object) throw failure.notFound(target.resource, target.name);
    return object;
  };

  const requireNamespace = ({ resource, namespace, name }: Target): void => {
    if (!resource.namespaced) return;
    const own = store.get(NAMESPACES, "", namespace);
    if (!own) throw failure.notFound({ group: "", plural: "namespaces" }, namespace);
    if (metaText(own, "deletionTimestamp"))
      throw failure.forbidden(
        resource,
        name,
        `unable to create new content in namespace ${namespace} because it is being terminated`,
      );
  };

  const insertNew = (target: Target, object: Obj, options: WriteOptions, remarks: readonly string[]): Written => {
    const warnings = [...remarks, ...finalizerWarnings(target.resource, object)];
    const fresh = prepareCreate(target.resource, object, strategy());
    requireValid(target.resource, fresh, undefined);
    if (options.dryRun) return { object: fresh, created: true, warnings };
    return {
      object: keep(target.resource, fresh),
      created: true,
      warnings,
    };
  };

  const change = (target: Target, next: Obj, old: Obj, options: WriteOptions, remarks: readonly string[]): Written => {
    const { resource } = target;
    const warnings = [...remarks, ...(target.subresource ? [] : finalizerWarnings(resource, next))];
    requireSameIncarnation(target, next, old);
    const prepared =
      target.subresource === "status"
        ? prepareStatus(resource, next, old)
        : prepareUpdate(resource, next, old, strategy());
    requireNoNewFinalizers(target, prepared, old);
    if (target.subresource === "status") {
      const errors = resource.custom ? validate(resource.schema, prepared) : [];
      if (errors.length > 0) throw failure.invalid(resource.kind, resource.group, target.name, errors);
    } else requireValid(resource, prepared, old);
    if (equal(withoutTimes(prepared), withoutTimes(old))) return { object: old, created: false, warnings };
    const result = withAt(prepared, ["metadata", "resourceVersion"], metaText(old, "resourceVersion"));
    if (options.dryRun) return { object: result, created: false, warnings };
    const finished =
      metaText(result, "deletionTimestamp") &&
      listOf(at(result, "metadata", "finalizers")).length === 0 &&
      !heldBySpec(resource, result);
    if (finished) store.remove(resource.storage, stored(resource, result));
    const kept = finished ? result : keep(resource, result);
    return { object: kept, created: false, warnings };
  };

  const create = (asked: Target, body: Obj, options: WriteOptions): Written => {
    const { resource, namespace } = asked;
    requireKind(resource, body);
    const named = withName(resource, namespace, body);
    const target = { ...asked, name: metaText(named, "name") };
    requireNamespace(target);
    const warnings: string[] = [];
    const object = decoded(resource, named, options, warnings);
    if (found(target)) throw failure.alreadyExists(resource, target.name);
    if (metaText(object, "resourceVersion"))
      throw failure.badRequest("resourceVersion should not be set on objects to be created");
    return insertNew(target, trackUpdate(undefined, object, contextOf(target, options)), options, warnings);
  };

  const replace = (target: Target, body: Obj, options: WriteOptions): Written => {
    const { resource } = target;
    requireKind(resource, body);
    requireUrlName(target, body);
    const old = get(target);
    const warnings: string[] = [];
    const next = decoded(resource, withName(resource, target.namespace, body), options, warnings);
    if (resource.custom && !metaText(next, "resourceVersion"))
      throw failure.invalid(resource.plural, resource.group, target.name, [
        {
          type: "Invalid",
          field: "metadata.resourceVersion",
          message: "Invalid value: 0: must be specified for an update",
        },
      ]);
    return change(target, trackUpdate(old, next, contextOf(target, options)), old, options, warnings);
  };

  const apply = (target: Target, body: Obj, options: WriteOptions): Written => {
    const { resource } = target;
    requireKind(resource, body);
    requireUrlName(target, body);
    if (at(body, "metadata", "managedFields") != null) throw failure.badRequest("metadata.managedFields must be nil");
    const old = found(target);
    const config = withName(resource, target.namespace, withAt(body, ["metadata", "name"], target.name));
    if (!old) requireApplyCreates(target, config);
    if (!old) requireNamespace(target);
    const schema = resolve(resource.schema);
    const [problem] = schemaErrors(schema, config).filter(
      (text) => !resource.custom || !text.endsWith("field not declared in schema"),
    );
    const undeclared = resource.custom
      ? schemaErrors(schema, config).find((text) => text.endsWith("field not declared in schema"))
      : undefined;
    if (problem ?? undeclared) throw typedPatchError(target, problem ?? undeclared ?? "");
    const warnings: string[] = [];
    const merged = applyConfig(old, config, contextOf(target, options), options.force);
    const next = decoded(resource, merged, { ...options, validation: "Ignore" }, warnings);
    return old ? change(target, next, old, options, warnings) : insertNew(target, next, options, warnings);
  };

  const patch = (target: Target, type: PatchType, body: unknown, options: WriteOptions): Written => {
    if (type === "apply") return apply(target, objOf(body), options);
    const { resource } = target;
    const old = get(target);
    if (type === "strategic" && resource.custom)
      throw failure.unsupportedPatch([
        "application/json-patch+json",
        "application/merge-patch+json",
        "application/apply-patch+yaml",
      ]);
    if (type !== "json" && !isObj(body)) throw failure.badRequest("a patch must be an object");
    const patched =
      type === "json"
        ? jsonPatch(old, body)
        : objOf(type === "merge" ? mergePatch(old, body) : strategicPatch(resolve(resource.schema), old, body));
    requireUrlName(target, patched);
    const warnings: string[] = [];
    const next = decoded(resource, patched, options, warnings);
    return change(target, trackUpdate(old, next, contextOf(target, options)), old, options, warnings);
  };

  const remove = (target: Target, request: DeleteRequest): { object: Obj; gone: boolean } => {
    const { resource } = target;
    const old = get(target);
    requirePrecondition(resource, old, request);
    const finalizers = finalizersOnDeletion(resource, old, request.propagation);
    if (finalizers.length === 0 && !heldBySpec(resource, old)) {
      if (!request.dryRun) store.remove(resource.storage, stored(resource, old));
      return { object: old, gone: true };
    }
    if (metaText(old, "deletionTimestamp")) return { object: old, gone: false };
    const marked = markedDeleted(resource, old, finalizers, now());
    if (request.dryRun) return { object: marked, gone: false };
    return { object: keep(resource, marked), gone: false };
  };

  return { get, create, replace, patch, remove, shown };
}
