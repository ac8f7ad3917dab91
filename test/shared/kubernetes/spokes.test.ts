import { describe, expect, it } from "vitest";

import { createSpokes } from "../../../shared/kubernetes/spokes.ts";
import { createMemoryCluster } from "../../fakes/memory-cluster.ts";
import type { Reach } from "../../../shared/network/reach.ts";

const arnOf = (name: string) => `arn:aws:eks:eu-west-1:111122223333:cluster/${name}`;
const kubeconfig = (server: string, token = "t") =>
  JSON.stringify({
    "current-context": "a",
    contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
    clusters: [{ name: "a", cluster: { server } }],
    users: [{ name: "a", user: { token } }],
  });

function aFleet(reach: Reach = "network") {
  const opened: string[] = [];
  const cluster = createMemoryCluster();
  const spokes = createSpokes({
    clusters: [
      { name: "management", arn: arnOf("management") },
      { name: "shop", arn: arnOf("shop"), hubs: ["management"] },
    ],
    openMember: async (name) => {
      opened.push(name);
      return cluster;
    },
    reach,
  });
  return { spokes, opened };
}

describe("the spokes of a hub", () => {
  it("are clusters of the fleet that let it in", async () => {
    const { spokes, opened } = aFleet();
    expect(await spokes("management").ofArn(arnOf("shop"))).toMatchObject({ member: "shop", identity: arnOf("shop") });
    expect(opened).toEqual(["shop"]);
  });

  it.each([
    [
      "a cluster outside the fleet",
      "management",
      "other",
      `cluster '${arnOf("other")}' is not in the fleet: add it to fleet.json`,
    ],
    [
      "a cluster that does not let the hub in",
      "shop",
      "management",
      `cluster '${arnOf("management")}' does not let cluster 'shop' apply to it: add "shop" to hubs of management in fleet.json`,
    ],
  ])("are not %s", async (_, hub, name, message) => {
    const { spokes, opened } = aFleet();
    await expect(spokes(hub).ofArn(arnOf(name))).rejects.toThrow(message);
    expect(opened).toEqual([]);
  });

  it("share a connection where they share a kubeconfig", () => {
    const { ofKubeconfig } = aFleet().spokes("management");
    const one = ofKubeconfig(kubeconfig("https://api.example.com"));
    expect(ofKubeconfig(kubeconfig("https://api.example.com")).cluster).toBe(one.cluster);
    expect(ofKubeconfig(kubeconfig("https://api.example.com", "other")).identity).not.toBe(one.identity);
  });

  it("are not reached by a name that resolves to this machine", async () => {
    const { cluster } = aFleet().spokes("management").ofKubeconfig(kubeconfig("https://localhost:1"));
    await expect(cluster.get({ apiVersion: "v1", kind: "Namespace", name: "a" })).rejects.toThrow(
      "API server https://localhost:1 cannot be reached: EADDRREFUSED",
    );
  });
});
