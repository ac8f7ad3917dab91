/** What depends on an object's kind: what a body means in it, whether that is valid, and in which form it is stored. */
import { asVersion, definitionErrors, requireEmulated } from "./custom-resources.ts";
import { decodeBuiltin } from "./decode.ts";
import { withGoDefaults } from "./defaults.ts";
import { fromStoredEvent, toStoredEvent } from "./events.ts";
import { objOf, type Obj } from "./json.ts";
import { apiVersionOf, type Resource } from "./resources.ts";
import * as failure from "./status-error.ts";
import { pruneUnknown, validate, withDefaults } from "./structural-schema.ts";
import { kindErrors, metadataErrors } from "./validation.ts";
import { cannotHandle, complain, metaText, type WriteOptions } from "./write-rules.ts";

/** Decoded, defaulted: what the body means in this version of the kind. */
export function decoded(resource: Resource, body: Obj, options: WriteOptions, warnings: string[]): Obj {
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
}

/** @throws StatusError 422 with every error; `old` is absent for a new object, whose metadata is looked at too. */
export function requireValid(resource: Resource, object: Obj, old: Obj | undefined): void {
  if (resource.kind === "CustomResourceDefinition") requireEmulated(object);
  const errors = errorsOf(resource, object, old);
  if (errors.length > 0) throw failure.invalid(resource.kind, resource.group, metaText(object, "name"), errors);
}

function errorsOf(resource: Resource, object: Obj, old: Obj | undefined): readonly failure.FieldError[] {
  const metadata = old ? [] : metadataErrors(resource.kind, object);
  if (resource.custom) return [...metadata, ...validate(resource.schema, object)];
  const definition = resource.kind === "CustomResourceDefinition" ? definitionErrors(object) : [];
  return [...metadata, ...definition, ...kindErrors(resource.kind, object, old)];
}

/** As the version of the resource shows a stored object. */
export const shown = (resource: Resource, stored: Obj): Obj =>
  resource.kind === "Event" && !resource.custom
    ? fromStoredEvent(stored, resource.group)
    : asVersion(stored, apiVersionOf(resource));

/** The contrary of `shown`: Events of both groups are stored in one form. */
export function stored(resource: Resource, object: Obj): Obj {
  if (resource.kind === "Event" && !resource.custom) return toStoredEvent(object, resource.group);
  return object;
}
