/** Reads YAML as Go's parsers do (YAML 1.1 without timestamps), within a limit on what aliases may expand to. */
import {
  type Document,
  isAlias,
  isCollection,
  isNode,
  isPair,
  isScalar,
  parseAllDocuments,
  type DocumentOptions,
  type ParseOptions,
  type SchemaOptions,
  type Tags,
} from "yaml";

/** Characters that a document may expand to. Twenty times the largest hand-written file seen. */
const MAX_EXPANDED_CHARS = 16 * 1024 ** 2;

/** Nine aliases in nested anchors can multiply a text by no more than 27: not worth a full parse. */
const HARMLESS_ALIASES = 9;

const GO_YAML: ParseOptions & DocumentOptions & SchemaOptions = {
  version: "1.1",
  schema: "yaml-1.1",
  merge: true,
  uniqueKeys: false,
  logLevel: "silent",
  customTags: (tags: Tags) =>
    tags.filter((tag) => {
      if (typeof tag === "string") return tag !== "timestamp" && tag !== "binary";
      return tag.format !== "TIME" && !/timestamp|binary/.test(tag.tag);
    }),
};

/**
 * All documents as plain values; for a key that stands twice the last value counts.
 *
 * @throws Error naming line and column, or the excess, when the text is no YAML or a bomb
 */
export function readYamlDocuments(text: string): readonly unknown[] {
  const documents = parseAllDocuments(text, GO_YAML);
  if (!Array.isArray(documents)) return [];
  return (documents as readonly Document.Parsed[]).map((document) => {
    const [error] = document.errors;
    if (error) throw new Error(firstLine(error.message));
    requireBounded(document);
    return document.toJS({ maxAliasCount: -1 }) as unknown;
  });
}

/**
 * Makes sure that a text which kustomize will parse expands to a bounded size; kustomize itself does not look.
 * A text with few aliases passes unparsed.
 *
 * @throws Error when it is an alias bomb, or has many aliases and cannot be parsed to count them
 */
export function requireBoundedYaml(text: string): void {
  if (!mayBeBomb(text)) return;
  const documents = parseAllDocuments(text, GO_YAML);
  for (const document of Array.isArray(documents) ? (documents as readonly Document.Parsed[]) : []) {
    const [error] = document.errors;
    if (error) throw new Error(firstLine(error.message));
    requireBounded(document);
  }
}

/** Deliberately generous: `&` and `*` wherever a YAML token may begin. */
function mayBeBomb(text: string): boolean {
  if (!/(?:^|[\s,[\]{}:"'])&[^\s&]/.test(text)) return false;
  let aliases = 0;
  for (const _ of text.matchAll(/(?:^|[\s,[\]{}:"'])\*[^\s*]/g)) {
    aliases += 1;
    if (aliases > HARMLESS_ALIASES) return true;
  }
  return false;
}

/** Sums the text of the tree with every alias replaced by its anchor, without building that tree. */
function requireBounded(document: Document.Parsed): void {
  const anchors = new Map<string, number>();
  const measure = (node: unknown): number => {
    if (isPair(node)) return measure(node.key) + measure(node.value);
    if (isAlias(node)) {
      const size = anchors.get(node.source);
      if (size === undefined) throw new Error(`alias *${node.source} has no anchor before it`);
      return size;
    }
    if (!isNode(node)) return 1;
    let size = 1;
    if (isScalar(node)) size += typeof node.value === "string" ? node.value.length : 8;
    if (isCollection(node)) for (const item of node.items) size += measure(item);
    if (size > MAX_EXPANDED_CHARS) throw new Error(`its aliases expand to more than ${MAX_EXPANDED_CHARS} characters`);
    if ("anchor" in node && typeof node.anchor === "string") anchors.set(node.anchor, size);
    return size;
  };
  measure(document.contents);
}

const firstLine = (text: string): string => (text.split("\n", 1)[0] ?? text).replace(/:$/, "");

/**
 * Writes a value as JSON that every YAML parser reads alike: the line breaks that only YAML knows are escaped.
 */
export function writeJsonYaml(value: unknown): string {
  const text = JSON.stringify(value ?? null, null, 1);
  return `${text.replace(/[\u007f-\u009f\u2028\u2029\ufeff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)}\n`;
}
