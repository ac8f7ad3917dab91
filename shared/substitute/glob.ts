/**
 * Shell patterns of `${name#pattern}` and its kin, and what they cut off. The rules are those of Go's `path.Match`,
 * except that `*` goes over slashes too, and its oddities count: a malformed pattern is noticed only where it is reached.
 */
import { type ByteText, codePointOf, isStray, REPLACEMENT, runeAt, splitRunes } from "./byte-text.ts";

type Step =
  | { readonly kind: "byte"; readonly byte: ByteText }
  | { readonly kind: "any" }
  | { readonly kind: "class"; readonly negated: boolean; readonly ranges: readonly (readonly [number, number])[] }
  | { readonly kind: "malformed" };

/** The steps between two stars; `star` says that one stands before them. */
interface Chunk {
  readonly star: boolean;
  readonly steps: readonly Step[];
}

/** Thrown to leave the search: a malformed pattern cuts nothing. */
const MALFORMED = -2;
const NO_MATCH = -1;

/** Without its shortest, or its longest, beginning that matches. */
export function trimPrefix(value: ByteText, pattern: ByteText, which: "shortest" | "longest"): ByteText {
  const chunks = compile(pattern);
  let cut = 0;
  // From the longest down: a malformed pattern must be noticed in Go's order. The empty beginning is never tried.
  for (let end = value.length; end > 0; end--) {
    const verdict = matches(chunks, value.slice(0, end));
    if (verdict === "malformed") return value;
    if (verdict) cut = end;
    if (verdict && which === "longest") break;
  }
  return value.slice(cut);
}

/** The same at the end, by reading value and pattern backwards: so `[a-c]` and `\*` mean nothing here. */
export const trimSuffix = (value: ByteText, pattern: ByteText, which: "shortest" | "longest"): ByteText =>
  reverse(trimPrefix(reverse(value), reverse(pattern), which));

const reverse = (bytes: ByteText): ByteText =>
  splitRunes(bytes)
    .map((part) => (isStray(part) ? REPLACEMENT : part))
    .reverse()
    .join("");

function compile(pattern: ByteText): readonly Chunk[] {
  const chunks: Chunk[] = [];
  let rest = pattern;
  while (rest !== "") {
    const steps = rest.replace(/^\*+/, "");
    const end = endOfChunk(steps);
    chunks.push({ star: steps.length < rest.length, steps: compileSteps(steps.slice(0, end)) });
    rest = steps.slice(end);
  }
  return chunks;
}

/** The next star that is neither escaped nor in brackets. */
function endOfChunk(pattern: ByteText): number {
  let inBrackets = false;
  for (let at = 0; at < pattern.length; at++) {
    const byte = pattern.charAt(at);
    if (byte === "\\") at++;
    else if (byte === "[") inBrackets = true;
    else if (byte === "]") inBrackets = false;
    else if (byte === "*" && !inBrackets) return at;
  }
  return pattern.length;
}

function compileSteps(chunk: ByteText): readonly Step[] {
  const steps: Step[] = [];
  for (let at = 0; at < chunk.length;) {
    const [step, next] = compileStep(chunk, at);
    steps.push(step);
    at = next;
  }
  return steps;
}

function compileStep(chunk: ByteText, at: number): readonly [Step, number] {
  const byte = chunk.charAt(at);
  if (byte === "[") return compileClass(chunk, at + 1);
  if (byte === "?") return [{ kind: "any" }, at + 1];
  if (byte !== "\\") return [{ kind: "byte", byte }, at + 1];
  const escaped = chunk.charAt(at + 1);
  return [escaped === "" ? { kind: "malformed" } : { kind: "byte", byte: escaped }, at + 2];
}

function compileClass(chunk: ByteText, start: number): readonly [Step, number] {
  const negated = chunk.charAt(start) === "^";
  const ranges: (readonly [number, number])[] = [];
  let at = negated ? start + 1 : start;
  while (chunk.charAt(at) !== "]" || ranges.length === 0) {
    const low = classMember(chunk, at);
    const isRange = low !== undefined && chunk.charAt(low.next) === "-";
    const high = isRange ? classMember(chunk, low.next + 1) : low;
    if (low === undefined || high === undefined) return [{ kind: "malformed" }, chunk.length];
    ranges.push([low.codePoint, high.codePoint]);
    at = high.next;
  }
  return [{ kind: "class", negated, ranges }, at + 1];
}

/** Undefined when there is none, or when nothing follows that could close the brackets. */
function classMember(
  chunk: ByteText,
  start: number,
): { readonly codePoint: number; readonly next: number } | undefined {
  if (["", "-", "]"].includes(chunk.charAt(start))) return undefined;
  const at = chunk.charAt(start) === "\\" ? start + 1 : start;
  const part = runeAt(chunk, at);
  const next = at + part.length;
  if (part === "" || isStray(part) || next >= chunk.length) return undefined;
  return { codePoint: codePointOf(part), next };
}

function matches(chunks: readonly Chunk[], name: ByteText): boolean | "malformed" {
  let at = 0;
  for (const [index, chunk] of chunks.entries()) {
    if (chunk.star && chunk.steps.length === 0) return true;
    const next = findChunk(chunk, name, at, index === chunks.length - 1);
    if (next === MALFORMED) return "malformed";
    if (next === NO_MATCH) return false;
    at = next;
  }
  return at === name.length;
}

/** Where the chunk ends, at its first match; the last chunk must end with the name. */
function findChunk({ star, steps }: Chunk, name: ByteText, from: number, isLast: boolean): number {
  const last = star ? name.length : from;
  for (let at = from; at <= last; at++) {
    const end = matchSteps(steps, name, at);
    if (end === MALFORMED) return MALFORMED;
    if (end !== NO_MATCH && (!isLast || end === name.length)) return end;
  }
  return NO_MATCH;
}

function matchSteps(steps: readonly Step[], name: ByteText, from: number): number {
  let at = from;
  for (const step of steps) {
    if (at >= name.length) return NO_MATCH;
    if (step.kind === "malformed") return MALFORMED;
    const part = step.kind === "byte" ? name.charAt(at) : runeAt(name, at);
    if (!accepts(step, part)) return NO_MATCH;
    at += part.length;
  }
  return at;
}

function accepts(step: Exclude<Step, { kind: "malformed" }>, part: ByteText): boolean {
  if (step.kind === "any") return true;
  if (step.kind === "byte") return step.byte === part;
  const codePoint = codePointOf(part);
  return step.negated !== step.ranges.some(([low, high]) => low <= codePoint && codePoint <= high);
}
