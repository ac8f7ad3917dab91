/** Values as expressions see them: CEL's own, and Kubernetes JSON turned into them with Kubernetes' types of numbers. */
import {
  celList,
  celMap,
  celType,
  type CelList,
  type CelMap,
  type CelValue,
  isCelList,
  isCelMap,
  isCelType,
  isCelUint,
} from "@bufbuild/cel";
import { isLosslessNumber } from "lossless-json";

/** `optional_type(T)`: a value or its absence. The library knows none, so one never reaches it. */
export class Optional {
  static readonly none = new Optional(undefined);
  readonly value: Value | undefined;

  constructor(value: Value | undefined) {
    this.value = value;
  }
}

export type Value = CelValue | Optional;

const smallestInt = -(2n ** 63n);
const largestInt = 2n ** 63n - 1n;

export const isInt = (value: bigint): boolean => value >= smallestInt && value <= largestInt;

/** Whole numbers that fit are ints, the rest doubles, as Kubernetes decodes JSON. @throws TypeError for no JSON */
export function fromJson(json: unknown): CelValue {
  if (json === null || typeof json === "string" || typeof json === "boolean") return json;
  if (typeof json === "number") return Number.isInteger(json) ? intOr(BigInt(json), json) : json;
  if (typeof json === "bigint") return intOr(json, Number(json));
  if (isLosslessNumber(json))
    return /^-?\d+$/.test(json.value) ? intOr(BigInt(json.value), Number(json.value)) : Number(json.value);
  if (Array.isArray(json)) return celList(json.map(fromJson));
  if (typeof json !== "object") throw new TypeError(`a ${typeof json} is no JSON value`);
  const fields = Object.entries(json).filter(([, field]) => field !== undefined);
  return celMap(new Map(fields.map(([name, field]) => [name, fromJson(field)])));
}

const intOr = (int: bigint, double: number): CelValue => (isInt(int) ? int : double);

/** An array of a list; one of the library's is read element by element. */
export const elementsOf = (list: CelList): readonly CelValue[] => [...list];

export const lookUp = (map: CelMap, key: Value): CelValue | undefined => {
  if (typeof key === "string" || typeof key === "boolean" || typeof key === "bigint") return map.get(key);
  if (typeof key === "number" || isUint(key)) return map.get(key as never);
  return undefined;
};

const isUint = (value: Value): boolean => !(value instanceof Optional) && isCelUint(value);

export function typeName(value: Value): string {
  return value instanceof Optional ? "optional_type" : celType(value).name;
}

/** What `optional.ofNonZeroValue` takes for nothing. */
export function isZero(value: Value): boolean {
  if (value instanceof Optional) return value.value === undefined;
  if (value === null || value === false || value === "" || value === 0 || value === 0n) return true;
  if (value instanceof Uint8Array) return value.length === 0;
  if (isCelList(value) || isCelMap(value)) return value.size === 0;
  return isCelUint(value) && value.value === 0n;
}

export {
  celList,
  celMap,
  celType,
  type CelList,
  type CelMap,
  type CelValue,
  isCelList,
  isCelMap,
  isCelType,
  isCelUint,
};
