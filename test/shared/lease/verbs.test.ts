import { describe, expect, it } from "vitest";

import { acquire } from "../../../shared/lease/acquire.ts";
import { claimDue } from "../../../shared/lease/claim.ts";
import { continueLater } from "../../../shared/lease/continue-later.ts";
import type { Lease } from "../../../shared/lease/lease.ts";
import { indexKeys, type Table, type Update } from "../../../shared/lease/ports.ts";
import { register } from "../../../shared/lease/register.ts";
import { release } from "../../../shared/lease/release.ts";
import { renew } from "../../../shared/lease/renew.ts";
import { retire } from "../../../shared/lease/retire.ts";
import { type LeasePorts, padTime, rowKey } from "../../../shared/lease/row.ts";
import { trigger } from "../../../shared/lease/trigger.ts";
import { type LeaseWorld, aLeaseWorld } from "../../fakes/lease-world.ts";

const key = "production/kustomize.toolkit.fluxcd.io/Kustomization/flux-system/apps";
const push = { why: "push" };

async function held(world: LeaseWorld, owner = "run-1"): Promise<Lease> {
  const acquired = await acquire(world.ports, key, owner);
  if (acquired.kind !== "acquired") throw new Error(`${owner} did not get the lease: ${acquired.kind}`);
  return acquired.lease;
}

/** The SDK repeats a write whose reply was lost. */
function withLostReplies(ports: LeasePorts): LeasePorts {
  const table: Table = {
    ...ports.table,
    update: async (at, update) => {
      await ports.table.update(at, update);
      return await ports.table.update(at, update);
    },
  };
  return { ...ports, table };
}

describe("trigger", () => {
  it("sends the first request at once and counts those that follow", async () => {
    const world = aLeaseWorld();

    const outcomes = [await trigger(world.ports, key, push), await trigger(world.ports, key, push)];

    expect(outcomes).toEqual(["sent", "coalesced"]);
    expect(world.sent).toEqual([{ message: { v: 1, key, why: "push" }, delay: 0 }]);
    expect(world.row(key)).toMatchObject({ reqSeq: 2, doneSeq: 0, nextAt: padTime(world.now() + 60) });
  });

  it("sends again when the announced message has not come within a minute", async () => {
    const world = aLeaseWorld();
    await trigger(world.ports, key, push);
    await world.pass(61);

    expect(await trigger(world.ports, key, push)).toBe("sent");
  });

  it("sends although the reply of its own announcement was lost", async () => {
    const world = aLeaseWorld();

    expect(await trigger(withLostReplies(world.ports), key, push)).toBe("sent");
    expect(world.sent).toHaveLength(1);
  });

  it("registers what finds the row before it asks for a run", async () => {
    const world = aLeaseWorld();

    await trigger(world.ports, key, { ...push, register: { rpk: "SR#x", rsk: key, uid: "u-1" } });

    expect(world.row(key)).toMatchObject({ rpk: "SR#x", rsk: key, uid: "u-1", v: 1, reqSeq: 1 });
  });
});

describe("register", () => {
  it("forgets what was learnt of another API server, but never a token", async () => {
    const world = aLeaseWorld();
    await trigger(world.ports, key, { ...push, register: { uid: "u-1" } });
    await release(world.ports, await held(world), { seenRev: "main@sha1:1", wrote: true });

    await register(world.ports, key, { uid: "u-2" });

    expect(world.row(key)).toMatchObject({ uid: "u-2", tok: 1, reqSeq: 1, doneSeq: 1 });
    expect(world.row(key)).not.toHaveProperty("seenRev");
  });
});

describe("retire", () => {
  it("takes a row out of every index, so that it is never due again", async () => {
    const world = aLeaseWorld();
    await trigger(world.ports, key, { ...push, register: { rpk: "SR#x", rsk: key, vpk: "CL#a", vsk: key } });

    await retire(world.ports, key);
    await world.pass(600);

    expect(await claimDue(world.ports)).toMatchObject({ sent: 0 });
    const row = world.row(key);
    for (const { pk, sk } of Object.values(indexKeys)) expect([row[pk], row[sk]]).toEqual([undefined, undefined]);
  });

  it("leaves a row that is asked for again at once", async () => {
    const world = aLeaseWorld();
    await trigger(world.ports, key, push);
    await retire(world.ports, key);

    expect(await trigger(world.ports, key, push)).toBe("sent");
    expect(await held(world)).toMatchObject({ runSeq: 2 });
  });

  it("makes no row of a key that has none", async () => {
    const world = aLeaseWorld();

    await retire(world.ports, key);

    expect(world.ports.table.items()).toEqual([]);
  });
});

describe("acquire", () => {
  it("takes what is asked", async () => {
    const world = aLeaseWorld();
    await trigger(world.ports, key, push);

    expect(await held(world)).toMatchObject({ key, token: 1, runSeq: 1, attempts: 1 });
    expect(world.row(key)).not.toHaveProperty("pend");
  });

  it("is no refusal when the reply of its own acquisition was lost", async () => {
    const world = aLeaseWorld();
    await trigger(world.ports, key, push);

    expect(await acquire(withLostReplies(world.ports), key, "run-1")).toMatchObject({ kind: "acquired" });
  });

  it("parks one successor for the end of a living lease", async () => {
    const world = aLeaseWorld();
    await trigger(world.ports, key, push);
    await held(world);

    const outcomes = [await acquire(world.ports, key, "run-2"), await acquire(world.ports, key, "run-3")];

    expect(outcomes).toEqual([{ kind: "busy" }, { kind: "busy" }]);
    expect(world.sent.slice(1)).toEqual([{ message: expect.objectContaining({ key }) as unknown, delay: 61 }]);
  });

  it("takes over a minute after its holder died", async () => {
    const world = aLeaseWorld();
    await trigger(world.ports, key, push);
    await held(world);
    await world.pass(61);

    expect(await held(world, "run-2")).toMatchObject({ token: 2, attempts: 2 });
  });

  it("takes an idle row out of the due index", async () => {
    const world = aLeaseWorld();
    await trigger(world.ports, key, push);
    await release(world.ports, await held(world), { wrote: false });
    await world.ports.table.update(rowKey(key), {
      update: "SET nextAt = :n, dpk = :d",
      values: { ":n": "1", ":d": "D#1" },
    });

    expect(await acquire(world.ports, key, "run-2")).toEqual({ kind: "idle" });
    expect(world.row(key)).not.toHaveProperty("nextAt");
  });

  it("is idle for an object that nobody asked for", async () => {
    expect(await acquire(aLeaseWorld().ports, key, "run-1")).toEqual({ kind: "idle" });
  });

  it("refuses the row of a newer version", async () => {
    const world = aLeaseWorld();
    await world.ports.table.put({ ...rowKey(key), v: 2, reqSeq: 1, doneSeq: 0 });

    await expect(acquire(world.ports, key, "run-1")).rejects.toThrow("schema 2");
  });
});

describe("renew", () => {
  it("prolongs the lease and is refused once another run has it", async () => {
    const world = aLeaseWorld();
    await trigger(world.ports, key, push);
    const lease = await held(world);
    await world.pass(20);
    const first = await renew(world.ports, lease);
    await world.pass(61);
    await held(world, "run-2");

    expect([first, await renew(world.ports, lease)]).toEqual([true, false]);
  });
});

describe("release", () => {
  it("leaves an idle row that is in no index of due rows", async () => {
    const world = aLeaseWorld();
    await trigger(world.ports, key, push);

    const outcome = await release(world.ports, await held(world), {
      seenRev: "main@sha1:1",
      set: { ready: true, digest: "d" },
      wrote: true,
    });

    expect(outcome).toBe("released");
    expect(world.row(key)).toMatchObject({ doneSeq: 1, attempts: 0, seenRev: "main@sha1:1", ready: true, digest: "d" });
    for (const name of ["nextAt", "dpk", "leaseExp", "owner", "schedAt"])
      expect(world.row(key)).not.toHaveProperty(name);
  });

  it("sends a near time itself and leaves a far one to the tick", async () => {
    const world = aLeaseWorld();
    await trigger(world.ports, key, push);
    const near = world.now() + 30;
    await release(world.ports, await held(world), { schedAt: near, wrote: false });
    const sentNear = world.sent.at(-1);
    await world.pass(30);
    const far = world.now() + 600;
    await release(world.ports, await held(world, "run-2"), { schedAt: far, wrote: false });

    expect(sentNear?.delay).toBe(30);
    expect(world.sent).toHaveLength(2);
    expect(world.row(key)).toMatchObject({ schedAt: far, nextAt: padTime(far) });
  });

  it("announces the next run when something was asked meanwhile", async () => {
    const world = aLeaseWorld();
    await trigger(world.ports, key, push);
    const lease = await held(world);
    await trigger(world.ports, key, push);

    expect(await release(world.ports, lease, { wrote: true })).toBe("again");
    expect(await held(world, "run-2")).toMatchObject({ runSeq: 2 });
  });

  it("is done although its reply was lost", async () => {
    const world = aLeaseWorld();
    await trigger(world.ports, key, push);
    const lease = await held(world);

    expect(await release(withLostReplies(world.ports), lease, { schedAt: world.now() + 10, wrote: true })).toBe(
      "released",
    );
    expect(world.sent.at(-1)?.delay).toBe(10);
  });

  it.each([
    [true, 2],
    [false, 1],
  ])("triggers the object when its lease was taken and it wrote: %s", async (wrote, requests) => {
    const world = aLeaseWorld();
    await trigger(world.ports, key, push);
    const late = await held(world);
    await world.pass(61);
    await release(world.ports, await held(world, "run-2"), { wrote: true });

    expect(await release(world.ports, late, { wrote })).toBe("lost");
    expect(world.row(key).reqSeq).toBe(requests);
  });
});

describe("continueLater", () => {
  it("hands over its progress and leaves the request unserved", async () => {
    const world = aLeaseWorld();
    await trigger(world.ports, key, push);

    expect(await continueLater(world.ports, await held(world), { progress: "stage 2", wrote: true })).toBe("continued");
    expect(world.row(key)).toMatchObject({ doneSeq: 0, progress: "stage 2", cont: 1, attempts: 0 });
    expect((await held(world, "run-2")).row).toMatchObject({ progress: "stage 2" });
  });

  it("is stuck at the third run that ends at the same place", async () => {
    const world = aLeaseWorld();
    await trigger(world.ports, key, push);
    const outcomes: string[] = [];
    for (const owner of ["run-1", "run-2", "run-3"]) {
      outcomes.push(await continueLater(world.ports, await held(world, owner), { progress: "stage 2", wrote: true }));
    }

    expect(outcomes).toEqual(["continued", "continued", "stuck"]);
  });

  it("leaves a long chain to the due index", async () => {
    const world = aLeaseWorld();
    await trigger(world.ports, key, push);
    for (let run = 1; run <= 13; run++) {
      await continueLater(world.ports, await held(world, `run-${run}`), { progress: `${run}`, wrote: true });
    }

    expect(world.sent).toHaveLength(13);
    expect(world.row(key)).toMatchObject({ nextAt: padTime(world.now() + 1), cont: 13 });
  });
});

describe("claimDue", () => {
  it("sends what is due within 150 s, to the second, and only once", async () => {
    const world = aLeaseWorld();
    await trigger(world.ports, key, push);
    await world.pass(10);

    const claims = [await claimDue(world.ports), await claimDue(world.ports)];

    expect(claims.map(({ sent }) => sent)).toEqual([1, 0]);
    expect(world.sent.at(-1)).toMatchObject({ message: { key, why: "due" }, delay: 50 });
  });

  it("leaves alone what its releaser has sent, until that is overdue", async () => {
    const world = aLeaseWorld();
    await trigger(world.ports, key, push);
    await release(world.ports, await held(world), { schedAt: world.now() + 60, wrote: false });
    const early = await claimDue(world.ports);
    await world.pass(65);

    expect([early.sent, (await claimDue(world.ports)).sent]).toEqual([0, 1]);
  });

  it("sends although the reply of its claim was lost", async () => {
    const world = aLeaseWorld();
    await trigger(world.ports, key, push);

    expect((await claimDue(withLostReplies(world.ports))).sent).toBe(1);
  });

  it("counts what was asked for a quarter of an hour ago and is not being worked on", async () => {
    const world = aLeaseWorld();
    await trigger(world.ports, key, push);
    await trigger(world.ports, `${key}-2`, push);
    await release(world.ports, await held(world), { schedAt: world.now() + 60, wrote: false });
    await world.pass(900);
    const early = (await claimDue(world.ports)).overdue;
    await world.pass(300);
    const late = (await claimDue(world.ports)).overdue;
    await acquire(world.ports, key, "run-2");
    await world.pass(300);

    expect([early, late]).toEqual([0, 2]);
    expect((await claimDue(world.ports)).overdue).toBe(2);
  });

  it("goes on after a row that fails, and hands the failure back", async () => {
    const world = aLeaseWorld();
    await trigger(world.ports, key, push);
    await trigger(world.ports, `${key}-2`, push);
    let calls = 0;
    const update = async (at: Parameters<Table["update"]>[0], what: Update) => {
      if (calls++ === 0) throw new Error("throttled");
      return await world.ports.table.update(at, what);
    };

    const claimed = await claimDue({ ...world.ports, table: { ...world.ports.table, update } });

    expect(claimed).toMatchObject({ sent: 1, failures: [{ message: "throttled" }] });
  });
});
