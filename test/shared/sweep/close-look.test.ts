/** What follows on an act of somebody: the Flux objects of the cluster are looked at every few seconds for two minutes. */
import { describe, expect, it } from "vitest";

import { kustomizationApiVersion } from "../../../shared/api/kustomization.ts";
import { KubeError } from "../../../shared/kubernetes/cluster.ts";
import { sweep, type SweepPorts } from "../../../shared/sweep/sweep.ts";
import { createMemoryBlobs } from "../../engine/memory-blobs.ts";
import { fakeClock } from "../../fakes/fake-clock.ts";
import { aHeld } from "../../fakes/held.ts";
import { createMemoryCluster } from "../../fakes/memory-cluster.ts";
import { createMemoryTable } from "../../fakes/memory-table.ts";
import { memorySpokes } from "../../fakes/spokes.ts";

const member = { name: "one", arn: "arn:aws:eks:eu-west-1:111122223333:cluster/one" };
const ref = { apiVersion: kustomizationApiVersion, kind: "Kustomization", namespace: "flux-system", name: "apps" };
const key = "one/kustomize.toolkit.fluxcd.io/Kustomization/flux-system/apps";
const requestedAt = "reconcile.fluxcd.io/requestedAt";

async function aWorld() {
  const clock = fakeClock();
  const cluster = createMemoryCluster({ now: clock.now });
  const table = createMemoryTable({ now: clock.now });
  const triggered: string[] = [];
  const logs: string[] = [];
  const nothing = () => undefined;
  const ports: SweepPorts = {
    engine: "main",
    table,
    blobs: createMemoryBlobs(),
    clock,
    log: (event, fields = {}) => logs.push(`${event} ${String(fields.message ?? "")}`),
    trigger: async (triggeredKey, why) => void triggered.push(`${triggeredKey} ${why}`),
    openCluster: async () => cluster,
    spokes: () => memorySpokes(),
    frozen: nothing,
    unreachable: nothing,
    prunePending: nothing,
    driftStands: nothing,
    swept: nothing,
    silenceMillis: 5,
  };
  const spec = { interval: "1h", prune: true, sourceRef: { kind: "GitRepository", name: "apps" } };
  const { apiVersion, kind, namespace, name } = ref;
  const { metadata } = cluster.put({ apiVersion, kind, metadata: { namespace, name }, spec });
  /** A message that only time brought about, or that somebody asked for. */
  const run = async (asked = false) => {
    triggered.splice(0);
    cluster.forgetRequests();
    const row = { reqSeq: asked ? 2 : 1, doneSeq: 1, attempts: 1 };
    const held = aHeld("one/sweep");
    const result = await sweep(member, { ...held, lease: { ...held.lease, row } }, ports);
    const requests = [...cluster.requests];
    return { again: result.kind === "done" ? result.againInSeconds : undefined, triggered: [...triggered], requests };
  };
  /** The object has run and has nothing to do. */
  const settle = async () =>
    table.update(
      { pk: `OB#${key}`, sk: "RUN" },
      {
        update: "SET seenUid = :uid, seenGen = :gen, vpk = :vpk, vsk = :vsk",
        values: { ":uid": metadata.uid ?? "", ":gen": metadata.generation ?? 0, ":vpk": "CL#one", ":vsk": key },
      },
    );
  const ask = (value: string) => cluster.edit(ref, { metadata: { annotations: { [requestedAt]: value } } });
  await run();
  await settle();
  return { clock, cluster, run, ask, logs };
}

describe("a close look", () => {
  it("follows on a request, every four seconds, for three requests", async () => {
    const { clock, run, ask } = await aWorld();
    clock.advance(60_000);
    expect(await run()).toMatchObject({ again: 60, triggered: [] });
    ask("first");
    clock.advance(60_000);
    expect(await run()).toMatchObject({ again: 4, triggered: [`${key} requestedAt`] });

    clock.advance(4_000);
    const look = await run();
    expect(look).toMatchObject({ again: 4, triggered: [] });
    expect(look.requests).toEqual(["list Namespace", "watch GitRepository", "watch Kustomization"]);

    ask("second");
    clock.advance(4_000);
    expect(await run()).toMatchObject({ again: 4, triggered: [`${key} requestedAt`] });
  });

  it("ends after two minutes, and does not put off the whole sweep", async () => {
    const { clock, run, ask } = await aWorld();
    ask("first");
    await run();
    let whole = 0;
    for (let second = 4; second <= 116; second += 4) {
      clock.advance(4_000);
      const { again, requests } = await run();
      expect(again).toBe(4);
      if (requests.length > 3) whole += 1;
    }
    expect(whole).toBe(2);
    clock.advance(8_000);
    expect((await run()).again).toBe(60);
  });

  it("does not follow where a Flux kind is so busy that it would be listed every four seconds", async () => {
    const { clock, cluster, run, ask } = await aWorld();
    ask("first");
    expect((await run()).again).toBe(4);
    for (let count = 0; count < 501; count += 1) cluster.edit(ref, { status: { count } });
    clock.advance(4_000);
    expect((await run()).requests).toContain("list Kustomization");
    clock.advance(4_000);
    expect((await run()).again).toBe(60);
  });

  it("gives way to a sweep that was asked for", async () => {
    const { clock, run, ask } = await aWorld();
    ask("first");
    await run();
    clock.advance(4_000);
    expect((await run(true)).requests.length).toBeGreaterThan(3);
  });
});

describe("a sweep that reads on", () => {
  it("renews its ownership without reading it, and reads it when somebody wrote there", async () => {
    const { clock, cluster, run, logs } = await aWorld();
    clock.advance(60_000);
    await run();
    clock.advance(60_000);
    const ofOwnership = (requests: readonly string[]) =>
      requests.filter((request) => request.endsWith("ConfigMap/flux-system/driftless"));
    expect(ofOwnership((await run()).requests)).toEqual(["patch ConfigMap/flux-system/driftless"]);

    const ownership = { apiVersion: "v1", kind: "ConfigMap", namespace: "flux-system", name: "driftless" };
    cluster.edit(ownership, { data: { engine: "another", renewedAt: new Date(clock.now()).toISOString() } });
    clock.advance(60_000);
    expect(ofOwnership((await run()).requests)).toEqual([
      "patch ConfigMap/flux-system/driftless",
      "get ConfigMap/flux-system/driftless",
    ]);
    expect(logs.join()).toContain('by engine "another"');
  });

  it("goes on when inputs are answered with 429", async () => {
    const { clock, cluster, run, logs } = await aWorld();
    cluster.edit(ref, { spec: { postBuild: { substituteFrom: [{ kind: "Secret", name: "a" }] } } });
    clock.advance(60_000);
    cluster.failNext("list Secret", new KubeError(429, "TooManyRequests", "storage is (re)initializing"));
    await run();
    expect(logs).toContain("inputs not seen Secret: storage is (re)initializing");
    expect(logs.join()).not.toContain("unreachable");
  });

  it("goes on when a WATCH cannot be opened", async () => {
    const { clock, cluster, run, ask } = await aWorld();
    ask("first");
    clock.advance(60_000);
    cluster.failNext("watch Kustomization", new KubeError(410, "Gone", "too old resource version"));
    expect((await run()).triggered).toEqual([`${key} requestedAt`]);
  });
});
