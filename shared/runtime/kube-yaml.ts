/** YAML as Kubernetes' Go parser reads it: YAML 1.1 booleans and octals, long integers kept, last of equal keys wins. */
import { type Document, parseAllDocuments, type ScalarTag, type Tags } from "yaml";

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
  for (const document of parseKubeDocuments(text)) {
    const [error] = document.errors;
    if (error) throw new SyntaxError(`MalformedYAMLError: line ${lineAt(text, error.pos[0])}: ${error.code}`);
    const value = kubeValueOf(document);
    if (value !== null && value !== undefined) objects.push(value as KubeObject);
  }
  return objects;
}

/** The documents with their errors and ranges, for those who must look at more than values. */
export function parseKubeDocuments(text: string): readonly Document.Parsed[] {
  const documents = parseAllDocuments(text, {
    version: "1.1",
    schema: "yaml-1.1",
    merge: true,
    uniqueKeys: false,
    intAsBigInt: true,
    prettyErrors: false,
    customTags,
  });
  return Array.isArray(documents) ? documents : [];
}

/** @throws ReferenceError, TypeError or Error about an alias or a merge, whose message may hold text of the document */
export const kubeValueOf = (document: Document.Parsed): unknown =>
  narrow(document.toJS({ maxAliasCount: aliasBudget }));

/** Go's parser has no sexagesimal numbers, times or binary; it has octals written as 0o17. */
function customTags(tags: Tags): Tags {
  const kept = tags.filter((tag) => {
    if (typeof tag === "string") return true;
    const { format, tag: name } = tag;
    return format !== "TIME" && name !== "tag:yaml.org,2002:timestamp" && name !== "tag:yaml.org,2002:binary";
  });
  return [octal, hugeFloat, dots, ...kept];
}

const octal: ScalarTag = {
  tag: "tag:yaml.org,2002:int",
  default: true,
  identify: () => false,
  test: /^[-+]?0o[0-7]+$/,
  resolve: (text) => (text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text.replace("+", ""))),
};

/** What no double holds is text to Go, such as the short commit id 12e4567. */
const hugeFloat: ScalarTag = {
  tag: "tag:yaml.org,2002:float",
  default: true,
  identify: () => false,
  test: /^[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE]\+?[0-9]{2,}$/,
  resolve: (text) => (Number.isFinite(Number(text)) ? Number(text) : text),
};

/** A float of YAML 1.1 may lack its digits before and after the dot, in Go not both. */
const dots: ScalarTag = {
  tag: "tag:yaml.org,2002:float",
  default: true,
  identify: () => false,
  test: /^[-+]?\.[_]*$/,
  resolve: (text) => text,
};

/** Integers that a double holds become numbers, the others stay exact. */
function narrow(value: unknown): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (Array.isArray(value)) return value.map(narrow);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, narrow(field)]));
}

/** Counted from 1. */
export const lineAt = (text: string, offset: number): number => text.slice(0, offset).split("\n").length;
