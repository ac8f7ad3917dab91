/** Reads all of YAML through npm `yaml`, which parses only: types, tags, aliases and duplicate keys follow go-yaml. */
import { isAlias, isMap, isPair, isScalar, isSeq, type Node, parseAllDocuments, type Scalar, type YAMLMap } from "yaml";

import { SopsError } from "../sops-error.ts";
import { Branch, Comment, type Item, textOf, type Value } from "../tree.ts";
import { resolvePlain } from "./resolve.ts";

/** Values that aliases may add: SOPS writes each of them out, and twenty lines can ask for billions. */
const aliasBudget = 10_000;
const deepestNesting = 200;

/** @throws SopsError (`malformed`, `too-large`) with the line, never with text */
export function readAnyYaml(text: string): readonly Branch[] {
  const documents = parse(text);
  const reader: Reader = { text, anchors: new Map(), budget: aliasBudget, depth: 0, inAlias: 0 };
  const branches: Branch[] = [];
  for (const document of Array.isArray(documents) ? documents : []) {
    const [error] = document.errors;
    if (error) throw failure(reader, error.pos[0], `it is not YAML (${error.code})`);
    reader.anchors.clear();
    const items = [...commentItems(document.commentBefore), ...readRoot(reader, document.contents)];
    branches.push(new Branch([...items, ...commentItems(document.comment)]));
  }
  return branches;
}

function parse(text: string): ReturnType<typeof parseAllDocuments> {
  try {
    return parseAllDocuments(text, {
      schema: "failsafe",
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: "silent",
    });
  } catch {
    // Its messages quote the text.
    throw new SopsError("malformed", "it is not YAML");
  }
}

interface Reader {
  readonly text: string;
  readonly anchors: Map<string, Node>;
  budget: number;
  depth: number;
  /** How many aliases are being written out within each other. */
  inAlias: number;
}

function failure({ text }: Reader, at: number, message: string): SopsError {
  return new SopsError("malformed", `line ${text.slice(0, at).split("\n").length}: ${message}`);
}

const startOf = (node: Node | null): number => node?.range?.[0] ?? 0;

function readRoot(reader: Reader, node: Node | null): readonly Item[] {
  if (node === null) return [];
  if (isMap(node)) return readMapping(reader, node).items;
  if (isScalar(node) && scalarOf(reader, node) === null) return commentItems(node.commentBefore);
  throw failure(reader, startOf(node), "the top of a document is not a mapping, which SOPS needs");
}

function commentItems(comment: string | null | undefined, isInline = false): Item[] {
  if (typeof comment !== "string") return [];
  // A comment without text comes as one space.
  const lines = comment.split("\n").filter((line) => line !== "");
  return lines.map((line) => ({ key: undefined, value: new Comment(line === " " ? "" : line, isInline) }));
}

function readMapping(reader: Reader, map: YAMLMap): Branch {
  remember(reader, map);
  const items = commentItems(map.commentBefore);
  const names = new Set<string>();
  for (const pair of map.items) {
    const key = pair.key as Node;
    const value = pair.value as Node | null;
    const name = keyOf(reader, key);
    if (names.has(name)) throw failure(reader, startOf(key), "the same key stands twice in a mapping");
    names.add(name);
    items.push(...commentItems(key.commentBefore), ...commentItems(key.comment));
    const isLeaf = value !== null && !isMap(value) && !isSeq(value);
    if (isLeaf) items.push(...commentItems(value.commentBefore), ...commentItems(value.comment, true));
    items.push({ key: name, value: readNode(reader, value) });
  }
  return new Branch([...items, ...commentItems(map.comment)]);
}

function keyOf(reader: Reader, key: Node): string {
  const value = isScalar(key) ? (key.source === "<<" ? "<<" : scalarOf(reader, key)) : null;
  if (typeof value === "string") return value;
  throw failure(reader, startOf(key), "a key is not a text: SOPS needs quotes around it");
}

function readNode(reader: Reader, node: Node | null): Value {
  if (node === null) return null;
  reader.depth += 1;
  if (reader.depth > deepestNesting)
    throw failure(reader, startOf(node), `more than ${deepestNesting} levels of nesting`);
  if (reader.inAlias > 0) spend(reader);
  const value = readAnyNode(reader, node);
  reader.depth -= 1;
  return value;
}

function readAnyNode(reader: Reader, node: Node): Value {
  if (isMap(node)) return readMapping(reader, node);
  if (isSeq(node)) return readSequence(reader, node);
  if (isScalar(node)) return scalarOf(reader, node);
  return isAlias(node) ? readAlias(reader, node.source, startOf(node)) : null;
}

function spend(reader: Reader): void {
  reader.budget -= 1;
  if (reader.budget < 0)
    throw new SopsError("too-large", `aliases add more than ${aliasBudget} values: write them out or use fewer`);
}

function readSequence(reader: Reader, node: { readonly items: readonly unknown[] } & Node): Value[] {
  remember(reader, node);
  const values: Value[] = commentItems(node.commentBefore).map(({ value }) => value);
  for (const item of node.items) {
    // In a flow list `[a: 1]` is a mapping of one pair.
    if (isPair(item)) throw failure(reader, startOf(node), "a list holds a pair without braces");
    const child = item as Node;
    const isLeaf = !isMap(child) && !isSeq(child);
    values.push(...commentItems(isLeaf ? child.commentBefore : undefined).map(({ value }) => value));
    if (isLeaf) values.push(...commentItems(child.comment, true).map(({ value }) => value));
    values.push(readNode(reader, child));
  }
  values.push(...commentItems(node.comment).map(({ value }) => value));
  return values;
}

function remember(reader: Reader, node: Node): void {
  if ("anchor" in node && typeof node.anchor === "string") reader.anchors.set(node.anchor, node);
}

/** Each copy is a value of its own, with its own path and ciphertext. */
function readAlias(reader: Reader, name: string, at: number): Value {
  const target = reader.anchors.get(name);
  if (!target) throw failure(reader, at, "an alias refers to an anchor that does not stand before it");
  reader.inAlias += 1;
  const value = readNode(reader, target);
  reader.inAlias -= 1;
  return value;
}

const tagPrefix = "tag:yaml.org,2002:";

function scalarOf(reader: Reader, node: Scalar): Value {
  remember(reader, node);
  const text = typeof node.source === "string" ? node.source : "";
  const tag = node.tag?.startsWith(tagPrefix) ? node.tag.slice(tagPrefix.length) : node.tag;
  if (tag === "binary") return textOf(Buffer.from(text, "base64"));
  if (tag !== undefined && !resolvable.has(tag)) return text;
  if (tag === "str" || (tag === undefined && node.type !== "PLAIN")) return text;
  const value = resolvePlain(text);
  if (typeof value === "bigint" && value >= 2n ** 63n)
    throw failure(reader, startOf(node), "a whole number does not fit 64 bits, and SOPS cannot read it");
  return tag === "float" && typeof value === "bigint" ? Number(value) : value;
}

const resolvable = new Set(["str", "bool", "int", "float", "null", "timestamp"]);
