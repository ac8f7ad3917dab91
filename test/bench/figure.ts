/** What a bench hands back: one measured figure of both sides, its target, and the three ways to print it. */

export interface Figure {
  /** `B3`, `B4`, … */
  readonly bench: string;
  readonly metric: string;
  readonly unit: "s" | "requests" | "objects" | "builds" | "outputs" | "bytes" | "edits" | "KB" | "MB";
  readonly driftless: number;
  readonly peer?: number;
  /** With its version, e.g. `flux 2.9.5 (kustomize-controller 1.9.5)`. */
  readonly peerName?: string;
  readonly target?: Target;
}

export interface Target {
  readonly relation: "<" | "<=" | "=";
  readonly value: number;
  /** `ratio`: Driftless divided by its peer; `value`: Driftless itself. */
  readonly of: "ratio" | "value";
  /** What the project promises; the others are what it aims at. Only a missed promise fails the command. */
  readonly promised: boolean;
}

/** Driftless divided by its peer; undefined where there is nothing to divide by. */
export function ratioOf({ driftless, peer }: Figure): number | undefined {
  return peer === undefined || peer === 0 ? undefined : driftless / peer;
}

/** Undefined without a target. A ratio that cannot be formed meets no target. */
export function isMet(figure: Figure): boolean | undefined {
  const { target } = figure;
  if (!target) return undefined;
  const measured = target.of === "ratio" ? ratioOf(figure) : figure.driftless;
  if (measured === undefined || Number.isNaN(measured)) return false;
  if (target.relation === "=") return measured === target.value;
  return target.relation === "<" ? measured < target.value : measured <= target.value;
}

export function breaksPromise(figure: Figure): boolean {
  return figure.target?.promised === true && isMet(figure) !== true;
}

export function jsonLine(figure: Figure): string {
  const { bench, metric, unit, driftless, peer, peerName, target } = figure;
  const ratio = ratioOf(figure);
  return JSON.stringify({
    bench,
    metric,
    unit,
    driftless: rounded(driftless),
    peer: peer === undefined ? null : rounded(peer),
    peerName: peerName ?? null,
    ratio: ratio === undefined ? null : rounded(ratio),
    target: target ? targetText(target) : null,
    met: isMet(figure) ?? null,
  });
}

const columns = ["bench", "metric", "Driftless", "peer", "ratio", "target", "met"] as const;

function cellsOf(figure: Figure): readonly string[] {
  const { bench, metric, unit, driftless, peer, target } = figure;
  const ratio = ratioOf(figure);
  const met = isMet(figure);
  return [
    bench,
    metric,
    valueText(driftless, unit),
    peer === undefined ? "–" : valueText(peer, unit),
    ratio === undefined ? "–" : ratio.toFixed(3),
    target ? targetText(target) : "–",
    met === undefined ? "–" : met ? "yes" : "NO",
  ];
}

export function textTable(figures: readonly Figure[]): string {
  const rows = [columns, ...figures.map(cellsOf)];
  const widths = columns.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  const isText = (column: number) => column < 2 || column > 4;
  const line = (row: readonly string[]) =>
    row.map((cell, column) => (isText(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)));
  return rows.map((row) => line(row).join("  ").trimEnd()).join("\n");
}

export function markdownTable(figures: readonly Figure[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = columns.map((_, column) => (column >= 2 && column <= 4 ? "---:" : "---"));
  return [line(columns), line(rule), ...figures.map((figure) => line(cellsOf(figure)))].join("\n");
}

export function targetText({ relation, value, of }: Target): string {
  const sign = { "<": "<", "<=": "≤", "=": "=" }[relation];
  return of === "ratio" ? `${sign} ${value} × peer` : `${sign} ${value}`;
}

const valueText = (value: number, unit: Figure["unit"]): string =>
  unit === "s" ? `${value.toFixed(3)} s` : value.toLocaleString("en-US");

const rounded = (value: number): number => Math.round(value * 10_000) / 10_000;
