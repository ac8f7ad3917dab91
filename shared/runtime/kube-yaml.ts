/** YAML as Kubernetes' Go parser reads it: YAML 1.1 booleans and octals, long integers kept, last of equal keys wins. */
import { parseAllDocuments, type ScalarTag, type Tags } from "yaml";

import type { KubeObject } from "../api/kube-object.ts";

export interface YamlDocument {
  readonly text: string;
  /** Of the first line of `text`, counted from 1. */
  readonly line: number;
}

const aliasBudget = 100;
/** A document may begin on the line of the separator. */
const separator = /^---(?:(?:[ \t]+#.*|[ \t]*)\r?$|(?=[ \t]+\S))/m;

/** The texts between `---` lines; empty ones and those of comments alone are left out. */
export function splitKubeYaml(text: string): readonly YamlDocument[] {
  const documents: YamlDocument[] = [];
  let line = 1;
  for (const part of text.split(separator)) {
    if (/^(?![ \t]*(?:#|$)).*\S/m.test(part)) documents.push({ text: part, line });
    line += part.split("\n").length - 1;
  }
  return documents;
}

/** @throws SyntaxError with line and cause; never with the text itself, which may hold a secret */
export function parseKubeYaml(text: string): readonly KubeObject[] {
  const objects: KubeObject[] = [];
  const documents = parseAllDocuments(text, {
    version: "1.1",
    schema: "yaml-1.1",
    merge: true,
    uniqueKeys: false,
    intAsBigInt: true,
    prettyErrors: false,
    customTags,
  });
  if (!Array.isArray(documents)) return [];
  for (const document of documents) {
    const [error] = document.errors;
    if (error) throw new SyntaxError(`MalformedYAMLError: line ${lineAt(text, error.pos[0])}: ${error.code}`);
    const value = narrow(document.toJS({ maxAliasCount: aliasBudget }));
    if (value !== null && value !== undefined) objects.push(value as KubeObject);
  }
  return objects;
}

/** Go's parser has no sexagesimal numbers, times or binary; it has octals written as 0o17. */
function customTags(tags: Tags): Tags {
  const kept = tags.filter((tag) => {
    if (typeof tag === "string") return true;
    const { format, tag: name } = tag;
    return format !== "TIME" && name !== "tag:yaml.org,2002:timestamp" && name !== "tag:yaml.org,2002:binary";
  });
  return [octal, ...kept];
}

const octal: ScalarTag = {
  tag: "tag:yaml.org,2002:int",
  default: true,
  identify: () => false,
  test: /^[-+]?0o[0-7]+$/,
  resolve: (text) => (text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text.replace("+", ""))),
};

/** Integers that a double holds become numbers, the others stay exact. */
function narrow(value: unknown): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (Array.isArray(value)) return value.map(narrow);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, narrow(field)]));
}

const lineAt = (text: string, offset: number): number => text.slice(0, offset).split("\n").length;
