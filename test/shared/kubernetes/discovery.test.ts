import { describe, expect, it } from "vitest";

import { KubeError } from "../../../shared/kubernetes/cluster.ts";
import { createDiscovery } from "../../../shared/kubernetes/discovery.ts";

const resource = (name: string, kind: string, scope: string) => ({ resource: name, responseKind: { kind }, scope });
const group = (name: string, ...resources: readonly object[]) => ({
  metadata: { name },
  versions: [{ version: "v1", resources }],
});

/** Documents by path; a path that is not there is answered with 404. */
function world(documents: Record<string, unknown>) {
  const asked: string[] = [];
  const discovery = createDiscovery(async (path) => {
    asked.push(path);
    if (!(path in documents)) throw new KubeError(404, "NotFound", "404 page not found");
    return documents[path];
  });
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

  it("passes on that the server cannot be reached", async () => {
    const discovery = createDiscovery(async () => {
      throw new KubeError(0, "Unreachable", "no");
    });
    await expect(discovery.find("example.com/v1", "Widget")).rejects.toMatchObject({ reason: "Unreachable" });
  });
});
