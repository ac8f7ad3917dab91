/** Tables in the exact form of Flux's: padded columns with a tab behind each, upper-case headers, no lines. */

/** Lines of a table, each with its line feed. Without a header the rows alone; a cell may have several lines. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((cell) => cell.split("\n")));
  const titles = header.map((title) => title.toUpperCase());
  const columns = Math.max(titles.length, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(width(titles[column] ?? ""), ...cells.flatMap((row) => (row[column] ?? []).map(width))),
  );
  const pad = (text: string, column: number) => text + " ".repeat(Math.max(0, (widths[column] ?? 0) - width(text)));

  // Behind the last title stands a space where rows have a tab.
  const head = titles.length > 0 ? `${titles.map(pad).join("\t")} \n` : "";
  const body = cells.map((row) => {
    const height = Math.max(1, ...row.map((lines) => lines.length));
    return Array.from({ length: height }, (_, line) => {
      const texts = row.map((lines, column) => `${pad(lines[line] ?? "", column)}\t`);
      return `${texts.join("")}\n`;
    }).join("");
  });
  return head + body.join("");
}

const width = (text: string): number => Array.from(text).length;
