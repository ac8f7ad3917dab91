/** YAML for people, in which dyff shows what was added and removed: names first, deep fields last. */
import { isList, isMap, keysOf, type MapNode, textOf } from "./node.ts";

/** Ends with a line feed. */
export function printNeat(node: unknown): string {
  return print(node, "", true);
}

function print(node: unknown, prefix: string, isFirstIndented: boolean): string {
  if (isList(node)) {
    const lines = node.map((entry, index) => {
      const indent = index === 0 && isFirstIndented ? "" : prefix;
      return `${indent}- ${print(entry, `${prefix}  `, true)}`;
    });
    return lines.join("");
  }
  if (!isMap(node)) return `${printScalar(node, prefix)}\n`;
  return orderedKeys(node)
    .map((key, index) => (index === 0 && isFirstIndented ? "" : prefix) + printField(key, node[key], prefix))
    .join("");
}

function printField(key: string, value: unknown, prefix: string): string {
  if (isMap(value)) {
    return keysOf(value).length === 0 ? `${key}: {}\n` : `${key}:\n${print(value, `${prefix}  `, false)}`;
  }
  if (isList(value)) return value.length === 0 ? `${key}: []\n` : `${key}:\n${print(value, prefix, false)}`;
  return `${key}: ${print(value, `${prefix}  `, false)}`;
}

function printScalar(node: unknown, prefix: string): string {
  const text = textOf(node);
  const lines = text.split("\n");
  if (lines.length > 1) return `|\n${lines.map((line) => prefix + line).join("\n")}`;
  const isQuoted =
    typeof node === "string" &&
    (["true", "false", "null"].includes(text) || text.startsWith("-") || /[ *&:,]/.test(text));
  return isQuoted ? JSON.stringify(text) : text;
}

/** Sets of keys that belong first, the one with the most hits wins. */
const knownOrders = [
  ["name", "director_uuid", "releases", "instance_groups", "networks", "resource_pools", "compilation"],
  ["name", "url", "version", "sha1"],
  ["jobs", "resources", "resource_types"],
  ["name", "type", "source"],
  ["get"],
  ["put"],
  ["task"],
  ["releases", "instance_groups", "configuration", "variables"],
  ["auth", "templates"],
  ["name"],
  ["key"],
  ["id"],
] as const;

function orderedKeys(map: MapNode): readonly string[] {
  const keys = keysOf(map);
  let first: readonly string[] = [];
  for (const order of knownOrders) {
    const hits = order.filter((key) => keys.includes(key));
    if (hits.length > first.length) first = hits;
  }
  if (first.length === 0) return keys;
  const rest = keys.filter((key) => !first.includes(key)).sort((a, b) => depthOf(map[a]) - depthOf(map[b]));
  return [...first, ...rest];
}

function depthOf(node: unknown): number {
  const below = isList(node) ? node : isMap(node) ? Object.values(node) : undefined;
  if (!below || below.length === 0) return 0;
  return 1 + Math.max(...below.map(depthOf));
}
