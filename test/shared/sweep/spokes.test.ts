/** What a sweep sees of objects that its Kustomizations have applied to other clusters. */
import { describe, expect, it } from "vitest";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { defaultFluxSettings, type FluxSettings } from "../../../shared/config/flux-settings.ts";
import { type Cluster, KubeError } from "../../../shared/kubernetes/cluster.ts";
import { createAppliedStates } from "../../../shared/kustomize/applied-state.ts";
import { fluxObjects } from "../../../shared/sweep/due.ts";
import { type CleanSpokes, lookAtSpokes } from "../../../shared/sweep/spokes.ts";
import { createMemoryBlobs } from "../../engine/memory-blobs.ts";
import { fakeClock } from "../../fakes/fake-clock.ts";
import { createMemoryCluster, type MemoryCluster } from "../../fakes/memory-cluster.ts";
import { memorySpokes } from "../../fakes/spokes.ts";
import { config, configId, configRef, owned, self } from "../kustomize/kustomize-world.ts";

const system = { apiVersion: "v1", kind: "Namespace", name: "kube-system" };
const labelsOf = (name: string) => ({
  "kustomize.toolkit.fluxcd.io/name": name,
  "kustomize.toolkit.fluxcd.io/namespace": "apps",
});

const secret = (name: string, text: string): KubeObject => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name, namespace: "apps" },
  data: { value: Buffer.from(text).toString("base64") },
});

const ready = {
  type: "Ready",
  status: "True",
  reason: "ReconciliationSucceeded",
  message: "Applied revision: main@sha1:one",
  lastTransitionTime: "2026-01-01T00:00:00Z",
};

/** A Kustomization that has applied the ConfigMap of its own name. */
const kustomization = (name: string, secretName: string, spec: Readonly<Record<string, unknown>> = {}): KubeObject => ({
  apiVersion: self.apiVersion,
  kind: self.kind,
  metadata: { name, namespace: "apps", uid: name, generation: 1 },
  spec: {
    interval: "10m",
    prune: true,
    sourceRef: { kind: "GitRepository", name: "shop" },
    kubeConfig: { secretRef: { name: secretName } },
    ...spec,
  },
  status: { conditions: [ready], inventory: { entries: [configId(name)] } },
});

async function aWorld(kustomizations: readonly KubeObject[], clusters: Readonly<Record<string, MemoryCluster>>) {
  const hub = createMemoryCluster({ objects: ["east", "west", "bad"].map((name) => secret(name, name)) });
  const states = createAppliedStates(createMemoryBlobs());
  const clock = fakeClock();
  const logs: string[] = [];
  const look = (
    before: CleanSpokes = {},
    given: Readonly<Record<string, Cluster>> = clusters,
    settings?: FluxSettings,
  ) => {
    hub.forgetRequests();
    for (const cluster of Object.values(clusters)) cluster.forgetRequests();
    return lookAtSpokes(fluxObjects("one", kustomizations), before, {
      hub,
      spokes: memorySpokes(given),
      states,
      settings: settings ?? defaultFluxSettings(),
      clock,
      log: (event, fields) => logs.push(`${event} ${String(fields?.message)}`),
      signal: new AbortController().signal,
    });
  };
  for (const { metadata } of kustomizations) {
    for (const cluster of Object.values(clusters)) {
      const live = cluster.find(configRef(metadata.name));
      const server = cluster.find(system)?.metadata.uid ?? "";
      if (!live) continue;
      const { uid = "", resourceVersion: rv = "" } = live.metadata;
      const known = { v: "v1", text: "", uid, rv, live: "" };
      await states.save(keyOf(metadata.name), {
        ...{ v: 1, server, closure: "" },
        objects: { [configId(metadata.name).id]: known },
      });
    }
  }
  return { hub, look, logs };
}

const keyOf = (name: string) => `one/kustomize.toolkit.fluxcd.io/Kustomization/apps/${name}`;
const aSpoke = (uid: string, ...names: readonly string[]) => {
  const cluster = createMemoryCluster({ objects: names.map((name) => owned(config(name), labelsOf(name))) });
  cluster.edit(system, { metadata: { uid } });
  return cluster;
};

describe("a look at the spokes", () => {
  it("shares connection and lists among all that have one kubeconfig", async () => {
    const east = aSpoke("uid-east", "a", "b");
    const { look, hub } = await aWorld([kustomization("a", "east"), kustomization("b", "east")], { east });
    const { drifted, clean } = await look();
    expect(drifted).toEqual([]);
    expect(hub.requests).toEqual(["get Secret/apps/east"]);
    expect(east.requests).toEqual(["get Namespace/kube-system", "list ConfigMap"]);
    expect(Object.values(clean).map((ids) => Object.keys(ids).sort())).toEqual([[configId("a").id, configId("b").id]]);
    expect(await look(clean)).toEqual({ drifted, clean });
  });

  it("finds what moved in one of them", async () => {
    const east = aSpoke("uid-east", "a");
    const west = aSpoke("uid-west", "b");
    const { look } = await aWorld([kustomization("a", "east"), kustomization("b", "west")], { east, west });
    west.edit(configRef("b"), { data: { value: "2" } });
    expect((await look()).drifted).toEqual([{ key: keyOf("b"), ids: [configId("b").id] }]);
  });

  it("goes by the inventory: what else bears the label is nobody's here", async () => {
    const east = aSpoke("uid-east", "a");
    east.put(owned(config("theirs"), labelsOf("a")));
    const { look } = await aWorld([kustomization("a", "east")], { east });
    const { drifted, clean } = await look();
    expect(drifted).toEqual([]);
    expect(Object.values(clean).flatMap((ids) => Object.keys(ids))).toEqual([configId("a").id]);
  });

  it("looks as the ServiceAccount that applies, and apart from those who are nobody else", async () => {
    const east = aSpoke("uid-east", "a", "b");
    const accounts = [kustomization("a", "east"), kustomization("b", "east", { serviceAccountName: "deployer" })];
    const { look } = await aWorld(accounts, { east });
    await look();
    const lists = east.sent.filter(({ request }) => request === "list ConfigMap").map(({ user }) => user);
    expect(lists.sort()).toEqual(["admin", "system:serviceaccount:apps:deployer"]);
  });

  it.each<[string, (cluster: MemoryCluster) => void, string]>([
    [
      "cannot be reached",
      (cluster) => cluster.failNext("get Namespace", new KubeError(0, "Unreachable", "no answer")),
      "the cluster of KubeConfig secret 'apps/west' cannot be used: no answer",
    ],
    [
      "refuses",
      (cluster) => cluster.failNext("get Namespace", new KubeError(500, "InternalError", "broken")),
      "broken",
    ],
  ])("tells of a spoke that %s, keeps what it knew, and goes on with the others", async (_, fail, message) => {
    const east = aSpoke("uid-east", "a");
    const west = aSpoke("uid-west", "b");
    const { look, logs } = await aWorld([kustomization("a", "east"), kustomization("b", "west")], { east, west });
    const { clean } = await look();
    east.edit(configRef("a"), { data: { value: "2" } });
    west.remove(configRef("b"));
    fail(west);
    const after = await look(clean);
    expect(after.drifted).toEqual([{ key: keyOf("a"), ids: [configId("a").id] }]);
    expect(Object.keys(after.clean).sort()).toEqual(Object.keys(clean).sort());
    expect(logs).toEqual([`spoke not swept ${message}`]);
  });

  it("is not ended by a server that answers nonsense", async () => {
    const east = aSpoke("uid-east", "a");
    const { look, logs } = await aWorld([kustomization("a", "east")], { east });
    const hostile: Cluster = {
      ...east,
      list: async () => ({ resourceVersion: "", items: [null as unknown as KubeObject] }),
      as: () => hostile,
    };
    expect((await look({}, { east: hostile })).drifted).toEqual([]);
    expect(logs).toEqual([
      "spoke not swept the cluster of KubeConfig secret 'apps/east' cannot be used: it does not answer as a Kubernetes API server",
    ]);
  });

  it("does not wait for a spoke that never answers", async () => {
    const east = aSpoke("uid-east", "a");
    const { look, logs } = await aWorld([kustomization("a", "east")], { east });
    const silent: Cluster = {
      ...east,
      get: (_, signal) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener("abort", () => {
            reject(new DOMException("aborted", "AbortError"));
          });
        }),
      as: () => silent,
    };
    const startedAt = performance.now();
    expect((await look({}, { east: silent })).drifted).toEqual([]);
    expect(performance.now() - startedAt).toBeLessThan(12_000);
    expect(logs).toEqual(["spoke not swept no answer within 8 s"]);
  }, 15_000);

  it("says what is wrong with a kubeconfig, and looks at the others", async () => {
    const east = aSpoke("uid-east", "a");
    const { look, logs } = await aWorld([kustomization("x", "bad"), kustomization("a", "east")], { east });
    await look();
    expect(logs).toEqual(["spoke not swept invalid KubeConfig in secret 'apps/bad': there is no cluster bad"]);
    expect(east.requests).toContain("list ConfigMap");
  });
});
