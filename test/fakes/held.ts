/** A lease that is held and stays so, for tests of what a worker does under it. */
import type { Item } from "../../shared/lease/ports.ts";
import type { Held } from "../../shared/lease/with-lease.ts";

export function aHeld(key: string, { row = {}, ...more }: Partial<Held> & { readonly row?: Item } = {}): Held {
  return {
    lease: { key, token: 1, runSeq: 1, attempts: 1, row, acquiredAt: 0 },
    progress: undefined,
    signal: new AbortController().signal,
    fence: () => undefined,
    fenceWrite: () => undefined,
    isDeadlineNear: () => false,
    ...more,
  };
}
