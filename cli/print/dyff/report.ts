/** Prints differences as dyff's human report, which is how Flux's CLI shows drift. Without colours. */
import { assertNever } from "../../../shared/runtime/assert-never.ts";
import type { Detail, Difference } from "./compare.ts";
import { diffLines } from "./line-diff.ts";
import { printNeat } from "./neat-yaml.ts";
import { isList, isMap, keysOf, textOf, typeOf } from "./node.ts";

/** @param columns of the terminal: blocks stand beside each other as far as they fit */
export function printReport(differences: readonly Difference[], columns: number): string {
  const parts = differences.map(({ path, details }) => {
    const title = path.length === 0 ? "(root level)" : path.join(".");
    return `\n${title}\n${arrange(
      details.map((detail) => printDetail(detail, columns)),
      0,
      columns,
    )}`;
  });
  return `${parts.join("")}\n`;
}

function printDetail(detail: Detail, columns: number): string {
  switch (detail.kind) {
    case "added":
      return `+ ${count(detail.to)} added:\n${arrange([printNeat(detail.to)], 2, columns)}`;
    case "removed":
      return `- ${count(detail.from)} removed:\n${arrange([printNeat(detail.from)], 0, columns)}`;
    case "modified":
      return printModified(detail.from, detail.to, columns);
    case "reordered":
      return printReordered(detail.from, detail.to, columns);
    default:
      return assertNever(detail);
  }
}

const count = (node: unknown): string =>
  isMap(node)
    ? plural(keysOf(node).length, "map entry", "map entries")
    : plural(isList(node) ? node.length : 0, "list entry", "list entries");

const numbers = "no one two three four five six seven eight nine ten eleven twelve".split(" ");

const plural = (amount: number, one: string, many: string): string =>
  `${numbers[amount] ?? String(amount)} ${amount === 1 ? one : many}`;

function printModified(from: unknown, to: unknown, columns: number): string {
  if (typeof from === "string" && typeof to === "string") return printTexts(from, to, columns);
  const [fromType, toType] = [typeOf(from), typeOf(to)];
  const title = fromType === toType ? "± value change" : `± type change from ${fromType} to ${toType}`;
  const show = (node: unknown) => (typeOf(node) === "<nil>" ? "<nil>" : printNeat(node).replace(/\n+$/, ""));
  return `${title}\n${withPrefix("- ", show(from))}${withPrefix("+ ", show(to))}`;
}

function printTexts(from: string, to: string, columns: number): string {
  const trim = (text: string) => text.replace(/^[ \n]+|[ \n]+$/g, "");
  if (trim(from) === trim(to)) {
    const show = (text: string) => text.replaceAll("\n", "↵\n").replaceAll(" ", "·");
    const blocks = [withPrefix("- ", show(from)), withPrefix("+ ", show(to))];
    return `± whitespace only change\n${arrange(blocks, 0, columns)}`;
  }
  if (!from.includes("\n") && !to.includes("\n"))
    return `± value change\n${withPrefix("- ", from)}${withPrefix("+ ", to)}`;
  const changes = diffLines(linesOf(from), linesOf(to));
  const number = (kind: "added" | "removed") => changes.filter((change) => change.kind === kind).length;
  const title = `± value change in multiline text (${plural(number("added"), "insert", "inserts")}, ${plural(number("removed"), "deletion", "deletions")})`;
  const body = changes.map(({ kind, lines }) =>
    kind === "same" ? "" : prefixLines(kind === "added" ? "+ " : "- ", lines.join("")),
  );
  return `${title}\n${body.join("")}\n`;
}

/** Each with its line feed, so that a last line with and one without differ. */
const linesOf = (text: string): readonly string[] => text.match(/[^\n]*\n|[^\n]+$/g) ?? [];

function prefixLines(prefix: string, text: string): string {
  return text
    .replace(/\n$/, "")
    .split("\n")
    .map((line) => `${prefix}${line}\n`)
    .join("");
}

/** The first line with the prefix, the others below its text. */
const withPrefix = (prefix: string, text: string): string =>
  text
    .split("\n")
    .map((line, index) => `${index === 0 ? prefix : " ".repeat(prefix.length)}${line}\n`)
    .join("");

function printReordered(from: readonly unknown[], to: readonly unknown[], columns: number): string {
  const texts = (list: readonly unknown[]) => list.map((entry) => textOf(entry) || printNeat(entry));
  const lists = [texts(from), texts(to)] as const;
  const widths = lists.map((list) => list.reduce((sum, text) => sum + width(text), 0) + 2 * (list.length - 1));
  const isShort = Math.max(...widths) < Math.floor(columns / 2);
  const body = isShort
    ? `- ${lists[0].join(", ")}\n+ ${lists[1].join(", ")}\n`
    : table(
        lists.map((list) => list.join("\n")),
        2,
        " ",
      );
  return `⇆ order changed\n${body}`;
}

/** Beside each other when that fits the terminal, else below each other. */
function arrange(blocks: readonly string[], indent: number, columns: number): string {
  const separator = "   ";
  const widths = blocks.map((block) => Math.max(...block.split("\n").map(width)));
  const total = indent + (blocks.length - 1) * separator.length + widths.reduce((sum, next) => sum + next, 0);
  if (total <= columns) return table(blocks, indent, separator);
  return blocks
    .flatMap((block) => block.split("\n"))
    .map((line) => `${" ".repeat(indent)}${line}\n`)
    .join("");
}

function table(blocks: readonly string[], indent: number, separator: string): string {
  const cells = blocks.map((block) => block.split("\n"));
  const widths = cells.map((lines) => Math.max(...lines.map(width)));
  const rows = Math.max(...cells.map((lines) => lines.length));
  const pad = " ".repeat(indent);
  return Array.from({ length: rows }, (_, row) =>
    cells
      .map((lines, column) => {
        const line = lines[row] ?? "";
        return pad + line + " ".repeat((widths[column] ?? 0) - width(line));
      })
      .join(separator)
      .replace(/ +$/, ""),
  ).join("\n");
}

const width = (text: string): number => Array.from(text).length;
