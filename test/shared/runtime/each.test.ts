import { describe, expect, it } from "vitest";

import { each } from "../../../shared/runtime/each.ts";

const soon = () => new Promise<void>((resolve) => setTimeout(resolve, 1));

describe("each", () => {
  it("does all of it, so many at a time", async () => {
    const done: number[] = [];
    let running = 0;
    let most = 0;
    await each([1, 2, 3, 4, 5], 2, async (item) => {
      most = Math.max(most, (running += 1));
      await soon();
      running -= 1;
      done.push(item);
    });
    expect(done).toHaveLength(5);
    expect(most).toBe(2);
  });

  it("throws the failure when nothing runs any more, and begins nothing new", async () => {
    const done: number[] = [];
    const work = each([1, 2, 3, 4], 2, async (item) => {
      if (item === 1) throw new Error("first");
      await soon();
      done.push(item);
    });
    await expect(work).rejects.toThrow("first");
    expect(done).toEqual([2]);
  });
});
