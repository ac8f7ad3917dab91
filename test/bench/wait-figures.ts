/** The figures of B9 and B10, with what the project promises and aims at. */
import type { Figure, Target } from "./figure.ts";
import type { Measured } from "./wait.ts";

export interface WaitRecord {
  /** One Kustomization after the other, in milliseconds. */
  readonly idle: number[];
  readonly all: Map<number, { readonly cold: Measured; readonly cached: Measured }>;
}

const mostRequests = 15;
const shareOfRequests = 0.45;
const coldRatio = 1 / 2;
const cachedRatio = 1 / 3;
const noticedWithinSeconds = 0.05;

const target = (value: number, of: Target["of"], promised: boolean): Target => ({
  relation: "<=",
  value,
  of,
  promised,
});

export function waitFigures(
  benches: readonly string[],
  sizes: readonly number[],
  driftless: WaitRecord,
  peer: WaitRecord,
  peerName: string,
): readonly Figure[] {
  const figure = (bench: string, metric: string, unit: Figure["unit"], of: Of, aim?: Target): Figure => ({
    bench,
    metric,
    unit,
    driftless: of(driftless),
    peer: of(peer),
    peerName,
    ...(aim ? { target: aim } : {}),
  });
  const ofSize = (size: number): readonly Figure[] => {
    const what = `${size.toLocaleString("en-US")} Kustomizations`;
    const cold = (record: WaitRecord) => record.all.get(size)?.cold;
    const cached = (record: WaitRecord) => record.all.get(size)?.cached;
    const each = (record: WaitRecord) => round((cold(record)?.requests ?? NaN) / size);
    const noticed = (share: number) => (record: WaitRecord) => quantile(cold(record)?.noticed ?? [], share) / 1000;
    return [
      figure(
        "B9",
        `${what}, cold builds, all Ready`,
        "s",
        (record) => cold(record)?.seconds ?? NaN,
        target(coldRatio, "ratio", false),
      ),
      figure(
        "B9",
        `${what}, cached builds, all Ready`,
        "s",
        (record) => cached(record)?.seconds ?? NaN,
        target(cachedRatio, "ratio", false),
      ),
      figure("B9", `${what}, requests each`, "requests", each, target(mostRequests, "value", true)),
      figure("B9", `${what}, requests each, share`, "requests", each, target(shareOfRequests, "ratio", true)),
      figure("B10", `ready → noticed among ${size.toLocaleString("en-US")}, median`, "s", noticed(0.5)),
      figure("B10", `ready → noticed among ${size.toLocaleString("en-US")}, p95`, "s", noticed(0.95)),
    ];
  };
  const idle = figure(
    "B10",
    "ready → noticed, idle server, median",
    "s",
    ({ idle: all }) => quantile(all, 0.5) / 1000,
    target(noticedWithinSeconds, "value", true),
  );
  return [...(benches.includes("B9") ? sizes.flatMap(ofSize) : []), ...(benches.includes("B10") ? [idle] : [])];
}

type Of = (record: WaitRecord) => number;

const round = (value: number): number => Math.round(value * 100) / 100;

/** NaN, and so short of every target, when nothing was measured. */
export function quantile(all: readonly number[], share: number): number {
  const sorted = [...all].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? NaN;
}
