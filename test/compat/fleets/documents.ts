/** Files with several YAML documents, some of which are changed. */
import { type Document, parseAllDocuments } from "yaml";

/**
 * @param change changes the document and says so
 * @returns the very text when nothing was changed, or when it is no YAML (a template of a chart)
 */
export function changeDocuments(text: string, change: (document: Document) => boolean): string {
  const documents = parseDocuments(text);
  const changed = documents.map(change);
  if (!changed.includes(true)) return text;
  return documents.map((document) => document.toString({ lineWidth: 0, directives: false })).join("---\n");
}

/** None when one of them cannot be read. */
export function parseDocuments(text: string): readonly Document[] {
  const documents = parseAllDocuments(text, { uniqueKeys: false });
  if (!Array.isArray(documents)) return [];
  const list = documents as readonly Document[];
  return list.some(({ errors }) => errors.length > 0) ? [] : list.filter(({ contents }) => contents !== null);
}

export function textAt(document: Document, ...path: readonly string[]): string {
  const value: unknown = document.hasIn(path) ? document.getIn(path) : undefined;
  return typeof value === "string" ? value : "";
}
