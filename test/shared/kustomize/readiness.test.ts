import { describe, expect, it } from "vitest";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { KubeError } from "../../../shared/kubernetes/cluster.ts";
import { createReadiness, type Readiness } from "../../../shared/kustomize/readiness.ts";
import { type Clock, systemClock } from "../../../shared/runtime/clock.ts";
import { fakeClock } from "../../fakes/fake-clock.ts";
import { createMemoryCluster, type MemoryCluster } from "../../fakes/memory-cluster.ts";
import { deployment, owned, rolledOut } from "./kustomize-world.ts";

const selector = "kustomize.toolkit.fluxcd.io/name=shop,kustomize.toolkit.fluxcd.io/namespace=apps";
const refOf = (name: string, namespace = "apps") => ({ apiVersion: "apps/v1", kind: "Deployment", namespace, name });
const ours = { selector, has: () => true };
const ready = { status: rolledOut };

const issuers: KubeObject = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "issuers.example.com" },
  spec: {
    group: "example.com",
    scope: "Cluster",
    names: { kind: "Issuer", plural: "issuers" },
    versions: [{ name: "v1", served: true }],
  },
};
const issuer = (name: string, status: string): KubeObject =>
  owned({
    apiVersion: "example.com/v1",
    kind: "Issuer",
    metadata: { name },
    status: { conditions: [{ type: "Ready", status }] },
  });
const issuerRef = (name: string) => ({ apiVersion: "example.com/v1", kind: "Issuer", namespace: "apps", name });

interface World {
  readonly cluster: MemoryCluster;
  readonly readiness: Readiness;
  /** What was asked since, apart from what the test wrote. */
  asked(): readonly string[];
  readonly put: (name: string, status?: unknown) => KubeObject;
}

function aWorld(clock: Clock = systemClock, isAllowed: (verb: string) => boolean = () => true): World {
  const cluster = createMemoryCluster({ now: clock.now, isAllowed: (_, verb) => isAllowed(verb) });
  return {
    cluster,
    readiness: createReadiness(cluster, { clock, owned: ours }),
    asked: () => cluster.requests,
    put: (name, status) => cluster.put({ ...owned(deployment(name)), ...(status ? { status } : {}) }),
  };
}

const soon = () => new Promise((resolve) => setImmediate(resolve));

describe("createReadiness", () => {
  it("takes the reply of a write for the first look", async () => {
    const { readiness, put, asked } = aWorld();
    readiness.saw(put("web", rolledOut));
    expect(await readiness.wait([refOf("web")], { millis: 0 })).toEqual({ kind: "current" });
    expect(asked()).toEqual([]);
  });

  it("notices at once what a WATCH tells, with one request", async () => {
    const { cluster, readiness, put, asked } = aWorld();
    readiness.foresee(owned(deployment("web")));
    readiness.watch();
    readiness.saw(put("web"));
    const waits = readiness.wait([refOf("web")], { millis: 5000 });
    await soon();
    const from = performance.now();
    cluster.edit(refOf("web"), ready, "kube-controller-manager");
    expect(await waits).toEqual({ kind: "current" });
    expect(performance.now() - from).toBeLessThan(500);
    expect(asked()).toEqual(["watch Deployment/apps"]);
    readiness.close();
  });

  it("keeps an event that comes before the reply to the write that caused it", async () => {
    const { cluster, readiness, put, asked } = aWorld();
    readiness.foresee(owned(deployment("web")));
    readiness.watch();
    const reply = put("web");
    cluster.edit(refOf("web"), ready, "kube-controller-manager");
    await soon();
    readiness.saw(reply);
    expect(await readiness.wait([refOf("web")], { millis: 0 })).toEqual({ kind: "current" });
    expect(asked()).toEqual(["watch Deployment/apps"]);
    readiness.close();
  });

  it("takes nothing that is older than what was written", async () => {
    const { cluster, readiness, put } = aWorld();
    const before = put("web", rolledOut);
    const reply = cluster.edit(refOf("web"), { spec: { replicas: 2 } }, "kustomize-controller");
    readiness.saw(reply);
    readiness.saw(before);
    expect((await readiness.wait([refOf("web")], { millis: 0 })).kind).toBe("waiting");
  });

  it("watches a kind once for all of its objects, in their namespace", async () => {
    const { cluster, readiness, put, asked } = aWorld();
    for (const name of ["a", "b", "c"]) readiness.saw(put(name));
    const waits = readiness.wait([refOf("a"), refOf("b"), refOf("c")], { millis: 5000 });
    await soon();
    for (const name of ["c", "a", "b"]) cluster.edit(refOf(name), ready, "kube-controller-manager");
    expect(await waits).toEqual({ kind: "current" });
    expect(asked()).toEqual(["watch Deployment/apps"]);
    readiness.close();
  });

  it("watches a kind over all namespaces where its objects are in several", async () => {
    const { cluster, readiness, asked } = aWorld();
    const other = owned({ ...deployment("b"), metadata: { name: "b", namespace: "other" } });
    readiness.saw(cluster.put(owned(deployment("a"))));
    readiness.saw(cluster.put(other));
    const waits = readiness.wait([refOf("a"), refOf("b", "other")], { millis: 5000 });
    await soon();
    cluster.edit(refOf("a"), ready, "kube-controller-manager");
    cluster.edit(refOf("b", "other"), ready, "kube-controller-manager");
    expect(await waits).toEqual({ kind: "current" });
    expect(asked()).toEqual(["watch Deployment"]);
    readiness.close();
  });

  it("asks again and again where it may not watch", async () => {
    const clock = fakeClock();
    const { cluster, readiness, put, asked } = aWorld(clock, (verb) => verb !== "watch");
    readiness.saw(put("web"));
    let sleeps = 0;
    const { sleep } = clock;
    Object.assign(clock, {
      sleep: async (millis: number) => {
        if ((sleeps += 1) === 4) cluster.edit(refOf("web"), ready, "kube-controller-manager");
        await sleep(millis);
      },
    });
    expect(await readiness.wait([refOf("web")], { millis: 10_000 })).toEqual({ kind: "current" });
    expect(asked().filter((request) => request.startsWith("watch"))).toHaveLength(1);
    expect(asked().filter((request) => request.startsWith("get Deployment")).length).toBeGreaterThanOrEqual(3);
  });

  it("goes on by asking where a WATCH ends, and opens it again", async () => {
    const clock = fakeClock();
    const { cluster, readiness, put, asked } = aWorld(clock);
    cluster.failNext("watch Deployment", new KubeError(500, "InternalError", "no"));
    readiness.saw(put("web"));
    const conclusion = await readiness.wait([refOf("web")], { millis: 10_000 });
    expect(conclusion.kind).toBe("waiting");
    expect(asked().filter((request) => request.startsWith("watch"))).toHaveLength(2);
    readiness.close();
  });

  it("opens a WATCH anew whose version is too old", async () => {
    const { cluster, readiness, put, asked } = aWorld();
    cluster.failNext("watch Deployment", new KubeError(410, "Gone", "too old resource version"));
    readiness.listed("apps/Deployment", "1");
    readiness.saw(put("web"));
    const waits = readiness.wait([refOf("web")], { millis: 5000 });
    await soon();
    cluster.edit(refOf("web"), ready, "kube-controller-manager");
    expect(await waits).toEqual({ kind: "current" });
    expect(asked().filter((request) => request.startsWith("watch"))).toHaveLength(2);
    readiness.close();
  });

  it("asks for an object that only lost its label", async () => {
    const { cluster, readiness, put, asked } = aWorld();
    for (const name of ["a", "b"]) readiness.saw(put(name));
    const waits = readiness.wait([refOf("a"), refOf("b")], { millis: 5000 });
    await soon();
    const labels = { "kustomize.toolkit.fluxcd.io/name": "other" };
    cluster.edit(refOf("a"), { metadata: { labels }, ...ready }, "somebody");
    cluster.edit(refOf("b"), ready, "kube-controller-manager");
    expect(await waits).toEqual({ kind: "current" });
    expect(asked()).toContain("get Deployment/apps/a");
    readiness.close();
  });

  it("notices what turns ill again while the rest is waited for", async () => {
    const { cluster, readiness, put } = aWorld();
    readiness.saw(put("a", rolledOut));
    readiness.saw(put("b"));
    const waits = readiness.wait([refOf("a"), refOf("b")], { millis: 300 });
    await soon();
    readiness.saw(cluster.edit(refOf("a"), { status: { readyReplicas: 0 } }, "kube-controller-manager"));
    cluster.edit(refOf("b"), ready, "kube-controller-manager");
    expect(await waits).toMatchObject({
      kind: "waiting",
      message: expect.stringContaining("Deployment/apps/a") as string,
    });
    readiness.close();
  });

  it("ends with the first that fails", async () => {
    const { cluster, readiness, put } = aWorld();
    readiness.saw(put("a"));
    readiness.saw(put("b"));
    const waits = readiness.wait([refOf("a"), refOf("b")], { millis: 5000 });
    await soon();
    const conditions = [{ type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded" }];
    cluster.edit(refOf("b"), { status: { observedGeneration: 1, conditions } }, "kube-controller-manager");
    expect(await waits).toMatchObject({ kind: "failed" });
    readiness.close();
  });

  it("lists many of a kind instead of asking for each", async () => {
    const { readiness, put, asked } = aWorld();
    const names = ["a", "b", "c", "d", "e", "f"];
    for (const name of names) put(name, rolledOut);
    expect(
      await readiness.wait(
        names.map((name) => refOf(name)),
        { millis: 0 },
      ),
    ).toEqual({ kind: "current" });
    expect(asked()).toEqual(["list Deployment/apps"]);
  });

  it("watches by its name what is applied without our label", async () => {
    const { cluster, readiness, put, asked } = aWorld();
    for (const name of ["a", "b"]) readiness.saw(put(name));
    readiness.saw(cluster.put(deployment("bare")));
    const waits = readiness.wait([refOf("a"), refOf("b"), refOf("bare")], { millis: 5000 });
    await soon();
    const from = performance.now();
    for (const name of ["a", "b", "bare"]) cluster.edit(refOf(name), ready, "kube-controller-manager");
    expect(await waits).toEqual({ kind: "current" });
    expect(performance.now() - from).toBeLessThan(500);
    expect(asked()).toEqual(["watch Deployment/apps", "watch Deployment/apps"]);
    readiness.close();
  });

  it("finds an object of a kind without namespaces that is asked for with one", async () => {
    const { cluster, readiness, asked } = aWorld();
    cluster.put({ apiVersion: "v1", kind: "Namespace", metadata: { name: "team" } });
    const ref = { apiVersion: "v1", kind: "Namespace", namespace: "apps", name: "team" };
    expect(await readiness.wait([ref], { millis: 0 })).toEqual({ kind: "current" });
    expect(asked()).toEqual(["get Namespace/apps/team"]);
  });

  it("hears of such an object from its WATCH, be it there from the start or not", async () => {
    const { cluster, readiness } = aWorld();
    cluster.put(issuers);
    cluster.put(issuer("early", "False"));
    const waits = readiness.wait([issuerRef("early"), issuerRef("late")], { millis: 5000 });
    await soon();
    const from = performance.now();
    cluster.put(issuer("late", "True"));
    cluster.put(issuer("early", "True"));
    expect(await waits).toEqual({ kind: "current" });
    expect(performance.now() - from).toBeLessThan(500);
    readiness.close();
  });

  it("ends in time when a look tells nothing", async () => {
    const { cluster, readiness, put } = aWorld(fakeClock());
    const other = put("other", rolledOut);
    let gets = 0;
    Object.assign(cluster, { get: async () => (gets += 1) && other });
    const conclusion = await readiness.wait([refOf("web")], { millis: 3000 });
    expect(conclusion).toMatchObject({
      kind: "waiting",
      message: "timeout waiting for: [Deployment/apps/web status: 'Unknown': the API server has not told of it yet]",
    });
    expect(gets).toBeLessThan(10);
    readiness.close();
  });

  it("lets a defect of ours through", async () => {
    const { cluster, readiness, put } = aWorld();
    Object.assign(cluster, {
      watch: () => {
        throw new TypeError("undefined is not a function");
      },
    });
    readiness.saw(put("web"));
    await expect(readiness.wait([refOf("web")], { millis: 3000 })).rejects.toThrow(TypeError);
  });
});
