import { describe, expect, it } from "vitest";

import { trigger } from "../../../shared/lease/trigger.ts";
import { type Held, type LeasedWork, withLease } from "../../../shared/lease/with-lease.ts";
import { type LeaseWorld, START_SECONDS, aLeaseWorld } from "../../fakes/lease-world.ts";

const key = "production/kustomize.toolkit.fluxcd.io/Kustomization/flux-system/apps";
const message = { v: 1, key, why: "push" } as const;
const deadline = (START_SECONDS + 900) * 1000;

async function aTriggeredWorld(): Promise<LeaseWorld> {
  const world = aLeaseWorld();
  await trigger(world.ports, key, { why: "push" });
  return world;
}

function run(world: LeaseWorld, work: LeasedWork["work"], more: Partial<LeasedWork> = {}) {
  return withLease(world.ports, message, { owner: "run-1", deadline, work, ...more });
}

/** Work that takes so long. */
const takes =
  (world: LeaseWorld, seconds: number, end: (held: Held) => void = () => undefined) =>
  async (held: Held) => {
    await world.ports.clock.sleep(seconds * 1000, held.signal);
    end(held);
    return { kind: "done" } as const;
  };

describe("withLease", () => {
  it("releases with what the work found", async () => {
    const world = await aTriggeredWorld();

    const outcome = await run(world, async () => ({ kind: "done", seenRev: "r", againInSeconds: 30, set: { x: 1 } }));

    expect(outcome).toBe("released");
    expect(world.row(key)).toMatchObject({ seenRev: "r", schedAt: world.now() + 30, x: 1 });
  });

  it("keeps the lease over work of minutes", async () => {
    const world = await aTriggeredWorld();

    const running = run(
      world,
      takes(world, 300, (held) => {
        held.fence();
      }),
    );
    await world.pass(299);
    const leaseExp = world.row(key).leaseExp;
    await world.pass(1);

    expect(await running).toBe("released");
    expect(leaseExp).toBeGreaterThan(world.now() + 35);
  });

  it("lets no request through once the last renewal is over 45 s ago", async () => {
    const world = await aTriggeredWorld();
    const update: LeaseWorld["ports"]["table"]["update"] = async (at, what) => {
      if (what.update.startsWith("SET leaseExp = :exp, nextAt")) throw new Error("connection reset");
      return await world.ports.table.update(at, what);
    };
    const ports = { ...world.ports, table: { ...world.ports.table, update } };

    const running = withLease(ports, message, {
      owner: "run-1",
      deadline,
      work: takes(world, 46, (held) => {
        held.fence();
      }),
    });
    await world.pass(46);

    // The row is still ours: another invocation goes on.
    expect(await running).toBe("continued");
  });

  it("ends the work and triggers the object when its lease was taken after it wrote", async () => {
    const world = await aTriggeredWorld();

    const running = run(world, async (held) => {
      held.fenceWrite();
      return await takes(world, 120)(held);
    });
    await world.pass(1);
    await world.ports.table.update({ pk: `OB#${key}`, sk: "RUN" }, { update: "ADD tok :one", values: { ":one": 1 } });
    await world.pass(30);

    expect(await running).toBe("lost");
    expect(world.row(key).reqSeq).toBe(2);
  });

  it("continues in another invocation when the deadline cuts it off", async () => {
    const world = await aTriggeredWorld();

    const running = run(world, takes(world, 1000));
    await world.pass(899);

    expect(await running).toBe("continued");
    expect(world.row(key)).toMatchObject({ doneSeq: 0, cont: 1 });
  });

  it("hands the recorded progress to the next run, and gives up on the third that comes no further", async () => {
    const world = await aTriggeredWorld();
    const seen: (string | undefined)[] = [];
    const work = async (held: Held) => {
      seen.push(held.progress);
      return { kind: "continue", progress: "stage 2" } as const;
    };
    const outcomes: string[] = [];
    for (const owner of ["a", "b", "c"]) {
      const onStuck = async () => ({ kind: "done", againInSeconds: 120 }) as const;
      outcomes.push(await run(world, work, { owner, onStuck }));
    }

    expect(outcomes).toEqual(["continued", "continued", "released"]);
    expect(seen).toEqual([undefined, "stage 2", "stage 2"]);
    expect(world.row(key).schedAt).toBe(world.now() + 120);
  });

  it("reports the run that came no further, once, whether or not anybody says what follows", async () => {
    const world = await aTriggeredWorld();
    const work = async () => ({ kind: "continue", progress: "stage 2" }) as const;
    const reported: string[] = [];
    const report: LeasedWork["report"] = (end, { lease }) => void reported.push(`${end} ${lease.key}`);

    for (const owner of ["a", "b", "c"]) await run(world, work, { owner, report });

    expect(reported).toEqual([`stuck ${key}`]);
    expect(world.row(key).schedAt).toBe(world.now() + 60);
  });

  it("lets a defect through and leaves the lease to expire", async () => {
    const world = await aTriggeredWorld();
    const defect = async () => {
      throw new TypeError("undefined is not a function");
    };

    await expect(run(world, defect)).rejects.toThrow(TypeError);
    expect(world.row(key)).toHaveProperty("leaseExp");
  });

  it("says so after five deaths, rests for an hour, and runs at once when triggered", async () => {
    const world = await aTriggeredWorld();
    const defect = async () => Promise.reject(new TypeError("defect"));
    const deaths: number[] = [];
    const reported: string[] = [];
    const report = (end: string) => void reported.push(end);
    const onDeaths = async (_: Held, count: number) => {
      deaths.push(count);
      return { set: { dead: true } };
    };
    for (let i = 0; i < 5; i++) {
      await run(world, defect, { owner: `run-${i}`, onDeaths, report }).catch(() => undefined);
      await world.pass(61);
    }

    const outcome = await run(world, defect, { owner: "run-6", onDeaths, report });

    expect(outcome).toBe("released");
    expect(deaths).toEqual([5]);
    expect(reported).toEqual(Array<string>(5).fill("died"));
    expect(world.row(key)).toMatchObject({ attempts: 0, dead: true, schedAt: world.now() + 3600 });
    await trigger(world.ports, key, { why: "push" });
    expect(await run(world, async () => ({ kind: "done" }), { owner: "run-7" })).toBe("released");
  });
});
