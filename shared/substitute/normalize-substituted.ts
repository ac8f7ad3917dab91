/** Reads a document after substitution as Go's `YAMLToJSON` does, and refuses what it refuses, in its words. */
import { type Document, isScalar, visit, type YAMLError } from "yaml";

import { kubeValueOf, lineAt, parseKubeDocuments } from "../runtime/kube-yaml.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { firstStrayByte } from "./byte-text.ts";

/** Go's parser breaks lines at these; here only a line feed does. */
const foreignBreak = /\r|\u0085/;
/** Of a value whose lines ended as on Windows, the last carriage return meets the line feed. */
const lineBreak = /\r?\n/;
/** A line as kustomize prints it, up to the inside of a quoted value. */
const insideQuotes =
  /^ *(?:- )*(?:(?:"(?:[^"\\]|\\[^])*"|'[^']*'|[^\s"'][^\n]*?): )?(?:"(?:[^"\\]|\\[^])*|'(?:[^']|'')*)$/;
const controlCharacter = /(?![\t\n\r\u0085])\p{Cc}|[\ufffe\uffff]/u;

/** Our parser's codes in the words of Go's, where they mean the same. */
const words: ReadonlyMap<string, string> = new Map([
  ["BLOCK_AS_IMPLICIT_KEY", "mapping values are not allowed in this context"],
  ["BAD_SCALAR_START", "found character that cannot start any token"],
  ["TAB_AS_INDENT", "found character that cannot start any token"],
  ["BAD_DQ_ESCAPE", "found unknown escape character"],
  ["BAD_ALIAS", "did not find expected alphabetic or numeric character"],
]);
const otherWords = "did not find expected key";

/**
 * The document with line feeds as its only line breaks, and without further documents, which Go does not read.
 *
 * @throws ReconcileError BuildFailed with cause and line, never with the text, which may hold a value of a Secret
 */
export function normalizeSubstituted(substituted: string): string {
  const stray = firstStrayByte(substituted);
  if (stray !== undefined) throw failure(`yaml: invalid ${stray < 0xc2 ? "leading" : "trailing"} UTF-8 octet`);
  if (controlCharacter.test(substituted)) throw failure("yaml: control characters are not allowed");
  const text = foreignBreak.test(substituted) ? substituted.split(lineBreak).map(breakLine).join("\n") : substituted;
  const [first, second] = parseKubeDocuments(text);
  if (first === undefined) return text;
  const [error] = first.errors;
  if (error) throw failure(`yaml: line ${lineAt(text, error.pos[0])}: ${wordsFor(error)}`);
  requireScalarKeys(first);
  requireFiniteNumbers(resolve(first));
  const read = roundIntegers(text, first);
  return second === undefined ? read.text : `${read.text.slice(0, first.range[1] + read.grown).trimEnd()}\n`;
}

/** Whether a text may hold integers that Go's floats round, so that it is not read as it stands. */
export const mayHoldLongIntegers = (text: string): boolean => /\d{16}|0[xob_]/i.test(text);

/** Flux reads what it substituted in through JSON without types: integers go through floats, and lose what those lack. */
function roundIntegers(text: string, document: Document.Parsed): { readonly text: string; readonly grown: number } {
  const long: { readonly start: number; readonly end: number; readonly value: bigint }[] = [];
  visit(document, {
    Scalar: (place, { value, range }) => {
      if (place === "key" || typeof value !== "bigint" || !range || Number.isSafeInteger(Number(value))) return;
      long.push({ start: range[0], end: range[1], value });
    },
  });
  const rounded = long.reduceRight(
    (result, { start, end, value }) => result.slice(0, start) + printFloat(Number(value)) + result.slice(end),
    text,
  );
  return { text: rounded, grown: rounded.length - text.length };
}

/** As Go prints a float that came from an integer: the shortest digits, as an integer as far as 64 bits reach. */
function printFloat(value: number): string {
  return value > -(2 ** 63) && value < 2 ** 64 ? String(value) : value.toExponential();
}

function wordsFor({ code, message }: YAMLError): string {
  if (code !== "MISSING_CHAR") return words.get(code) ?? otherWords;
  return message.startsWith("Missing closing") ? "found unexpected end of stream" : "could not find expected ':'";
}

/** Go needs no indentation within quotes, where it drops it; here there must be some. */
function breakLine(line: string): string {
  const [first = "", ...rest] = line.split(foreignBreak);
  const indentation = " ".repeat(/^[ -]*/.exec(first)?.[0].length ?? 0);
  return rest.reduce((text, part) => `${text}\n${insideQuotes.test(text) ? `${indentation} ` : ""}${part}`, first);
}

/** `{{ x }}` without quotes is a mapping whose key is a mapping. */
function requireScalarKeys(document: Document): void {
  visit(document, {
    Pair: (_, { key }) => {
      if (isScalar(key) && key.value === null) throw failure("unsupported map key of type: %!s(<nil>)");
      if (!isScalar(key)) throw failure("yaml: invalid map key");
    },
  });
}

/** Only this follows aliases and merges. What the parser says of them is not repeated: it names parts of the text. */
function resolve(document: Document.Parsed): unknown {
  try {
    return kubeValueOf(document);
  } catch (error) {
    if (error instanceof ReferenceError) throw failure("yaml: unknown anchor referenced");
    throw failure("yaml: map merge requires map or sequence of maps as the value");
  }
}

function requireFiniteNumbers(value: unknown): void {
  if (typeof value === "number" && !Number.isFinite(value)) {
    const name = Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
    throw failure(`json: unsupported value: ${name}`);
  }
  if (typeof value === "object" && value !== null) Object.values(value).forEach(requireFiniteNumbers);
}

const failure = (message: string): ReconcileError =>
  new ReconcileError("retry", "BuildFailed", `YAMLToJSON: ${message}`);
