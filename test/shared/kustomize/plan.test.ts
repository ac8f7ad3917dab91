import { describe, expect, it } from "vitest";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { type AppliedObject, type AppliedState, emptyState } from "../../../shared/kustomize/applied-state.ts";
import { parseDesired } from "../../../shared/kustomize/desired.ts";
import { plainManifests } from "../../../shared/kustomize/manifests.ts";
import { liveDigest } from "../../../shared/kustomize/live-digest.ts";
import { kindsOf, observeLive } from "../../../shared/kustomize/observe-live.ts";
import { planObjects } from "../../../shared/kustomize/plan.ts";
import { KubeError } from "../../../shared/kubernetes/cluster.ts";
import { createMemoryCluster } from "../../fakes/memory-cluster.ts";
import { config, configId, configRef, deployment, owned, yamlOf } from "./kustomize-world.ts";

const owner = { name: "shop", namespace: "apps" };
const selector = "kustomize.toolkit.fluxcd.io/name=shop,kustomize.toolkit.fluxcd.io/namespace=apps";
const stateWith = (objects: Readonly<Record<string, AppliedObject>>): AppliedState => ({
  ...emptyState("server"),
  objects,
});
const webRef = { apiVersion: "apps/v1", kind: "Deployment", namespace: "apps", name: "web" };
const webId = "apps_web_apps_Deployment";

/** A Deployment and a ConfigMap that were applied and are as they were. */
function aWorld() {
  const cluster = createMemoryCluster({ objects: [owned(deployment("web")), owned(config("a"))] });
  const yaml = yamlOf(deployment("web"), config("a"));
  const objects: Record<string, AppliedObject> = {};
  for (const { id, ref, text } of parseDesired(plainManifests(yaml), { owner }, emptyState("server"))) {
    const live = cluster.find(ref);
    if (!live) throw new Error(`${id} is not there`);
    const { uid = "", resourceVersion: rv = "" } = live.metadata;
    objects[id] = { v: "v1", text, uid, rv, live: liveDigest(live) };
  }
  const plan = async (next = yaml, state = stateWith(objects)) => {
    const desired = parseDesired(plainManifests(next), { owner }, state);
    const live = await observeLive(cluster, kindsOf(desired.map(({ ref }) => ref)), selector);
    const inventory = Object.keys(objects).map((id) => ({ id, v: "v1" }));
    const { candidates, unchanged, stale } = planObjects(desired, state, live, inventory);
    const looks = candidates.map(({ desired: { id }, live: seen }) => [
      id,
      typeof seen === "object" ? "seen" : (seen ?? "absent"),
    ]);
    return { looks, unchanged, stale: stale.map(({ id }) => id) };
  };
  return { cluster, objects, plan };
}

describe("the plan", () => {
  it("looks at nothing that has its text, incarnation and version", async () => {
    const { objects, plan } = aWorld();
    expect(await plan()).toEqual({ looks: [], unchanged: objects, stale: [] });
  });

  it("takes a moved version with the same content as unchanged, and notes the version", async () => {
    const { cluster, objects, plan } = aWorld();
    const moved = cluster.edit(webRef, { status: { replicas: 1 } }, "kube-controller-manager");
    const { looks, unchanged } = await plan();
    expect(looks).toEqual([]);
    expect(unchanged[webId]).toEqual({ ...objects[webId], rv: moved.metadata.resourceVersion });
  });

  it.each<[string, Readonly<Record<string, unknown>>]>([
    ["a field", { spec: { replicas: 2 } }],
    ["a label", { metadata: { labels: { extra: "1" } } }],
    ["an annotation", { metadata: { annotations: { extra: "1" } } }],
  ])("looks at an object of which somebody changed %s, with what was seen", async (_, patch) => {
    const { cluster, plan } = aWorld();
    cluster.edit(webRef, patch, "kube-controller-manager");
    expect((await plan()).looks).toEqual([[webId, "seen"]]);
  });

  it("looks once more at a moved object of which only the version was listed", async () => {
    const { cluster, plan } = aWorld();
    cluster.edit(configRef("a"), { data: { value: "2" } });
    expect((await plan()).looks).toEqual([[configId("a").id, "unknown"]]);
  });

  it("looks at an object whose text changed, and at another incarnation", async () => {
    const { cluster, plan } = aWorld();
    cluster.remove(webRef);
    cluster.put(owned(deployment("web")));
    expect((await plan(yamlOf(deployment("web"), config("a", "2")))).looks).toEqual([
      [webId, "seen"],
      [configId("a").id, "unknown"],
    ]);
  });

  it("looks at what was deleted or taken over since, and believes new objects absent", async () => {
    const { cluster, plan } = aWorld();
    cluster.remove(webRef);
    cluster.edit(configRef("a"), { metadata: { labels: { "kustomize.toolkit.fluxcd.io/name": "other" } } });
    expect((await plan(yamlOf(deployment("web"), config("a"), config("new")))).looks).toEqual([
      [webId, "unknown"],
      [configId("a").id, "unknown"],
      [configId("new").id, "absent"],
    ]);
  });

  it("looks at everything without a state", async () => {
    const { plan } = aWorld();
    expect((await plan(undefined, emptyState("server"))).looks).toEqual([
      [webId, "seen"],
      [configId("a").id, "unknown"],
    ]);
  });

  it("finds stale what the inventory has and Git has not", async () => {
    const { plan } = aWorld();
    expect((await plan(yamlOf(config("a")))).stale).toEqual([webId]);
  });
});

describe("what is live", () => {
  it("does not cover kinds that may not be listed or are not served", async () => {
    const cluster = createMemoryCluster();
    cluster.failNext("list Secret", new KubeError(403, "Forbidden", "no"));
    const missing = { apiVersion: "example.com/v1", kind: "Widget" };
    const kinds = [{ apiVersion: "v1", kind: "Secret" }, { apiVersion: "v1", kind: "ConfigMap" }, missing];
    const live = await observeLive(cluster, kinds, selector);
    expect(kinds.map((kind) => live.covers({ ...kind, name: "x" }))).toEqual([false, true, false]);
  });

  it("lets any other failure through", async () => {
    const cluster = createMemoryCluster();
    cluster.failNext("list", new KubeError(0, "Unreachable", "no answer"));
    await expect(observeLive(cluster, [{ apiVersion: "v1", kind: "Secret" }], selector)).rejects.toThrow("no answer");
  });
});

describe("the desired objects", () => {
  it("carry the owner's labels, and the last of two with one id stands", () => {
    const desired = parseDesired(
      plainManifests(yamlOf(config("a", "1"), config("a", "2"))),
      { owner },
      emptyState("server"),
    );
    expect(desired.map((entry) => entry.object())).toMatchObject([
      { data: { value: "2" }, metadata: { labels: owned(config("a")).metadata.labels } },
    ]);
  });

  it("are recognised by their text wherever it stands, and not parsed before they are asked for", () => {
    const [a] = parseDesired(plainManifests(yamlOf(config("a"))), { owner }, emptyState("server"));
    const known = { v: "v1", text: a?.text ?? "", uid: "u", rv: "1", live: "" };
    const desired = parseDesired(
      plainManifests(yamlOf(config("b"), config("a"))),
      { owner },
      stateWith({ [configId("a").id]: known }),
    );
    expect(desired.map(({ id, text }) => [id, text === known.text])).toEqual([
      [configId("b").id, false],
      [configId("a").id, true],
    ]);
    expect(desired[1]?.object()).toEqual(a?.object());
  });

  it("include the members of a List, each with its own text", () => {
    const list = { apiVersion: "v1", kind: "List", items: [config("a"), config("b")] };
    const desired = parseDesired(plainManifests(JSON.stringify(list)), { owner }, emptyState("server"));
    expect(desired.map(({ id }) => id)).toEqual([configId("a").id, configId("b").id]);
    expect(new Set(desired.map(({ text }) => text)).size).toBe(2);
  });

  it("never include a Secret that is still encrypted", () => {
    const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "a", namespace: "apps" }, sops: { mac: "x" } };
    expect(() => parseDesired(plainManifests(yamlOf(secret as KubeObject)), { owner }, emptyState("server"))).toThrow(
      "Secret/apps/a is SOPS encrypted, configuring decryption is required for this secret to be reconciled",
    );
  });

  it("fail as a build where the text is no YAML", () => {
    expect(() => parseDesired(plainManifests("a: ["), { owner }, emptyState("server"))).toThrow(
      expect.objectContaining({ reason: "BuildFailed", disposition: "retry" }) as Error,
    );
  });
});
