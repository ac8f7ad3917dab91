/** What a write must satisfy whatever its kind, and the refusals' words; plus the vocabulary of writes. */
import { randomBytes } from "node:crypto";
import { at, listOf, objOf, textOf, type Obj } from "./json.ts";
import { apiVersionOf, type Resource } from "./resources.ts";
import * as failure from "./status-error.ts";

export interface Target {
  readonly resource: Resource;
  readonly namespace: string;
  readonly name: string;
  /** `status` or empty; `scale` is handled by the server. */
  readonly subresource: string;
}

export interface WriteOptions {
  readonly fieldManager: string;
  readonly dryRun: boolean;
  readonly force: boolean;
  readonly validation: "Ignore" | "Warn" | "Strict";
}

export type PatchType = "json" | "merge" | "strategic" | "apply";

export interface Written {
  readonly object: Obj;
  readonly created: boolean;
  readonly warnings: readonly string[];
}

export const metaText = (object: Obj, field: string): string => textOf(at(object, "metadata", field));

export function complain(
  resource: Resource,
  unknown: readonly string[],
  options: WriteOptions,
  warnings: string[],
): void {
  if (unknown.length === 0 || options.validation === "Ignore") return;
  if (options.validation === "Strict")
    throw cannotHandle(
      resource,
      `strict decoding error: ${unknown.map((path) => `unknown field "${path}"`).join(", ")}`,
    );
  warnings.push(...unknown.map((path) => `unknown field "${path}"`));
}

export const cannotHandle = (resource: Resource, why: string): failure.StatusError =>
  failure.badRequest(
    `${resource.kind} in version "${resource.version}" cannot be handled as a ${resource.kind}: ${why}`,
  );

export function requireKind(resource: Resource, body: Obj): void {
  const apiVersion = apiVersionOf(resource);
  if (body.kind === resource.kind && body.apiVersion === apiVersion) return;
  if (!textOf(body.kind)) throw failure.badRequest("Object 'Kind' is missing in the request body");
  const [version = "", group = ""] = textOf(body.apiVersion).split("/").reverse();
  throw failure.badRequest(`invalid object type: ${group}/${version}, Kind=${textOf(body.kind)}`);
}

export function requireUrlName(target: Target, body: Obj): void {
  const name = metaText(body, "name");
  if (name && name !== target.name)
    throw failure.badRequest(`the name of the object (${name}) does not match the name on the URL (${target.name})`);
}

/** The body with its namespace from the URL, and a generated name where it asks for one. */
export function withName(resource: Resource, namespace: string, body: Obj): Obj {
  const meta = objOf(body.metadata);
  const own = textOf(meta.namespace);
  if (resource.namespaced && own && own !== namespace)
    throw failure.badRequest("the namespace of the provided object does not match the namespace sent on the request");
  const generated =
    textOf(meta.name) ||
    (textOf(meta.generateName) ? `${textOf(meta.generateName)}${randomBytes(4).toString("hex").slice(0, 5)}` : "");
  return {
    ...body,
    metadata: { ...meta, ...(generated ? { name: generated } : {}), ...(resource.namespaced ? { namespace } : {}) },
  };
}

export function requireApplyCreates({ resource, name, subresource }: Target, config: Obj): void {
  if (subresource) throw failure.notFound(resource, name);
  const uid = metaText(config, "uid");
  if (uid)
    throw failure.conflict(
      resource,
      name,
      `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
    );
  if (metaText(config, "resourceVersion")) throw failure.notFound(resource, name);
}

export function typedPatchError({ resource, name, namespace }: Target, problem: string): failure.StatusError {
  const group = apiVersionOf(resource).includes("/") ? apiVersionOf(resource) : `/${resource.version}`;
  return new failure.StatusError(
    500,
    "",
    `failed to create typed patch object (${namespace}/${name}; ${group}, Kind=${resource.kind}): ${problem}`,
  );
}

export function requireSameIncarnation({ resource, name }: Target, next: Obj, old: Obj): void {
  const [uid, version] = [metaText(next, "uid"), metaText(next, "resourceVersion")];
  if (uid && uid !== metaText(old, "uid"))
    throw failure.conflict(
      resource,
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metaText(old, "uid")}`,
    );
  if (version && version !== metaText(old, "resourceVersion")) throw failure.conflict(resource, name, failure.STALE);
}

export function requireNoNewFinalizers({ resource, name }: Target, next: Obj, old: Obj): void {
  if (!metaText(old, "deletionTimestamp")) return;
  const before = listOf(at(old, "metadata", "finalizers"));
  const added = listOf(at(next, "metadata", "finalizers")).filter((finalizer) => !before.includes(finalizer));
  if (added.length === 0) return;
  const error: failure.FieldError = {
    type: "Forbidden",
    field: "metadata.finalizers",
    message: `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map((one) => JSON.stringify(one)).join(", ")}}`,
  };
  // The real server validates the metadata of built-in kinds twice, and says so.
  throw failure.invalid(resource.kind, resource.group, name, resource.custom ? [error] : [error, error]);
}

/** What the server remarks on a custom object's finalizers. */
export function finalizerWarnings(resource: Resource, object: Obj): string[] {
  if (!resource.custom) return [];
  return listOf(at(object, "metadata", "finalizers"))
    .map(String)
    .filter((name) => !name.includes("/"))
    .map(
      (name) =>
        `metadata.finalizers: ${JSON.stringify(name)}: prefer a domain-qualified finalizer name including a path (/) to avoid accidental conflicts with other finalizer writers`,
    );
}
