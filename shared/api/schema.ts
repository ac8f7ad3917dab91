/**
 * A small schema language for Flux's kinds. One schema gives three things that can then never disagree: the TypeScript
 * type, the parser with its findings, and the `openAPIV3Schema` of the CustomResourceDefinition.
 */

/** What is wrong at one place of an object. `path` as in `spec.include[0].repository.name`. */
export interface Finding {
  readonly path: string;
  readonly message: string;
}

export type Parsed<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly findings: readonly Finding[] };

/** A CEL rule of a CRD (`x-kubernetes-validations`). */
export interface ValidationRule {
  readonly rule: string;
  readonly message: string;
}

/** The subset of a CRD's structural schema that Flux's kinds use. */
export interface OpenApiSchema {
  readonly type?: "object" | "array" | "string" | "boolean" | "integer";
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly format?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly items?: OpenApiSchema;
  readonly properties?: Readonly<Record<string, OpenApiSchema>>;
  readonly additionalProperties?: OpenApiSchema;
  readonly required?: readonly string[];
  readonly "x-kubernetes-validations"?: readonly ValidationRule[];
}

export interface Schema<T> {
  readonly openApi: OpenApiSchema;
  /** Adds to `findings` what is wrong; the result means something only when nothing was added. */
  readonly read: Read<unknown, T>;
}

/** A field that may be absent. `null` counts as absent, as it does for the API server. */
export interface OptionalField<T> {
  readonly presence: "optional";
  readonly schema: Schema<T>;
}

/** A field that the API server, and the parser, fills in when it is absent. */
export interface DefaultedField<T> {
  readonly presence: "default";
  readonly schema: Schema<T>;
  readonly value: T;
}

export type Field = Schema<unknown> | OptionalField<unknown> | DefaultedField<unknown>;
export type Fields = Readonly<Record<string, Field>>;

/** The type that a schema or a field describes. */
export type Infer<F> = F extends Schema<infer T> ? T : F extends { readonly schema: Schema<infer T> } ? T : never;

type OptionalNames<F extends Fields> = { [K in keyof F]: F[K] extends OptionalField<unknown> ? K : never }[keyof F];
type Simplify<T> = { [K in keyof T]: T[K] };
export type ObjectOf<F extends Fields> = Simplify<
  { readonly [K in Exclude<keyof F, OptionalNames<F>>]: Infer<F[K]> } & {
    readonly [K in OptionalNames<F>]?: Infer<F[K]>;
  }
>;

interface Documented {
  readonly description?: string;
}

/** Reads a whole object with a schema; the findings are in the order of the fields. */
export function parseWith<T>(schema: Schema<T>, value: unknown, path = ""): Parsed<T> {
  const findings: Finding[] = [];
  const read = schema.read(value, path, findings);
  if (findings.length > 0 || read === undefined) return { ok: false, findings };
  return { ok: true, value: read };
}

export function string(
  limits: Documented & Pick<OpenApiSchema, "pattern" | "format" | "minLength" | "maxLength"> = {},
): Schema<string> {
  const { pattern, minLength = 0, maxLength = Infinity } = limits;
  return {
    openApi: { type: "string", ...limits },
    read: reader(isString, "a string", (value, path, findings) => {
      if (pattern !== undefined && !new RegExp(pattern, "u").test(value))
        findings.push({ path, message: `must match ${pattern}, is ${show(value)}` });
      if (value.length < minLength)
        findings.push({ path, message: `must have at least ${minLength} characters, has ${value.length}` });
      if (value.length > maxLength)
        findings.push({ path, message: `must have at most ${maxLength} characters, has ${value.length}` });
      return value;
    }),
  };
}

/** One of a closed list of strings. */
export function choice<const V extends readonly string[]>(values: V, documented: Documented = {}): Schema<V[number]> {
  const isOneOf = (value: unknown): value is V[number] => values.some((allowed) => allowed === value);
  return {
    openApi: { type: "string", enum: values, ...documented },
    read: reader(isOneOf, `one of ${values.join(", ")}`, (value) => value),
  };
}

export function boolean(documented: Documented = {}): Schema<boolean> {
  const isBoolean = (value: unknown): value is boolean => typeof value === "boolean";
  return {
    openApi: { type: "boolean", ...documented },
    read: reader(isBoolean, "true or false", (value) => value),
  };
}

/** Numbers that a JSON parser kept as text are whole numbers too; they are read as `number`. */
export function integer(limits: Documented & Pick<OpenApiSchema, "minimum"> = {}): Schema<number> {
  const { minimum = -Infinity } = limits;
  return {
    openApi: { type: "integer", format: "int64", ...limits },
    read: reader(isIntegral, "a whole number", (value, path, findings) => {
      const number = Number(value);
      if (number < minimum) findings.push({ path, message: `must be at least ${minimum}, is ${number}` });
      return number;
    }),
  };
}

export function list<T>(item: Schema<T>, documented: Documented = {}): Schema<readonly T[]> {
  return {
    openApi: { type: "array", items: item.openApi, ...documented },
    read: reader(isList, "a list", (value, path, findings) =>
      value.flatMap((element, index) => {
        const read = item.read(element, `${path}[${index}]`, findings);
        return read === undefined ? [] : [read];
      }),
    ),
  };
}

/** Any names, strings as values. */
export function stringMap(documented: Documented = {}): Schema<Readonly<Record<string, string>>> {
  const values = string();
  return {
    openApi: { type: "object", additionalProperties: { type: "string" }, ...documented },
    read: reader(isRecord, "a map of strings", (value, path, findings) =>
      Object.fromEntries(
        Object.entries(value).flatMap(([name, element]) => {
          const read = values.read(element, join(path, name), findings);
          return read === undefined ? [] : [[name, read] as const];
        }),
      ),
    ),
  };
}

/** A CEL rule of the CRD together with the same rule as the parser runs it. */
export interface CheckedRule<T> extends ValidationRule {
  readonly holds: (value: T) => boolean;
}

/** Fields that the schema does not name are left out, as the API server prunes them. */
export function object<F extends Fields>(
  fields: F,
  options: Documented & { readonly rules?: readonly CheckedRule<ObjectOf<F>>[] } = {},
): Schema<ObjectOf<F>> {
  const { rules = [], ...documented } = options;
  const properties = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, openApiOf(field)]));
  const required = Object.keys(fields).filter((name) => !("presence" in (fields[name] ?? {})));
  return {
    openApi: {
      type: "object",
      ...documented,
      properties,
      ...(required.length > 0 ? { required: required.sort() } : {}),
      ...(rules.length > 0
        ? { "x-kubernetes-validations": rules.map(({ rule, message }) => ({ message, rule })) }
        : {}),
    },
    read: reader(isRecord, "an object", (value, path, findings) => {
      const before = findings.length;
      // Every field was read with its own schema, which is what ObjectOf says of the whole.
      const read = readFields(fields, value, path, findings) as ObjectOf<F>;
      if (findings.length > before) return undefined;
      for (const { message } of rules.filter(({ holds }) => !holds(read))) findings.push({ path, message });
      return read;
    }),
  };
}

export const optional = <T>(schema: Schema<T>): OptionalField<T> => ({ presence: "optional", schema });

export const defaulted = <T>(schema: Schema<T>, value: NoInfer<T>): DefaultedField<T> => ({
  presence: "default",
  schema,
  value,
});

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readFields(fields: Fields, value: Readonly<Record<string, unknown>>, path: string, findings: Finding[]) {
  const result: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields)) {
    const found = value[name];
    const at = join(path, name);
    if (found !== undefined && found !== null) result[name] = schemaOf(field).read(found, at, findings);
    else if (!("presence" in field)) findings.push({ path: at, message: "is required" });
    else if (field.presence === "default") result[name] = field.value;
  }
  return result;
}

const schemaOf = (field: Field): Schema<unknown> => ("presence" in field ? field.schema : field);

function openApiOf(field: Field): OpenApiSchema {
  const { openApi } = schemaOf(field);
  return "presence" in field && field.presence === "default" ? { ...openApi, default: field.value } : openApi;
}

const join = (path: string, name: string): string => (path === "" ? name : `${path}.${name}`);

const isString = (value: unknown): value is string => typeof value === "string";

/** A number, or an object that stands for one (`valueOf`), such as lossless-json's. */
const isIntegral = (value: unknown): value is number | object =>
  Number.isInteger(isRecord(value) && "isLosslessNumber" in value ? Number(value) : value);

const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);

type Read<V, T> = (value: V, path: string, findings: Finding[]) => T | undefined;

/** Reads values of one form, and reports all others. */
function reader<V, T>(isOfForm: (value: unknown) => value is V, form: string, read: Read<V, T>): Read<unknown, T> {
  return (value, path, findings) => {
    if (isOfForm(value)) return read(value, path, findings);
    findings.push({ path, message: `must be ${form}, is ${show(value)}` });
    return undefined;
  };
}

/** A value as a message may show it: scalars without credentials and up to a length, nothing of the content of objects. */
function show(value: unknown): string {
  if (value === null || value === undefined) return "absent";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  const text = JSON.stringify(value).replace(/\/\/[^/@]*@/u, "//*****@");
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
