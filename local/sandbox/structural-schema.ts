/** A structural schema's work on objects: pruning, defaults, and validation with the API server's words; no CEL. */
import { equal, isObj, objOf, type Obj } from "./json.ts";
import { META_SCHEMA, type Schema } from "./schema.ts";
import { goValue, invalidValue, required, type FieldError } from "./status-error.ts";

/** Drops what the schema does not know; reports each dropped path. */
export function pruneUnknown(schema: Schema, value: unknown, path = "", dropped: string[] = []): unknown {
  if (Array.isArray(value)) {
    const items = schema.items;
    return items
      ? (value as unknown[]).map((item, index) => pruneUnknown(items, item, `${path}[${index}]`, dropped))
      : value;
  }
  if (!isObj(value)) return value;
  const { additionalProperties } = schema;
  const keeps = schema["x-kubernetes-preserve-unknown-fields"] === true || additionalProperties === true;
  const out: Obj = {};
  for (const [name, field] of Object.entries(value)) {
    const below = `${path}${path ? "." : ""}${name}`;
    const declared = schema.properties && Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;
    const embedded =
      schema["x-kubernetes-embedded-resource"] === true &&
      (name === "apiVersion" || name === "kind" || name === "metadata");
    if (declared === META_SCHEMA || embedded) out[name] = field;
    else if (declared) out[name] = pruneUnknown(declared, field, below, dropped);
    else if (typeof additionalProperties === "object")
      out[name] = pruneUnknown(additionalProperties, field, below, dropped);
    else if (keeps) out[name] = field;
    else dropped.push(below);
  }
  return out;
}

/** Fills in declared defaults; a null where null is not allowed counts as absent. */
export function withDefaults(schema: Schema, value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = schema.items;
    return items ? (value as unknown[]).map((item) => withDefaults(items, item)) : value;
  }
  if (!isObj(value)) return value;
  const out: Obj = { ...value };
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    if (out[name] === null && field.nullable !== true && field.default !== undefined) delete out[name];
    if (out[name] === undefined && field.default !== undefined) out[name] = structuredClone(field.default);
    if (out[name] !== undefined) out[name] = withDefaults(field, out[name]);
  }
  if (typeof schema.additionalProperties === "object")
    for (const name of Object.keys(out))
      if (!schema.properties?.[name]) out[name] = withDefaults(schema.additionalProperties, out[name]);
  return out;
}

/** What the structural schema says against a value. */
export function validate(schema: Schema, value: unknown, path = ""): FieldError[] {
  if (value === null && schema.nullable === true) return [];
  const wrong = typeErrors(schema, value, path);
  if (wrong.length > 0) return wrong;
  const logical = [
    ...(schema.allOf ?? []).flatMap((one) => validate(one, value, path)),
    ...branchErrors(schema, value, path),
    ...enumErrors(schema, value, path),
  ];
  if (typeof value === "string") return [...logical, ...textErrors(schema, value, path)];
  if (typeof value === "number") return [...logical, ...numberErrors(schema, value, path)];
  if (Array.isArray(value)) return [...logical, ...itemErrors(schema, value as unknown[], path)];
  return isObj(value) ? [...logical, ...fieldErrors(schema, value, path)] : logical;
}

function typeErrors(schema: Schema, value: unknown, path: string): FieldError[] {
  const actual = Array.isArray(value)
    ? "array"
    : value === null
      ? "null"
      : typeof value === "number"
        ? Number.isInteger(value)
          ? "integer"
          : "number"
        : typeof value;
  const wanted = schema.type;
  if (schema["x-kubernetes-int-or-string"])
    return actual === "integer" || actual === "string" ? [] : [typeInvalid(path, value, "integer,string", actual)];
  if (wanted === undefined || wanted === actual || (wanted === "number" && actual === "integer")) return [];
  return [typeInvalid(path, value, wanted, actual)];
}

const typeInvalid = (path: string, value: unknown, wanted: string, actual: string): FieldError => ({
  type: "TypeInvalid",
  field: path || "<nil>",
  message: `Invalid value: ${JSON.stringify(actual)}: ${path || "<nil>"} in body must be of type ${wanted}: ${JSON.stringify(actual)}`,
});

function branchErrors(schema: Schema, value: unknown, path: string): FieldError[] {
  const passes = (one: Schema): boolean => validate(one, value, path).length === 0;
  const field = path || "<nil>";
  if (schema.anyOf && !schema.anyOf.some(passes))
    return [invalidValue(field, value, `${field} in body must validate at least one schema (anyOf)`)];
  if (schema.oneOf && schema.oneOf.filter(passes).length !== 1)
    return [invalidValue(field, value, `${field} in body must validate one and only one schema (oneOf)`)];
  if (schema.not && passes(schema.not))
    return [invalidValue(field, value, `${field} in body must not validate the schema (not)`)];
  return [];
}

function enumErrors(schema: Schema, value: unknown, path: string): FieldError[] {
  if (!schema.enum || schema.enum.some((one) => equal(one, value))) return [];
  return [
    {
      type: "NotSupported",
      field: path,
      message: `Unsupported value: ${goValue(value)}: supported values: ${schema.enum.map((one) => JSON.stringify(String(one))).join(", ")}`,
    },
  ];
}

function textErrors(schema: Schema, value: string, path: string): FieldError[] {
  const length = Array.from(value).length;
  const errors: FieldError[] = [];
  if (schema.maxLength !== undefined && length > schema.maxLength)
    errors.push({ type: "TooLong", field: path, message: `Too long: may not be more than ${schema.maxLength} bytes` });
  if (schema.minLength !== undefined && length < schema.minLength)
    errors.push(invalidValue(path, value, `${path} in body should be at least ${schema.minLength} chars long`));
  if (schema.pattern !== undefined && !new RegExp(schema.pattern, "u").test(value))
    errors.push(invalidValue(path, value, `${path} in body should match '${schema.pattern}'`));
  if (schema.format === "date-time" && Number.isNaN(Date.parse(value)))
    errors.push(invalidValue(path, value, `${path} in body must be of type date-time: ${JSON.stringify(value)}`));
  return errors;
}

function numberErrors(schema: Schema, value: number, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (schema.minimum !== undefined && value < schema.minimum)
    errors.push(invalidValue(path, value, `${path} in body should be greater than or equal to ${schema.minimum}`));
  if (schema.maximum !== undefined && value > schema.maximum)
    errors.push(invalidValue(path, value, `${path} in body should be less than or equal to ${schema.maximum}`));
  return errors;
}

function itemErrors(schema: Schema, items: readonly unknown[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (schema.maxItems !== undefined && items.length > schema.maxItems)
    errors.push({
      type: "TooMany",
      field: path,
      message: `Too many: ${items.length}: must have at most ${schema.maxItems} items`,
    });
  if (schema.minItems !== undefined && items.length < schema.minItems)
    errors.push(invalidValue(path, items.length, `${path} in body should have at least ${schema.minItems} items`));
  const keys = schema["x-kubernetes-list-type"] === "map" ? (schema["x-kubernetes-list-map-keys"] ?? []) : [];
  items.forEach((item, index) => {
    const twin = (other: unknown): boolean => keys.every((key) => equal(objOf(other)[key], objOf(item)[key]));
    if (keys.length > 0 && items.slice(0, index).some(twin))
      errors.push({
        type: "Duplicate",
        field: `${path}[${index}]`,
        message: `Duplicate value: ${JSON.stringify(Object.fromEntries(keys.map((key) => [key, objOf(item)[key]])))}`,
      });
    if (schema.items) errors.push(...validate(schema.items, item, `${path}[${index}]`));
  });
  return errors;
}

function fieldErrors(schema: Schema, value: Obj, path: string): FieldError[] {
  const join = (name: string): string => (path ? `${path}.${name}` : name);
  const errors: FieldError[] = [];
  const { additionalProperties } = schema;
  for (const [name, field] of Object.entries(value)) {
    const declared = schema.properties && Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;
    if (declared && declared !== META_SCHEMA) errors.push(...validate(declared, field, join(name)));
    else if (!declared && typeof additionalProperties === "object")
      errors.push(...validate(additionalProperties, field, join(name)));
  }
  errors.push(
    ...(schema.required ?? []).filter((name) => value[name] === undefined).map((name) => required(join(name))),
  );
  return errors;
}
