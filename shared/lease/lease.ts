/** A lease that was acquired: the token that every later write of the run is checked against. */
import type { Item } from "./ports.ts";

export interface Lease {
  readonly key: string;
  /** Rises with every acquisition of the row. */
  readonly token: number;
  /** The requests up to this one are served by this run. */
  readonly runSeq: number;
  /** Runs since the last release, this one included: `attempts - 1` of them died. */
  readonly attempts: number;
  /** All attributes as the acquisition left them. */
  readonly row: Item;
  /** When the acquisition was asked for, in milliseconds: the lease lasts 60 s from here. */
  readonly acquiredAt: number;
}

/** What the run before this one recorded with `continueLater`; undefined for a fresh run. */
export function progressOf(lease: Lease): string | undefined {
  return typeof lease.row.progress === "string" ? lease.row.progress : undefined;
}

/** The run may write no more: its lease was taken, or it was paused for too long to be sure. */
export class LeaseLostError extends Error {
  override readonly name = "LeaseLostError";
}
