/** The figures of a cluster at rest, with what the project promises and aims at. */
import type { Figure, Target } from "./figure.ts";
import type { Looked } from "./steady-sides.ts";

export interface SteadyRecord {
  /** The peer's looks at everything, one interval each. */
  readonly peer: readonly Looked[];
  /** Sweeps that read on from where the one before was. */
  readonly watched: readonly Looked[];
  /** The one that has no memory. */
  readonly listed: readonly Looked[];
}

const mostRequests = 16;
const meanRequests = 12;
const mostRequestsWithReferences = 18;
const watchBytes = 16 * 1024;
const listBytes = 256 * 1024;

const value = (limit: number): Target => ({ relation: "<=", value: limit, of: "value", promised: true });
const aimedAt = (limit: number): Target => ({ relation: "<=", value: limit, of: "ratio", promised: false });

export function steadyFigures(
  bench: string,
  { peer, watched, listed }: SteadyRecord,
  peerName: string,
): readonly Figure[] {
  const withReferences = bench === "B1v";
  const figure = (
    metric: string,
    unit: Figure["unit"],
    driftless: number,
    { of, target }: { readonly of?: number; readonly target?: Target } = {},
  ): Figure => ({
    bench,
    metric,
    unit,
    driftless,
    ...(of === undefined ? {} : { peer: of, peerName }),
    ...(target ? { target } : {}),
  });
  const requests = watched.map((looked) => looked.requests);
  const ofPeer = mean(peer.map((looked) => looked.requests));
  const peerCpu = mean(peer.map(({ cpuSeconds }) => cpuSeconds));
  const cpu = (looks: readonly Looked[]) => mean(looks.map(({ cpuSeconds }) => cpuSeconds));
  return [
    figure("a sweep, most requests", "requests", Math.max(...requests), {
      of: ofPeer,
      target: value(withReferences ? mostRequestsWithReferences : mostRequests),
    }),
    figure("a sweep, requests, mean", "requests", mean(requests), {
      of: ofPeer,
      ...(withReferences ? {} : { target: value(meanRequests) }),
    }),
    figure("a sweep, most bytes", "bytes", Math.max(...watched.map(({ bytes }) => bytes)), {
      target: value(watchBytes),
    }),
    figure("a sweep, API server's CPU, mean", "s", cpu(watched), { of: peerCpu, target: aimedAt(0.01) }),
    figure("a sweep without memory, requests", "requests", Math.max(...listed.map((looked) => looked.requests)), {
      of: ofPeer,
      // Without memory a reference may have changed: the run that follows is counted in.
      ...(withReferences ? {} : { target: value(mostRequests) }),
    }),
    figure("a sweep without memory, bytes", "bytes", Math.max(...listed.map(({ bytes }) => bytes)), {
      target: value(listBytes),
    }),
    figure("a sweep without memory, API server's CPU", "s", cpu(listed), { of: peerCpu, target: aimedAt(0.02) }),
  ];
}

const mean = (values: readonly number[]): number =>
  values.length === 0 ? NaN : values.reduce((sum, one) => sum + one, 0) / values.length;
