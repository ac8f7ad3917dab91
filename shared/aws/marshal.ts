/** DynamoDB's typed attributes from our values and back. Numbers keep double precision; there are no sets and no binaries. */
import type { AttributeValue } from "@aws-sdk/client-dynamodb";

import type { Item, Value } from "../lease/ports.ts";

export type Attributes = Record<string, AttributeValue>;

export function marshalItem(item: Readonly<Record<string, Value>>): Attributes {
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, marshal(value)]));
}

export function marshal(value: Value): AttributeValue {
  if (value === null) return { NULL: true };
  if (typeof value === "string") return { S: value };
  if (typeof value === "boolean") return { BOOL: value };
  if (typeof value === "number") return { N: formatNumber(value) };
  if (isList(value)) return { L: value.map(marshal) };
  return { M: marshalItem(value) };
}

export function unmarshalItem(attributes: Attributes): Item {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, unmarshal(value)]));
}

/** @throws TypeError for a set or a binary, which no version of us has written. */
export function unmarshal(value: AttributeValue): Value {
  if (value.S !== undefined) return value.S;
  if (value.N !== undefined) return Number(value.N);
  if (value.BOOL !== undefined) return value.BOOL;
  if (value.NULL !== undefined) return null;
  if (value.L !== undefined) return value.L.map(unmarshal);
  if (value.M !== undefined) return unmarshalItem(value.M);
  throw new TypeError(`attribute of type ${Object.keys(value).join()} is not one that this engine writes`);
}

function formatNumber(value: number): string {
  if (!Number.isFinite(value)) throw new TypeError(`${value} cannot be stored: DynamoDB has finite numbers only`);
  return String(value);
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}
