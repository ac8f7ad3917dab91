import { describe, expect, it } from "vitest";

import { keepOpened } from "../../../shared/aws/opened-clusters.ts";
import { fakeClock } from "../../fakes/fake-clock.ts";
import { createMemoryCluster } from "../../fakes/memory-cluster.ts";

function aWorld() {
  const clock = fakeClock();
  const lost: (() => void)[] = [];
  const connected: string[] = [];
  let failure: Error | undefined;
  const open = keepOpened(async (name, purpose, loses) => {
    connected.push(`${name} ${purpose}`);
    lost.push(loses);
    if (failure) throw failure;
    return createMemoryCluster();
  }, clock);
  return { clock, lost, connected, open, fail: (error: Error | undefined) => void (failure = error) };
}

const minute = 60_000;

describe("an opened cluster", () => {
  it("is kept for a day, for each purpose", async () => {
    const { clock, connected, open } = aWorld();
    const first = await open("one", "apply");
    clock.advance(23 * 60 * minute);

    expect(await open("one", "apply")).toBe(first);
    await open("one", "sweep");
    clock.advance(60 * minute);
    expect(await open("one", "apply")).not.toBe(first);
    expect(connected).toEqual(["one apply", "one sweep", "one apply"]);
  });

  it("is looked for again once it did not answer: it may have been made anew", async () => {
    const { clock, lost, open } = aWorld();
    const first = await open("one", "apply");
    clock.advance(minute);

    lost[0]?.();

    expect(await open("one", "apply")).not.toBe(first);
  });

  it("is not looked for again within a minute, for a cluster that is down is asked often", async () => {
    const { clock, lost, open } = aWorld();
    const first = await open("one", "apply");
    clock.advance(minute - 1);

    lost[0]?.();

    expect(await open("one", "apply")).toBe(first);
  });

  it("is not forgotten for what the one before it lost", async () => {
    const { clock, lost, open } = aWorld();
    await open("one", "apply");
    clock.advance(minute);
    lost[0]?.();
    const second = await open("one", "apply");
    clock.advance(minute);

    lost[0]?.();

    expect(await open("one", "apply")).toBe(second);
  });

  it("is opened again after it could not be", async () => {
    const { open, fail } = aWorld();
    fail(new Error("denied"));
    await expect(open("one", "apply")).rejects.toThrow("denied");
    fail(undefined);

    await open("one", "apply");
  });
});
