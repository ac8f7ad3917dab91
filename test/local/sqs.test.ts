import { describe, expect, it } from "vitest";

import type { Clock } from "../../shared/runtime/clock.ts";
import { type QueueSettings, createSqs } from "../../local/aws/sqs.ts";
import { createFaults, parseFaults, standardFaults } from "../../local/faults.ts";
import { createRandom } from "../../local/random.ts";

const queue: QueueSettings = {
  ...{ name: "work", arn: "arn:aws:sqs:eu-west-1:1:work", visibilityTimeoutSeconds: 330, delaySeconds: 0 },
  ...{ retentionSeconds: 21_600, receiveWaitSeconds: 0, maximumMessageBytes: 1000 },
};

/** Time that passes only when somebody waits for it. */
function virtualClock(): Clock & { advance(seconds: number): void } {
  let now = 1_700_000_000_000;
  return {
    now: () => now,
    sleep: async (milliseconds) => {
      await Promise.resolve();
      now += milliseconds;
    },
    advance: (seconds) => {
      now += seconds * 1000;
    },
  };
}

function world(faults = createFaults()) {
  const clock = virtualClock();
  return {
    clock,
    sqs: createSqs({ queues: [queue], clock, random: createRandom(1), fate: (name) => faults.fate(name) }),
  };
}

describe("createSqs", () => {
  it("hides a message for its delay and for its visibility timeout, on a virtual clock", async () => {
    const { clock, sqs } = world();
    sqs.send(queue.arn, "later", { delaySeconds: 900 });

    const started = clock.now();
    const [first] = await sqs.receive(queue.arn, { waitSeconds: 901 });
    expect(clock.now() - started).toBe(900_000);
    expect(await sqs.receive(queue.arn)).toEqual([]);
    clock.advance(330);
    const [second] = await sqs.receive(queue.arn);

    expect([first?.receiveCount, second?.receiveCount]).toEqual([1, 2]);
    expect(second?.receiptHandle).not.toBe(first?.receiptHandle);
  });

  it("does not delete by a receipt that is no longer the newest", async () => {
    const { clock, sqs } = world();
    sqs.send(queue.arn, "twice");
    const [first] = await sqs.receive(queue.arn);
    clock.advance(331);
    await sqs.receive(queue.arn);

    sqs.delete(queue.arn, first!.receiptHandle);

    expect(sqs.counts(queue.arn).inFlight).toBe(1);
  });

  it("prefers the group with the fewest messages in flight", async () => {
    const { sqs } = world();
    for (const body of ["a1", "a2", "a3"]) sqs.send(queue.arn, body, { groupId: "a" });
    await sqs.receive(queue.arn);
    sqs.send(queue.arn, "b1", { groupId: "b" });

    const [next] = await sqs.receive(queue.arn);

    expect(next?.body).toBe("b1");
  });

  it("drops messages at the end of their retention", async () => {
    const { clock, sqs } = world();
    sqs.send(queue.arn, "old");
    clock.advance(21_600);

    expect(await sqs.receive(queue.arn)).toEqual([]);
  });

  it("doubles and loses messages by seeded chance, the same way twice", () => {
    const run = () => {
      const { sqs } = world(createFaults(parseFaults("seed=7,duplicate=0.3,lose=0.3")));
      return Array.from({ length: 50 }, (_, index) => {
        const before = sqs.counts(queue.arn).visible;
        sqs.send(queue.arn, String(index));
        return sqs.counts(queue.arn).visible - before;
      });
    };

    expect(run()).toEqual(run());
    expect(new Set(run())).toEqual(new Set([0, 1, 2]));
  });
});

describe("parseFaults", () => {
  it("takes a seed alone for the usual mix", () => {
    expect(parseFaults("seed=9")).toEqual(standardFaults(9));
    expect(parseFaults("9")).toEqual(standardFaults(9));
    expect(parseFaults("kill=0.5")).toEqual({ seed: 1, kill: 0.5 });
  });

  it("names what it does not understand", () => {
    expect(() => parseFaults("seed=1,explode=1")).toThrow("fault explode=1 is not understood");
    expect(() => parseFaults("kill=2")).toThrow("fault kill=2 is not understood");
    expect(() => parseFaults("often")).toThrow(
      "write a seed alone, e.g. 7, or seed=<number> and any of duplicate, lose",
    );
  });
});
