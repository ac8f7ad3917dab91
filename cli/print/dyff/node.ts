/** Values of a manifest as the comparison sees them: each has a type, scalars have a text. */
import { isLosslessNumber } from "lossless-json";

import { compareKeys } from "../go-yaml.ts";
import { printFloat } from "../go-yaml-scalars.ts";

export type MapNode = Readonly<Record<string, unknown>>;

export type NodeType = "map" | "list" | "string" | "int" | "float" | "bool" | "<nil>";

export const isMap = (node: unknown): node is MapNode =>
  typeof node === "object" && node !== null && !Array.isArray(node) && !isLosslessNumber(node);

export const isList = (node: unknown): node is readonly unknown[] => Array.isArray(node);

/** In the words of the report. */
export function typeOf(node: unknown): NodeType {
  if (isList(node)) return "list";
  if (isMap(node)) return "map";
  if (typeof node === "string") return "string";
  if (typeof node === "boolean") return "bool";
  if (node === null || node === undefined) return "<nil>";
  return /^-?\d+$/.test(textOf(node)) ? "int" : "float";
}

/** A scalar as YAML writes it without quotes; empty for lists and maps. */
export function textOf(node: unknown): string {
  if (typeof node === "string") return node;
  if (typeof node === "number") return printFloat(node);
  if (typeof node === "boolean" || typeof node === "bigint") return String(node);
  if (isLosslessNumber(node)) return node.toString();
  return node === null || node === undefined ? "null" : "";
}

/** Keys in the order of the YAML that is compared. */
export const keysOf = (map: MapNode): readonly string[] =>
  Object.keys(map)
    .filter((key) => map[key] !== undefined)
    .sort(compareKeys);

/** Equal for nodes that count as the same entry of a list: `1` and `"1"` do. */
export function hashOf(node: unknown): string {
  if (isList(node)) return `[${node.map(hashOf).join(",")}]`;
  if (!isMap(node)) return JSON.stringify(textOf(node));
  return `{${keysOf(node)
    .map((key) => `${JSON.stringify(key)}:${hashOf(node[key])}`)
    .join(",")}}`;
}
