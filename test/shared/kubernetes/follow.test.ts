import { describe, expect, it } from "vitest";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { KubeError } from "../../../shared/kubernetes/cluster.ts";
import { createFollower, isNewer, type KeptViews } from "../../../shared/kubernetes/follow.ts";
import { createMemoryCluster } from "../../fakes/memory-cluster.ts";

const view = { apiVersion: "v1", kind: "ConfigMap", labelSelector: "team" };
const keep = ({ apiVersion, kind, metadata: { name, namespace, uid, resourceVersion } }: KubeObject): KubeObject => ({
  apiVersion,
  kind,
  metadata: {
    name,
    ...(namespace ? { namespace } : {}),
    ...(uid ? { uid } : {}),
    resourceVersion: resourceVersion ?? "",
  },
});
const config = (name: string, value: string): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "apps", labels: { team: "a" } },
  data: { value },
});
const reasons: Readonly<Record<number, string>> = {
  410: "Gone",
  403: "Forbidden",
  429: "TooManyRequests",
  0: "Unreachable",
};
const ref = (name: string) => ({ apiVersion: "v1", kind: "ConfigMap", namespace: "apps", name });

function aWorld() {
  const cluster = createMemoryCluster();
  let kept: KeptViews = {};
  const clock = { now: 1_000_000_000 };
  const look = async (newest = "1000000") => {
    cluster.forgetRequests();
    const follower = createFollower(cluster, kept, { now: clock.now, silenceMillis: 5, newest });
    const { items, isWhole } = await follower.follow(view, keep);
    kept = follower.kept();
    const names = items.map((item) => `${item.metadata.name}${isWhole(item) ? " whole" : ""}`).sort();
    return { names, requests: [...cluster.requests] };
  };
  return { cluster, look, kept: () => kept, clock };
}

describe("createFollower", () => {
  it("lists at first, then reads what happened since", async () => {
    const { cluster, look } = aWorld();
    cluster.put(config("a", "1"));
    cluster.put(config("b", "1"));
    expect(await look()).toEqual({ names: ["a whole", "b whole"], requests: ["list ConfigMap"] });

    expect(await look()).toEqual({ names: ["a", "b"], requests: ["watch ConfigMap"] });

    cluster.edit(ref("b"), { data: { value: "2" } });
    cluster.remove(ref("a"));
    cluster.put(config("c", "1"));
    expect(await look()).toEqual({ names: ["b whole", "c whole"], requests: ["watch ConfigMap"] });
    expect((await look()).names).toEqual(["b", "c"]);
  });

  it("sees an object leave its selection", async () => {
    const { cluster, look } = aWorld();
    cluster.put(config("a", "1"));
    await look();
    cluster.edit(ref("a"), { metadata: { labels: { team: null } } });
    expect((await look()).names).toEqual([]);
  });

  it("remembers nothing new where nothing happened", async () => {
    const { cluster, look, kept } = aWorld();
    cluster.put(config("a", "1"));
    await look();
    const before = kept();
    await look();
    expect(kept()).toBe(before);
  });

  it("never moves its cursor past the last event that was delivered", async () => {
    const { cluster, look, kept } = aWorld();
    cluster.put(config("a", "1"));
    await look();
    const [{ cursor } = { cursor: "" }] = Object.values(kept());
    cluster.put({ ...config("other", "1"), metadata: { name: "other", namespace: "apps" } });
    await look();
    expect(Object.values(kept())[0]?.cursor).toBe(cursor);
  });

  it.each([410, 403, 429, 503, 0])("lists when a watch is answered with %s", async (code) => {
    const { cluster, look } = aWorld();
    cluster.put(config("a", "1"));
    await look();
    cluster.failNext("watch", new KubeError(code, reasons[code] ?? "ServiceUnavailable", "no"));
    expect(await look()).toEqual({ names: ["a whole"], requests: ["watch ConfigMap", "list ConfigMap"] });
  });

  it("lists a kind with too many events, for ten minutes", async () => {
    const { cluster, look, clock } = aWorld();
    await look();
    for (let count = 0; count < 501; count += 1) cluster.put(config("busy", `${count}`));
    expect((await look()).requests).toEqual(["watch ConfigMap", "list ConfigMap"]);
    expect((await look()).requests).toEqual(["list ConfigMap"]);
    clock.now += 600_000;
    expect((await look()).requests).toEqual(["watch ConfigMap"]);
  });

  it("forgets what it knows of an API server that is behind its cursor", async () => {
    const { cluster, look } = aWorld();
    cluster.put(config("a", "1"));
    await look();
    expect((await look("1")).requests).toEqual(["list ConfigMap"]);
  });

  it.each([2 * 3600_000, -60_000, 1e12])("lists again when the clock moved by %s ms", async (millis) => {
    const { look, clock } = aWorld();
    await look();
    clock.now += millis;
    expect((await look()).requests).toEqual(["list ConfigMap"]);
  });
});

describe("isNewer", () => {
  it("compares versions of any length as numbers", () => {
    expect([isNewer("10", "9"), isNewer("9", "10"), isNewer("12", "12")]).toEqual([true, false, false]);
    expect(isNewer("18446744073709551615", "9999999999999999999")).toBe(true);
  });
});
