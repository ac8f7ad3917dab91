/**
 * Schemas of kinds, in OpenAPI's words: those of the built-in kinds (a generated table) and those of custom resource
 * definitions are walked by the same code.
 */
import { builtinSchemas } from "./builtin-schemas.ts";

export interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly format?: string;
  readonly default?: unknown;
  readonly nullable?: boolean;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly not?: Schema;
  readonly "x-kubernetes-list-type"?: "atomic" | "set" | "map";
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-map-type"?: "atomic" | "granular";
  readonly "x-kubernetes-patch-merge-key"?: string;
  readonly "x-kubernetes-patch-strategy"?: string;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  readonly "x-kubernetes-embedded-resource"?: boolean;
  readonly "x-kubernetes-int-or-string"?: boolean;
  readonly "x-kubernetes-validations"?: readonly unknown[];
  /** What only the Go type says: `pointer` keeps a zero value, `always` writes the field even when it is absent. */
  readonly "x-go"?: "pointer" | "always" | "omitzero" | "struct";
}

export type Shape = "scalar" | "list" | "map";

/** Any value: its shape is deduced, lists are atomic. */
export const ANY: Schema = {};

let table: Readonly<Record<string, Schema>> | undefined;

/** The schema of a built-in type by its OpenAPI name, e.g. `io.k8s.api.core.v1.Pod`. */
export function builtinSchema(name: string): Schema | undefined {
  table ??= JSON.parse(builtinSchemas) as Readonly<Record<string, Schema>>;
  return table[name];
}

export const META_SCHEMA: Schema = { $ref: "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" };

const resolved = new WeakMap<Schema, Schema>();

/** Follows a reference; what the referring field says of itself (map type, default) wins over its type. */
export function resolve(schema: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  const known = resolved.get(schema);
  if (known) return known;
  const { $ref, ...own } = schema;
  const result = { ...resolve(builtinSchema($ref) ?? ANY), ...own };
  resolved.set(schema, result);
  return result;
}

/** What a value of this schema is; an untyped schema takes the value's own shape. */
export function shapeOf(schema: Schema, value: unknown): Shape {
  if (schema.type === "object") return "map";
  if (schema.type === "array") return "list";
  if (schema.type !== undefined) return "scalar";
  if (Array.isArray(value)) return "list";
  return typeof value === "object" ? "map" : "scalar";
}

/** The schema of one field of a map; undefined when the map declares its fields and this is none of them. */
export function fieldSchema(schema: Schema, name: string): Schema | undefined {
  const declared = declaredField(schema, name);
  if (declared) return resolve(declared);
  const { additionalProperties } = schema;
  if (typeof additionalProperties === "object") return resolve(additionalProperties);
  if (additionalProperties === true || schema["x-kubernetes-preserve-unknown-fields"]) return ANY;
  if (additionalProperties === undefined && Object.keys(schema.properties ?? {}).length === 0) return ANY;
  return undefined;
}

export function declaredField(schema: Schema, name: string): Schema | undefined {
  return schema.properties && Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;
}

export const itemSchema = (schema: Schema): Schema => (schema.items ? resolve(schema.items) : ANY);

export const isAtomicMap = (schema: Schema): boolean => schema["x-kubernetes-map-type"] === "atomic";

export const isAtomicList = (schema: Schema): boolean => {
  const type = schema["x-kubernetes-list-type"];
  return type !== "map" && type !== "set";
};
