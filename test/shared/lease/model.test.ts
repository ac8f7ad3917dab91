import { describe, expect, it } from "vitest";

import type { Update } from "../../../shared/lease/ports.ts";
import { explore } from "./model/explore.ts";
import type { Budget } from "./model/state.ts";
import { type Protocol, realProtocol } from "./model/steps.ts";

const none: Budget = { triggers: 1, faults: 0, schedules: 0, continues: 0, renewals: 0, pauses: 1 };

/** Small enough for every run of the tests. */
const small: readonly [string, Budget][] = [
  ["a trigger, a fault, a pause", { ...none, faults: 1 }],
  ["a trigger and two pauses", { ...none, pauses: 2 }],
  ["two triggers and a pause", { ...none, triggers: 2 }],
  ["two triggers and a fault", { ...none, triggers: 2, faults: 1, pauses: 0 }],
  ["a retry and a fault", { ...none, schedules: 1, faults: 1, pauses: 0 }],
  ["a run in two parts, a renewal and a fault", { ...none, continues: 1, renewals: 1, faults: 1, pauses: 0 }],
];

/** `DRIFTLESS_MODEL=full`: some minutes. */
const full: readonly [string, Budget][] = [
  ["two triggers, a fault, two pauses", { ...none, triggers: 2, faults: 1, pauses: 2 }],
  ["a trigger, two faults, two pauses", { ...none, faults: 2, pauses: 2 }],
  ["everything once", { triggers: 2, faults: 1, schedules: 1, continues: 1, renewals: 1, pauses: 1 }],
];

const cases = process.env.DRIFTLESS_MODEL === "full" ? [...small, ...full] : small;

describe("the lease protocol", () => {
  it.each(cases)(
    "forgets nothing, comes to rest and lets one run hold the lease: %s",
    (_, budget) => {
      const { states, leftToTheSweep, violation } = explore(realProtocol, budget);

      expect(violation).toBeUndefined();
      expect(states).toBeGreaterThan(100);
      // Only late writes whose process is killed before it can say so.
      expect(leftToTheSweep).toBeLessThan(states / 50);
    },
    600_000,
  );

  it.each<[string, Partial<Protocol>, Budget]>([
    [
      "a trigger without a due time",
      { triggerUpdate: without(realProtocol.triggerUpdate, ", dpk = :shard", ":shard") },
      { ...none, faults: 1, pauses: 0 },
    ],
    [
      "an acquisition that keeps the token",
      {
        acquireUpdate: (at) => {
          const { update, ...rest } = realProtocol.acquireUpdate(at);
          return {
            ...rest,
            update: update.replace("tok = if_not_exists(tok, :zero) + :one", "tok = if_not_exists(tok, :one)"),
          };
        },
      },
      { ...none, pauses: 2 },
    ],
    [
      "a release that does not look for new requests",
      { releaseUpdate: (at) => relax(realProtocol.releaseUpdate(at), "reqSeq = :run", "reqSeq >= :run") },
      { ...none, triggers: 2, pauses: 0 },
    ],
    [
      "a tick whose claims are refused",
      { claimUpdate: (at) => relax(realProtocol.claimUpdate(at), "nextAt = :seen", "nextAt <> :seen") },
      { ...none, faults: 1, pauses: 0 },
    ],
    [
      "an idle row that stays in the due index",
      {
        releaseUpdate: (at) => relax(realProtocol.releaseUpdate(at), "", "", ", nextAt, dpk"),
        nothingDueUpdate: (at) => ({
          ...realProtocol.nothingDueUpdate(at),
          update: "SET nextAt = :seen",
          condition: "nextAt = :seen",
          values: { ":seen": at.seen },
        }),
      },
      none,
    ],
  ])("is seen to fail with %s", (_, broken, budget) => {
    const { violation } = explore({ ...realProtocol, ...broken }, budget, 8_000);

    expect(violation?.promise).toBeDefined();
  });
});

function relax(update: Update, from: string, to: string, drop = ""): Update {
  const { condition = "" } = update;
  if (!condition.includes(from) || !update.update.includes(drop)) throw new Error(`nothing to break: ${from}${drop}`);
  return { ...update, update: update.update.replace(drop, ""), condition: condition.replace(from, to) };
}

function without<A>(of: (at: A) => Update, text: string, value: `:${string}`): (at: A) => Update {
  return (at) => {
    const { update, values, ...rest } = of(at);
    if (!update.includes(text)) throw new Error(`nothing to break: ${text}`);
    return {
      ...rest,
      update: update.replace(text, ""),
      values: Object.fromEntries(Object.entries(values).filter(([name]) => name !== value)),
    };
  };
}
