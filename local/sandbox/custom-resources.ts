/** Custom resource definitions: what they serve, their defaults, status and rules. CEL rules are not evaluated. */
import { at, isObj, listOf, objOf, textOf, withAt, type Obj } from "./json.ts";
import type { Column, Resource } from "./resources.ts";
import { META_SCHEMA, type Schema } from "./schema.ts";
import { invalidValue, notEmulated, required, type FieldError } from "./status-error.ts";

/** The schema of the envelope that every custom object has besides its own fields. */
const ENVELOPE: Readonly<Record<string, Schema>> = {
  apiVersion: { type: "string" },
  kind: { type: "string" },
  metadata: META_SCHEMA,
};

export function customResources(definition: Obj): Resource[] {
  const spec = objOf(definition.spec);
  const names = objOf(spec.names);
  const versions = listOf(spec.versions).map(objOf);
  const texts = (value: unknown): string[] => listOf(value).map(String);
  return versions
    .filter((version) => version.served === true)
    .map((version) => {
      const scale = at(version, "subresources", "scale");
      return {
        group: textOf(spec.group),
        version: textOf(version.name),
        kind: textOf(names.kind),
        listKind: textOf(names.listKind) || `${textOf(names.kind)}List`,
        plural: textOf(names.plural),
        singular: textOf(names.singular),
        shortNames: texts(names.shortNames),
        categories: texts(names.categories),
        namespaced: spec.scope === "Namespaced",
        schema: rootSchema(version),
        storage: `${textOf(spec.group)}/${textOf(names.plural)}`,
        hasStatus: at(version, "subresources", "status") !== undefined,
        counted: true,
        ...(isObj(scale)
          ? {
              scale: {
                spec: textOf(scale.specReplicasPath),
                status: textOf(scale.statusReplicasPath),
                selector: textOf(scale.labelSelectorPath),
              },
            }
          : {}),
        custom: {
          columns: listOf(version.additionalPrinterColumns).map((column) => objOf(column) as unknown as Column),
          definition: textOf(at(definition, "metadata", "name")),
        },
      };
    });
}

function rootSchema(version: Obj): Schema {
  const schema = inherit(objOf(at(version, "schema", "openAPIV3Schema")));
  return { ...schema, type: "object", properties: { ...schema.properties, ...ENVELOPE } };
}

/** Below `x-kubernetes-preserve-unknown-fields` unknown fields stay, at every depth. */
function inherit(schema: Schema, preserves = false): Schema {
  const keep = preserves || schema["x-kubernetes-preserve-unknown-fields"] === true;
  const below = (child: Schema): Schema => inherit(child, false);
  return {
    ...schema,
    ...(keep ? { "x-kubernetes-preserve-unknown-fields": true } : {}),
    ...(schema.properties
      ? {
          properties: Object.fromEntries(
            Object.entries(schema.properties).map(([name, field]) => [name, below(field)]),
          ),
        }
      : {}),
    ...(schema.items ? { items: below(schema.items) } : {}),
    ...(typeof schema.additionalProperties === "object"
      ? { additionalProperties: below(schema.additionalProperties) }
      : {}),
  };
}

/** Groups whose definitions hold CEL rules that the engine checks itself: accepted without evaluating the rules. */
const CEL_ACCEPTED = /(^|\.)toolkit\.fluxcd\.io$/;

export const IGNORE_CEL = "sandbox.driftless.dev/ignore-cel";

/** @throws StatusError 501 when the definition relies on what is not emulated. */
export function requireEmulated(definition: Obj): void {
  const spec = objOf(definition.spec);
  if (at(spec, "conversion", "strategy") === "Webhook")
    throw notEmulated("conversion webhooks of custom resource definitions");
  if (CEL_ACCEPTED.test(textOf(spec.group)) || at(definition, "metadata", "annotations", IGNORE_CEL) === "true") return;
  if (JSON.stringify(spec).includes('"x-kubernetes-validations"'))
    throw notEmulated(
      `CEL rules (x-kubernetes-validations) of ${textOf(at(definition, "metadata", "name"))}; annotate it with ${IGNORE_CEL}: "true" to go on without them, or`,
    );
}

/** Names completed, schema versions kept, established at once. */
export function withDefinitionDefaults(definition: Obj): Obj {
  const spec = objOf(definition.spec);
  const names = objOf(spec.names);
  const kind = textOf(names.kind);
  return {
    ...definition,
    spec: {
      ...spec,
      conversion: spec.conversion ?? { strategy: "None" },
      names: {
        ...names,
        listKind: names.listKind ?? `${kind}List`,
        singular: names.singular ?? kind.toLowerCase(),
      },
    },
  };
}

export function definitionStatus(definition: Obj, now: string): Obj {
  const stored = new Set(listOf(at(definition, "status", "storedVersions")).map(String));
  for (const version of listOf(at(definition, "spec", "versions")).map(objOf))
    if (version.storage === true) stored.add(textOf(version.name));
  const condition = (type: string, reason: string, message: string): Obj => ({
    lastTransitionTime: now,
    message,
    reason,
    status: "True",
    type,
  });
  const old = listOf(at(definition, "status", "conditions"));
  return {
    acceptedNames: at(definition, "spec", "names"),
    conditions:
      old.length > 0
        ? old
        : [
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
          ],
    storedVersions: [...stored],
  };
}

export function definitionErrors(definition: Obj): FieldError[] {
  const spec = objOf(definition.spec);
  const names = objOf(spec.names);
  const expected = `${textOf(names.plural)}.${textOf(spec.group)}`;
  const errors: FieldError[] = [];
  const name = textOf(at(definition, "metadata", "name"));
  if (name !== expected) errors.push(invalidValue("metadata.name", name, `must be spec.names.plural+"."+spec.group`));
  if (!textOf(spec.group)) errors.push(required("spec.group"));
  if (!textOf(names.plural)) errors.push(required("spec.names.plural"));
  if (!textOf(names.kind)) errors.push(required("spec.names.kind"));
  const versions = listOf(spec.versions).map(objOf);
  if (versions.filter((version) => version.storage === true).length !== 1)
    errors.push(invalidValue("spec.versions", versions, "must have exactly one version marked as storage version"));
  versions.forEach((version, index) => {
    if (!isObj(at(version, "schema", "openAPIV3Schema")))
      errors.push(required(`spec.versions[${index}].schema.openAPIV3Schema`, "schemas are required"));
  });
  return errors;
}

/** The object as the storage version keeps it: without conversion only the version's name differs. */
export const asVersion = (object: Obj, apiVersion: string): Obj =>
  object.apiVersion === apiVersion ? object : withAt(object, ["apiVersion"], apiVersion);
