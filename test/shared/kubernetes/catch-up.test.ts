import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { catchUp } from "../../../shared/kubernetes/catch-up.ts";
import type { Cluster, WatchEvent, WatchOptions } from "../../../shared/kubernetes/cluster.ts";
import { createMemoryCluster } from "../../fakes/memory-cluster.ts";

const view = { apiVersion: "v1", kind: "ConfigMap" };
const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis));

/** Opens after a while, then has something to tell every 50 ms. */
function chatty(openMillis: number): Cluster {
  return {
    ...createMemoryCluster(),
    async *watch(_apiVersion: string, _kind: string, { onOpen, signal }: WatchOptions): AsyncIterable<WatchEvent> {
      await pause(openMillis);
      onOpen?.();
      for (let version = 1; signal?.aborted !== true; version += 1) {
        await pause(50);
        const metadata = { name: "leader", namespace: "apps", resourceVersion: `${version}` };
        yield { type: "MODIFIED", object: { ...view, metadata } };
      }
    },
  };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("catchUp", () => {
  it.each([0, 8_000])(
    "calls a kind busy that never falls silent, five seconds after it opened at %s ms",
    async (open) => {
      const start = Date.now();
      const found = catchUp(chatty(open), view, "1", { silenceMillis: 100 }).then(({ kind }) => [
        kind,
        Date.now() - start,
      ]);
      await vi.advanceTimersByTimeAsync(20_000);
      expect(await found).toEqual(["busy", open + 5_050]);
    },
  );
});
