import { describe, expect, it } from "vitest";

import type { Item } from "../../../shared/lease/ports.ts";
import { tick } from "../../../shared/schedule/tick.ts";
import { fakeClock } from "../../fakes/fake-clock.ts";
import { createMemoryTable } from "../../fakes/memory-table.ts";

const clock = fakeClock();
const now = clock.now() / 1000;

async function tickWith(sweptAt: Readonly<Record<string, number | undefined>>, more: Item = {}) {
  const table = createMemoryTable();
  for (const [name, at] of Object.entries(sweptAt))
    if (at !== undefined || Object.keys(more).length > 0)
      await table.put({ pk: `CL#${name}`, sk: "META", v: 1, ...(at === undefined ? {} : { sweptAt: at }), ...more });
  const did: string[] = [];
  const clusters = Object.keys(sweptAt).map((name) => ({ name, arn: `arn:aws:eks:eu-west-1:1:cluster/${name}` }));
  const answer = await tick(
    { engine: "main", clusters },
    {
      table,
      clock,
      claimDue: async () => did.push("claim") + 6,
      trigger: async (key, why) => void did.push(`${key} ${why}`),
      sweepAge: (cluster, seconds) => void did.push(`${cluster} ${seconds}s`),
    },
  );
  return { answer, did };
}

describe("the tick", () => {
  it("sends what is due first and says how much", async () => {
    expect(await tickWith({})).toEqual({ answer: { claimed: 7 }, did: ["claim"] });
  });

  it.each<[string, number | undefined, readonly string[]]>([
    ["that was never swept", undefined, ["one 0s", "one/sweep tick"]],
    ["that was just swept", now, ["one 0s"]],
    ["whose sweep is at the limit", now - 150, ["one 150s"]],
    ["whose sweep is overdue", now - 151, ["one 151s", "one/sweep tick"]],
  ])("looks after a cluster %s", async (_, sweptAt, expected) => {
    expect((await tickWith({ one: sweptAt })).did).toEqual(["claim", ...expected]);
  });

  it("tells for how long the first sweep of a cluster was asked for in vain", async () => {
    const { did } = await tickWith({ one: undefined }, { askedAt: now - 400 });
    expect(did).toEqual(["claim", "one 400s", "one/sweep tick"]);
  });

  it("leaves a sweep alone that rests, and asks for it again when that is over", async () => {
    expect((await tickWith({ one: now - 500 }, { restUntil: now + 1 })).did).toEqual(["claim", "one 500s"]);
    expect((await tickWith({ one: now - 500 }, { restUntil: now })).did).toEqual([
      "claim",
      "one 500s",
      "one/sweep tick",
    ]);
  });

  it("looks after each cluster", async () => {
    const { did } = await tickWith({ one: now - 10, two: undefined, three: now - 500 });
    expect(did).toEqual(["claim", "one 10s", "two 0s", "two/sweep tick", "three 500s", "three/sweep tick"]);
  });
});
