/**
 * What decoding into a Go struct and encoding it again does to a built-in object: unknown fields go, zero values are
 * left out unless the field is a pointer, required fields appear, quantities take their canonical form.
 */
import { isObj, objOf, type Obj } from "./json.ts";
import { declaredField, resolve, type Schema } from "./schema.ts";

export interface DecodeReport {
  /** Paths of fields that the kind does not have. */
  readonly unknown: string[];
  /** The first value of a wrong type, as Go's decoder words it. */
  mismatch?: string;
}

const QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity";

export function decodeBuiltin(schema: Schema, object: Obj, kind: string): { object: Obj; report: DecodeReport } {
  const report: DecodeReport = { unknown: [] };
  const decoded = decodeValue(schema, object, "", kind, report);
  return { object: objOf(decoded), report };
}

function decodeValue(schema: Schema, value: unknown, path: string, struct: string, report: DecodeReport): unknown {
  if (schema.$ref === QUANTITY) return canonicalQuantity(value);
  const type = resolve(schema);
  if (type.type === "array") return decodeList(type, value, path, struct, report);
  if (type.type === "object" && type.properties) return decodeStruct(schema, type, value, path, struct, report);
  if (type.type === "object" && typeof type.additionalProperties === "object") {
    if (!isObj(value)) {
      mismatch(value, path, struct, "map", report);
      return;
    }
    const element = type.additionalProperties;
    return Object.fromEntries(
      Object.entries(value).map(([key, field]) => [
        key,
        decodeValue(element, field ?? zeroOf(element), path, struct, report),
      ]),
    );
  }
  return decodeScalar(type, value, path, struct, report);
}

const zeroOf = (schema: Schema): unknown => resolve(schema).default ?? null;

function decodeScalar(type: Schema, value: unknown, path: string, struct: string, report: DecodeReport): unknown {
  if (type.type === "string" && typeof value !== "string") {
    mismatch(value, path, struct, "string", report);
    return;
  }
  if (type.type === "boolean" && typeof value !== "boolean") {
    mismatch(value, path, struct, "bool", report);
    return;
  }
  if ((type.type === "integer" || type.type === "number") && typeof value !== "number") {
    mismatch(value, path, struct, type.type === "integer" ? (type.format ?? "int64") : "float64", report);
    return;
  }
  return value;
}

function decodeList(type: Schema, value: unknown, path: string, struct: string, report: DecodeReport): unknown {
  if (!Array.isArray(value)) {
    mismatch(value, path, struct, `[]${shortName(type.items)}`, report);
    return;
  }
  const items = type.items ?? {};
  return (value as unknown[]).map((item, index) => decodeValue(items, item ?? {}, `${path}[${index}]`, struct, report));
}

function decodeStruct(
  ref: Schema,
  type: Schema,
  value: unknown,
  path: string,
  struct: string,
  report: DecodeReport,
): unknown {
  if (!isObj(value)) {
    mismatch(value, path, struct, shortName(ref), report);
    return;
  }
  const name = ref.$ref ? (shortName(ref).split(".").pop() ?? struct) : struct;
  const out: Obj = {};
  for (const [key, field] of Object.entries(value)) {
    const below = path ? `${path}.${key}` : key;
    const declared = declaredField(type, key);
    if (!declared) report.unknown.push(below);
    else if (field !== null) {
      const decoded = decodeValue(declared, field, below, name, report);
      if (!isOmitted(declared, decoded)) out[key] = decoded;
    }
  }
  for (const [key, field] of Object.entries(type.properties ?? {})) {
    if (out[key] !== undefined) continue;
    const blank = blankOf(field);
    if (blank !== undefined) out[key] = blank;
  }
  return out;
}

/** What an absent field looks like once encoded; undefined when it stays absent. */
function blankOf(field: Schema): unknown {
  const type = resolve(field);
  const isStruct = type.type === "object" && type.properties !== undefined && field.default !== undefined;
  if (isStruct && field["x-go"] !== "omitzero" && field["x-go"] !== "struct")
    return decodeStruct(field, type, {}, "", "", { unknown: [] });
  if (field["x-go"] !== "always") return undefined;
  if (type.type === "string") return "";
  if (type.type === "integer" || type.type === "number") return 0;
  if (type.type === "boolean") return false;
  return null;
}

function isOmitted(field: Schema, value: unknown): boolean {
  const kept = field["x-go"] === "pointer" || field["x-go"] === "always" || field["x-go"] === "struct";
  if (value === undefined) return true;
  if (kept) return false;
  if (value === "" || value === 0 || value === false) return resolve(field).type !== undefined;
  const type = resolve(field);
  if (Array.isArray(value)) return value.length === 0;
  return isObj(value) && Object.keys(value).length === 0 && type.properties === undefined;
}

function mismatch(value: unknown, path: string, struct: string, wanted: string, report: DecodeReport): undefined {
  const got = Array.isArray(value)
    ? "array"
    : isObj(value)
      ? "object"
      : typeof value === "boolean"
        ? "bool"
        : typeof value;
  report.mismatch ??= `json: cannot unmarshal ${got} into Go struct field ${struct}.${path.replaceAll(/\[\d+\]/g, "")} of type ${wanted}`;
  return undefined;
}

function shortName(schema: Schema | undefined): string {
  const ref = schema?.$ref;
  if (!ref) return schema?.type ?? "";
  const parts = ref.split(".");
  return `${parts.at(-2) ?? ""}.${parts.at(-1) ?? ""}`;
}

const SUFFIXES = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
const BINARY = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/** `0.5` is `500m`, `1024Mi` is `1Gi`, `1000m` is `1`; what is no quantity is left as it is. */
export function canonicalQuantity(value: unknown): unknown {
  const text = typeof value === "number" ? String(value) : value;
  if (typeof text !== "string") return value;
  const match = /^([+-]?)(\d*)(?:\.(\d*))?([eE][+-]?\d+|Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]?)$/.exec(text);
  if (!match) return value;
  const [, sign = "", whole = "", fraction = "", suffix = ""] = match;
  const digits = BigInt(`${whole}${fraction}` || "0");
  if (digits === 0n) return "0";
  const minus = sign === "-" ? "-" : "";
  const power = BINARY.indexOf(suffix);
  if (power > 0) return binaryQuantity(digits * 1024n ** BigInt(power), fraction.length, minus);
  const exponent = /^[eE]/.test(suffix) ? Number(suffix.slice(1)) : (SUFFIXES.indexOf(suffix) - 3) * 3;
  return decimalQuantity(digits, exponent - fraction.length, minus, /^[eE]\d|^[eE][+-]/.test(suffix));
}

function binaryQuantity(scaled: bigint, decimals: number, minus: string): string {
  const scale = 10n ** BigInt(decimals);
  if (scaled % scale !== 0n) return decimalQuantity(scaled, -decimals, minus, false);
  let bytes = scaled / scale;
  let power = 0;
  while (bytes % 1024n === 0n && power < BINARY.length - 1) {
    bytes /= 1024n;
    power++;
  }
  return `${minus}${bytes}${BINARY[power] ?? ""}`;
}

function decimalQuantity(digits: bigint, exponent: number, minus: string, scientific: boolean): string {
  let [number, power] = [digits, exponent];
  while (number % 10n === 0n) {
    number /= 10n;
    power++;
  }
  while (power % 3 !== 0) {
    number *= 10n;
    power--;
  }
  if (scientific) return `${minus}${number}${power === 0 ? "" : `e${power}`}`;
  const index = power / 3 + 3;
  return index < 0 || index >= SUFFIXES.length
    ? `${minus}${number}e${power}`
    : `${minus}${number}${SUFFIXES[index] ?? ""}`;
}
