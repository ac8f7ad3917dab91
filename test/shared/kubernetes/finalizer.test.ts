import { describe, expect, it } from "vitest";

import { claim, finalizer } from "../../../shared/kubernetes/finalizer.ts";
import { createMemoryCluster } from "../../fakes/memory-cluster.ts";

const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "a" };
const options = { fieldManager: "gotk-kustomize-controller", fence: () => undefined };

function aCluster(finalizers?: readonly string[]) {
  const cluster = createMemoryCluster();
  const metadata = { name: "a", namespace: "default", ...(finalizers ? { finalizers } : {}) };
  cluster.put({ apiVersion: "v1", kind: "ConfigMap", metadata });
  cluster.forgetRequests();
  return cluster;
}

describe("claim", () => {
  it("reads an object and puts the finalizer on it with one request", async () => {
    const cluster = aCluster();
    expect((await claim(ref, cluster, options))?.metadata.finalizers).toEqual([finalizer]);
    expect(cluster.requests).toEqual(["patch ConfigMap/default/a"]);
  });

  it("leaves the finalizers of others as they are", async () => {
    const cluster = aCluster(["example.com/mine"]);
    expect((await claim(ref, cluster, options))?.metadata.finalizers).toEqual(["example.com/mine"]);
    expect(cluster.find(ref)?.metadata.finalizers).toEqual(["example.com/mine"]);
  });

  it("finds nothing where nothing is", async () => {
    const cluster = aCluster();
    cluster.remove(ref);
    expect(await claim(ref, cluster, options)).toBeUndefined();
  });
});
