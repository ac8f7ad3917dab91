import { describe, expect, it } from "vitest";

import { KubeError } from "../../../shared/kubernetes/cluster.ts";
import { createDiscovery } from "../../../shared/kubernetes/discovery.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { fakeClock } from "../../fakes/fake-clock.ts";

const resource = (name: string, kind: string, scope: string) => ({ resource: name, responseKind: { kind }, scope });
const group = (name: string, ...resources: readonly object[]) => ({
  metadata: { name },
  versions: [{ version: "v1", resources }],
});

/** Documents by path; a path that is not there is answered with 404. */
function world(documents: Record<string, unknown>, clock?: Clock) {
  const asked: string[] = [];
  const discovery = createDiscovery(async (path) => {
    asked.push(path);
    if (!(path in documents)) throw new KubeError(404, "NotFound", "404 page not found");
    return documents[path];
  }, clock);
  return { asked, documents, discovery };
}

const aggregated = {
  "/api": { items: [] },
  "/apis": { items: [group("example.com", resource("widgets", "Widget", "Namespaced"))] },
};

describe("createDiscovery", () => {
  it("knows built-in kinds without asking", async () => {
    const { discovery, asked } = world({});
    expect(await discovery.find("apps/v1", "Deployment")).toMatchObject({ plural: "deployments", namespaced: true });
    expect(asked).toEqual([]);
  });

  it("asks once for all the others", async () => {
    const { discovery, asked } = world(aggregated);
    const [widget] = await Promise.all([
      discovery.find("example.com/v1", "Widget"),
      discovery.find("example.com/v1", "Widget"),
    ]);
    expect(widget).toEqual({
      group: "example.com",
      version: "v1",
      kind: "Widget",
      plural: "widgets",
      namespaced: true,
    });
    expect(asked).toEqual(["/api", "/apis"]);
  });

  it("reads groups one by one from a server without aggregated discovery", async () => {
    const { discovery } = world({
      "/api": { versions: ["v1"] },
      "/apis": { groups: [{ versions: [{ groupVersion: "example.com/v1" }] }] },
      "/api/v1": { resources: [{ name: "bindings", kind: "Binding", namespaced: true }] },
      "/apis/example.com/v1": {
        resources: [
          { name: "widgets", kind: "Widget", namespaced: false },
          { name: "widgets/status", kind: "Widget", namespaced: false },
        ],
      },
    });
    expect(await discovery.find("example.com/v1", "Widget")).toMatchObject({ plural: "widgets", namespaced: false });
    expect(await discovery.find("v1", "Binding")).toMatchObject({ plural: "bindings" });
  });

  it("finds a kind that its own group tells before the aggregated document does", async () => {
    const { discovery, documents, asked } = world({ ...aggregated });
    await discovery.find("example.com/v1", "Widget");
    documents["/apis/new.example.com/v1"] = { resources: [{ name: "things", kind: "Thing", namespaced: true }] };
    expect(await discovery.find("new.example.com/v1", "Thing")).toMatchObject({ plural: "things" });
    expect(asked).toEqual(["/api", "/apis", "/apis/new.example.com/v1"]);
  });

  it("remembers for a moment that a kind is missing, until a definition of its group is written", async () => {
    const { discovery, documents, asked } = world({ ...aggregated });
    const find = () => discovery.find("new.example.com/v1", "Thing");
    await expect(find()).rejects.toMatchObject({
      reason: "NoMatch",
      message: 'no matches for kind "Thing" in version "new.example.com/v1"',
    });
    const before = asked.length;
    await expect(find()).rejects.toBeInstanceOf(KubeError);
    expect(asked).toHaveLength(before);
    documents["/apis/new.example.com/v1"] = { resources: [{ name: "things", kind: "Thing", namespaced: true }] };
    discovery.forget("new.example.com");
    expect(await find()).toMatchObject({ plural: "things" });
  });

  it("waits for a kind whose definition was written until the API server tells it", async () => {
    const clock = fakeClock();
    const path = "/apis/new.example.com/v1";
    const since = clock.now();
    const discovery = createDiscovery(async (asked) => {
      if (asked in aggregated) return aggregated[asked as keyof typeof aggregated];
      if (asked !== path || clock.now() - since < 1000) throw new KubeError(404, "NotFound", "404 page not found");
      return { resources: [{ name: "things", kind: "Thing", namespaced: true }] };
    }, clock);
    discovery.expect("new.example.com");
    const [thing] = await Promise.all([
      discovery.find("new.example.com/v1", "Thing"),
      discovery.find("new.example.com/v1", "Thing"),
    ]);
    expect(thing).toMatchObject({ plural: "things" });
    expect(clock.now() - since).toBeGreaterThanOrEqual(1000);
    expect(clock.now() - since).toBeLessThan(2000);
  });

  it("waits once, not each time, for a kind that its definition does not bring", async () => {
    const clock = fakeClock();
    const { discovery } = world({ ...aggregated }, clock);
    const find = () => discovery.find("example.com/v2", "Widget");
    discovery.expect("example.com");
    const since = clock.now();
    await expect(find()).rejects.toMatchObject({ reason: "NoMatch" });
    const waited = clock.now() - since;
    expect(waited).toBeGreaterThan(2000);
    expect(waited).toBeLessThan(5000);
    clock.advance(60_000);
    await expect(find()).rejects.toMatchObject({ reason: "NoMatch" });
    expect(clock.now() - since).toBe(waited + 60_000);
  });

  it("does not wait for the kinds of a definition that was deleted", async () => {
    const clock = fakeClock();
    const { discovery } = world({ ...aggregated }, clock);
    discovery.expect("gone.example.com");
    discovery.forget("gone.example.com");
    const since = clock.now();
    await expect(discovery.find("gone.example.com/v1", "Thing")).rejects.toMatchObject({ reason: "NoMatch" });
    expect(clock.now()).toBe(since);
  });

  it("passes on that the server cannot be reached", async () => {
    const discovery = createDiscovery(async () => {
      throw new KubeError(0, "Unreachable", "no");
    });
    await expect(discovery.find("example.com/v1", "Widget")).rejects.toMatchObject({ reason: "Unreachable" });
  });
});
