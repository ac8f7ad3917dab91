import { describe, expect, it } from "vitest";

import { uninstall } from "../../cli/commands/uninstall.ts";
import type { KubeObject } from "../../shared/api/kube-object.ts";
import { bootstrap } from "../../shared/bootstrap/bootstrap.ts";
import { fakeClock } from "../fakes/fake-clock.ts";
import { objectCluster, type ObjectCluster } from "../fakes/object-cluster.ts";
import { aWorld } from "./world.ts";

const options = { namespace: "flux-system", silent: true, timeoutMillis: 60_000 };

const workload: KubeObject = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: {
    name: "web",
    namespace: "apps",
    labels: { "kustomize.toolkit.fluxcd.io/name": "apps", "app.kubernetes.io/part-of": "flux" },
  },
};

const foreignDefinition: KubeObject = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "things.example.com", labels: { "app.kubernetes.io/part-of": "flux" } },
};

async function anInstalledCluster(): Promise<ObjectCluster> {
  const cluster = objectCluster({ objects: [workload, foreignDefinition] });
  const sync = { url: "https://git.example.com/fleet", path: "clusters/a" };
  await bootstrap(cluster, { fleetCluster: { name: "a", arn: "", sync }, engine: "prod", clock: fakeClock() });
  for (const object of cluster.objects().filter(({ kind }) => kind === "GitRepository" || kind === "Kustomization"))
    cluster.put({ ...object, metadata: { ...object.metadata, finalizers: ["finalizers.fluxcd.io"] } });
  return cluster;
}

const names = (cluster: ObjectCluster) => cluster.objects().map(({ kind, metadata }) => `${kind}/${metadata.name}`);

describe("uninstall", () => {
  it("leaves the workloads and everything that is not Flux's", async () => {
    const cluster = await anInstalledCluster();

    await uninstall(aWorld({ a: cluster }).ports, options);

    expect(names(cluster)).toEqual([
      "Deployment/web",
      "CustomResourceDefinition/things.example.com",
      // The API server deletes these two with their definitions.
      "GitRepository/flux-system",
      "Kustomization/flux-system",
    ]);
  });

  it("suspends before it removes finalizers, and deletes definitions before the namespace", async () => {
    const cluster = await anInstalledCluster();
    const before = cluster.writes.length;

    await uninstall(aWorld({ a: cluster }).ports, options);

    const writes = cluster.writes.slice(before);
    const at = (write: string) => writes.indexOf(write);
    expect(at("patch Kustomization/flux-system/flux-system")).toBeLessThan(
      at("delete ConfigMap/flux-system/driftless"),
    );
    expect(writes.lastIndexOf("patch Kustomization/flux-system/flux-system")).toBeGreaterThan(
      at("delete ConfigMap/flux-system/driftless"),
    );
    expect(at("delete CustomResourceDefinition/kustomizations.kustomize.toolkit.fluxcd.io")).toBeLessThan(
      at("delete Namespace/flux-system"),
    );
    for (const object of cluster.objects().filter(({ kind }) => kind === "Kustomization")) {
      expect(object).toMatchObject({ spec: { suspend: true } });
      expect(object.metadata.finalizers).toBeUndefined();
    }
  });

  it("removes finalizers again that a run put back while the definitions end", async () => {
    const cluster = await anInstalledCluster();
    const kept = [...cluster.objects()].find(({ metadata }) => metadata.name.startsWith("kustomizations."))!;
    const root = cluster.objects().find(({ kind }) => kind === "Kustomization")!;
    let late = 0;
    cluster.onWrite = () => undefined;
    const terminating: ObjectCluster = {
      ...cluster,
      delete: async (ref, deletion) => {
        const outcome = await cluster.delete(ref, deletion);
        if (ref.name === kept.metadata.name) {
          cluster.put(kept);
          cluster.put({ ...root, metadata: { ...root.metadata, finalizers: ["finalizers.fluxcd.io"] } });
        }
        return outcome;
      },
      mergePatch: async (ref, patch, how) => {
        const outcome = await cluster.mergePatch(ref, patch, how);
        if (cluster.objects().some(({ metadata }) => metadata.name === "driftless")) return outcome;
        late += 1;
        if (late === 3)
          await cluster.delete({ ...ref, apiVersion: kept.apiVersion, kind: kept.kind, name: kept.metadata.name });
        return outcome;
      },
    };
    const world = aWorld({ a: terminating });

    await expect(uninstall(world.ports, { ...options, timeoutMillis: 2000 })).rejects.toThrow(
      "definitions are still there: kustomizations.kustomize.toolkit.fluxcd.io; run uninstall again",
    );

    const after = cluster.objects().find(({ kind }) => kind === "Kustomization");
    expect(after?.metadata.finalizers).toBeUndefined();
  });

  it("writes nothing in a dry run and says what it would do", async () => {
    const cluster = await anInstalledCluster();
    const before = cluster.writes.length;
    const world = aWorld({ a: cluster });

    await uninstall(world.ports, { ...options, silent: false, dryRun: true });

    expect(cluster.writes).toHaveLength(before);
    expect(world.stderr()).toContain("✔ Kustomization/flux-system/flux-system finalizers deleted (dry run)\n");
    expect(world.stderr()).toContain("✔ Namespace/flux-system deleted (dry run)\n");
  });

  it("asks first, and does nothing without a yes", async () => {
    const cluster = await anInstalledCluster();
    const before = cluster.writes.length;

    await expect(uninstall(aWorld({ a: cluster }).ports, { ...options, silent: false })).rejects.toThrow("aborting");

    expect(cluster.writes).toHaveLength(before);
  });

  it("keeps the namespace when told to", async () => {
    const cluster = await anInstalledCluster();

    await uninstall(aWorld({ a: cluster }).ports, { ...options, keepNamespace: true });

    expect(names(cluster)).toContain("Namespace/flux-system");
  });
});
