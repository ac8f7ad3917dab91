/**
 * The verbs of one resource: what create, replace, patch, apply and delete do to the stored objects. Who may call them
 * and how they travel is left to the server.
 */
import { randomUUID } from "node:crypto";
import { rfc3339, type Clock } from "../../shared/runtime/clock.ts";
import { asVersion, definitionErrors, requireEmulated } from "./custom-resources.ts";
import { decodeBuiltin } from "./decode.ts";
import { withGoDefaults } from "./defaults.ts";
import { fromStoredEvent, toStoredEvent } from "./events.ts";
import { emptySet, insert, type FieldSet } from "./field-set.ts";
import { at, equal, isObj, listOf, objOf, withAt, type Obj } from "./json.ts";
import { applyConfig, trackUpdate, type WriteContext } from "./managed-fields.ts";
import { jsonPatch, mergePatch, strategicPatch } from "./patch.ts";
import { apiVersionOf, type Resource } from "./resources.ts";
import { resolve } from "./schema.ts";
import * as failure from "./status-error.ts";
import type { Store } from "./store.ts";
import { prepareCreate, prepareStatus, prepareUpdate, type StrategyContext } from "./strategies.ts";
import { schemaErrors } from "./structured-merge.ts";
import { pruneUnknown, validate, withDefaults } from "./structural-schema.ts";
import { kindErrors, metadataErrors } from "./validation.ts";
import {
  CLEANUP,
  cannotHandle,
  heldBySpec,
  metaText,
  type DeleteRequest,
  type PatchType,
  type Target,
  type WriteOptions,
  type Written,
  withPropagation,
  requirePrecondition,
  complain,
  requireKind,
  requireUrlName,
  withName,
  requireApplyCreates,
  typedPatchError,
  requireSameIncarnation,
  requireNoNewFinalizers,
  finalizerWarnings,
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

function resetsOf(resource: Resource, subresource: string): FieldSet {
  const set = emptySet();
  if (subresource === "status") {
    for (const field of ["spec", ...(resource.custom ? ["metadata"] : [])]) insert(set, [`f:${field}`]);
    if (!resource.custom) insert(set, ["f:metadata", "f:labels"]);
  } else if (resource.hasStatus) insert(set, ["f:status"]);
  return set;
}

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
  const strategy = (): StrategyContext => ({
    now: rfc3339(clock.now()),
    uid: randomUUID(),
    allocateAddress: () => {
      const taken = new Set(store.list("/services").map((service) => at(service, "spec", "clusterIP")));
      let next: string;
      do next = `10.0.${Math.floor(++address / 250) % 256}.${(address % 250) + 2}`;
      while (taken.has(next));
      return next;
    },
  });

  const contextOf = ({ resource, subresource }: Target, fieldManager: string): WriteContext => ({
    schema: resolve(resource.schema),
    apiVersion: apiVersionOf(resource),
    fieldManager,
    subresource,
    now: rfc3339(clock.now()),
    resets: resetsOf(resource, subresource),
    blank: resource.custom
      ? { metadata: {} }
      : withAt(decodeBuiltin(resource.schema, {}, resource.kind).object, ["metadata", "creationTimestamp"], undefined),
  });

  const shown = (resource: Resource, stored: Obj): Obj =>
    resource.kind === "Event" && !resource.custom
      ? fromStoredEvent(stored, resource.group)
      : asVersion(stored, apiVersionOf(resource));

  const found = ({ resource, namespace, name }: Target): Obj | undefined => {
    const stored = store.get(resource.storage, resource.namespaced ? namespace : "", name);
    return stored && shown(resource, stored);
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

  /** Decoded, defaulted: what the body means in this version of the kind. */
  const decoded = ({ resource }: Target, body: Obj, options: WriteOptions, warnings: string[]): Obj => {
    if (!resource.custom) {
      const { object, report } = decodeBuiltin(resource.schema, body, resource.kind);
      if (report.mismatch) throw cannotHandle(resource, report.mismatch);
      complain(resource, report.unknown, options, warnings);
      return decodeBuiltin(resource.schema, withGoDefaults(resource.kind, object), resource.kind).object;
    }
    const dropped: string[] = [];
    const pruned = objOf(pruneUnknown(resource.schema, body, "", dropped));
    complain(resource, dropped, options, warnings);
    const { object: meta } = decodeBuiltin(
      { $ref: "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" },
      objOf(pruned.metadata),
      "ObjectMeta",
    );
    return objOf(withDefaults(resource.schema, { ...pruned, metadata: meta }));
  };

  const errorsOf = ({ resource }: Target, object: Obj, old: Obj | undefined): readonly failure.FieldError[] => {
    const metadata = old ? [] : metadataErrors(resource.kind, object);
    if (resource.custom) return [...metadata, ...validate(resource.schema, object)];
    const definition = resource.kind === "CustomResourceDefinition" ? definitionErrors(object) : [];
    return [...metadata, ...definition, ...kindErrors(resource.kind, object, old)];
  };

  const requireValid = (target: Target, object: Obj, old: Obj | undefined): void => {
    const { resource } = target;
    if (resource.kind === "CustomResourceDefinition") requireEmulated(object);
    const errors = errorsOf(target, object, old);
    if (errors.length > 0) throw failure.invalid(resource.kind, resource.group, metaText(object, "name"), errors);
  };

  const stored = ({ resource }: Target, object: Obj): Obj => {
    if (resource.kind === "Event" && !resource.custom) return toStoredEvent(object, resource.group);
    return object;
  };

  const insertNew = (target: Target, object: Obj, options: WriteOptions, remarks: readonly string[]): Written => {
    const warnings = [...remarks, ...finalizerWarnings(target.resource, object)];
    const fresh = prepareCreate(target.resource, object, strategy());
    requireValid(target, fresh, undefined);
    if (options.dryRun) return { object: fresh, created: true, warnings };
    return {
      object: shown(target.resource, store.put(target.resource.storage, stored(target, fresh))),
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
    } else requireValid(target, prepared, old);
    if (equal(withoutTimes(prepared), withoutTimes(old))) return { object: old, created: false, warnings };
    const result = withAt(prepared, ["metadata", "resourceVersion"], metaText(old, "resourceVersion"));
    if (options.dryRun) return { object: result, created: false, warnings };
    const finished =
      metaText(result, "deletionTimestamp") &&
      listOf(at(result, "metadata", "finalizers")).length === 0 &&
      !heldBySpec(resource, result);
    if (finished) store.remove(resource.storage, stored(target, result));
    const kept = finished ? result : shown(resource, store.put(resource.storage, stored(target, result)));
    return { object: kept, created: false, warnings };
  };

  const create = (asked: Target, body: Obj, options: WriteOptions): Written => {
    const { resource, namespace } = asked;
    requireKind(resource, body);
    const named = withName(resource, namespace, body);
    const target = { ...asked, name: metaText(named, "name") };
    requireNamespace(target);
    const warnings: string[] = [];
    const object = decoded(target, named, options, warnings);
    if (found(target)) throw failure.alreadyExists(resource, target.name);
    if (metaText(object, "resourceVersion"))
      throw failure.badRequest("resourceVersion should not be set on objects to be created");
    return insertNew(
      target,
      trackUpdate(undefined, object, contextOf(target, options.fieldManager)),
      options,
      warnings,
    );
  };

  const replace = (target: Target, body: Obj, options: WriteOptions): Written => {
    const { resource } = target;
    requireKind(resource, body);
    requireUrlName(target, body);
    const old = get(target);
    const warnings: string[] = [];
    const next = decoded(target, withName(resource, target.namespace, body), options, warnings);
    if (resource.custom && !metaText(next, "resourceVersion"))
      throw failure.invalid(resource.plural, resource.group, target.name, [
        {
          type: "Invalid",
          field: "metadata.resourceVersion",
          message: "Invalid value: 0: must be specified for an update",
        },
      ]);
    return change(target, trackUpdate(old, next, contextOf(target, options.fieldManager)), old, options, warnings);
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
    const merged = applyConfig(old, config, contextOf(target, options.fieldManager), options.force);
    const next = decoded(target, merged, { ...options, validation: "Ignore" }, warnings);
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
    const next = decoded(target, patched, options, warnings);
    return change(target, trackUpdate(old, next, contextOf(target, options.fieldManager)), old, options, warnings);
  };

  const remove = (target: Target, request: DeleteRequest): { object: Obj; gone: boolean } => {
    const { resource } = target;
    const old = get(target);
    requirePrecondition(resource, old, request);
    const named = withPropagation(listOf(at(old, "metadata", "finalizers")).map(String), request.propagation);
    const cleans = resource.kind === "CustomResourceDefinition" && !metaText(old, "deletionTimestamp");
    const finalizers = cleans ? [...new Set([...named, CLEANUP])] : named;
    if (finalizers.length === 0 && !heldBySpec(resource, old)) {
      if (!request.dryRun) store.remove(resource.storage, stored(target, old));
      return { object: old, gone: true };
    }
    if (metaText(old, "deletionTimestamp")) return { object: old, gone: false };
    let marked: Obj = {
      ...old,
      metadata: {
        ...objOf(old.metadata),
        ...(finalizers.length > 0 ? { finalizers } : {}),
        deletionTimestamp: rfc3339(clock.now()),
      },
    };
    if (resource.kind === "Namespace" && !resource.custom) marked = withAt(marked, ["status", "phase"], "Terminating");
    else marked = withAt(marked, ["metadata", "deletionGracePeriodSeconds"], 0);
    if (resource.counted)
      marked = withAt(marked, ["metadata", "generation"], Number(at(old, "metadata", "generation") ?? 0) + 1);
    if (request.dryRun) return { object: marked, gone: false };
    return { object: shown(resource, store.put(resource.storage, stored(target, marked))), gone: false };
  };

  return { get, create, replace, patch, remove, shown };
}
