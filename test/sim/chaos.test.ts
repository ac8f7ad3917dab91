import { describe, expect, it } from "vitest";

import { runChaos } from "./chaos/run-chaos.ts";

describe("runChaos", () => {
  it.each([1, 2])("ends with every cluster as in Git after sixty workers have died, seed %i", async (seed) => {
    const { kills, findings } = await runChaos({ kills: 60, seed });

    // A worker that its deadline ends is one more.
    expect(kills).toBeGreaterThanOrEqual(60);
    expect(findings).toEqual({ lost: [], orphans: [], stuck: [] });
  });

  it("repeats a run exactly", async () => {
    const first = await runChaos({ kills: 10, seed: 3 });
    const second = await runChaos({ kills: 10, seed: 3 });
    const other = await runChaos({ kills: 10, seed: 4 });

    expect(second.digest).toBe(first.digest);
    expect(other.digest).not.toBe(first.digest);
  });
});
