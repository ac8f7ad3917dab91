import { describe, expect, it } from "vitest";

import { handBack } from "../../cli/commands/hand-back.ts";
import { takeOver } from "../../cli/commands/take-over.ts";
import type { KubeObject } from "../../shared/api/kube-object.ts";
import { bootstrap } from "../../shared/bootstrap/bootstrap.ts";
import { ownershipObject } from "../../shared/bootstrap/ownership.ts";
import { type ObjectCluster, objectCluster } from "../fakes/object-cluster.ts";
import { aWorld, type World } from "./world.ts";

const options = { silent: true, timeoutMillis: 300_000 };

const controller = (name: string, replicas: number, rest: Partial<KubeObject["metadata"]> = {}): KubeObject => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name, namespace: "flux-system", labels: { "app.kubernetes.io/part-of": "flux" }, ...rest },
  spec: { replicas },
  status: { replicas },
});

const workload: KubeObject = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web", namespace: "apps" },
  spec: { replicas: 2 },
};

const lease = (renewTime: string): KubeObject => ({
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  metadata: { name: "kustomize-controller-leader-election", namespace: "flux-system" },
  spec: { holderIdentity: "pod", leaseDurationSeconds: 35, renewTime },
});

const replicasOf = (cluster: ObjectCluster): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    cluster
      .objects()
      .filter(({ kind }) => kind === "Deployment")
      .map(({ metadata, spec }) => [metadata.name, (spec as { replicas: number }).replicas]),
  );

/** Ends the pods of what was scaled, as Kubernetes would. */
function playKubernetes({ cluster }: World): void {
  cluster.onWrite = (object) => {
    const { replicas } = (object.spec ?? {}) as { replicas?: number };
    const status = (object.status ?? {}) as { replicas?: number };
    if (object.kind === "Deployment" && status.replicas !== replicas) cluster.put({ ...object, status: { replicas } });
  };
}

function aFluxCluster(): World {
  const world = aWorld([
    controller("source-controller", 1),
    controller("kustomize-controller", 2),
    controller("flux-operator", 1, { labels: { "app.kubernetes.io/name": "flux-operator" } }),
    workload,
  ]);
  playKubernetes(world);
  return world;
}

describe("take-over", () => {
  it("scales Flux to zero, those first that start others, and notes what they had", async () => {
    const world = aFluxCluster();

    await takeOver(world.ports, options);

    expect(replicasOf(world.cluster)).toEqual({
      "source-controller": 0,
      "kustomize-controller": 0,
      "flux-operator": 0,
      web: 2,
    });
    expect(world.cluster.writes.filter((_, index) => index % 2 === 0)).toEqual([
      "patch Deployment/flux-system/flux-operator",
      "patch Deployment/flux-system/kustomize-controller",
      "patch Deployment/flux-system/source-controller",
    ]);
    expect(world.stderr()).toContain("✔ Deployment/flux-system/kustomize-controller scaled from 2 to 0\n");
    expect(world.stderr()).toContain('set "takeOver": true on the cluster in fleet.json');
  });

  it("ends when the leases of what ran are over", async () => {
    const world = aFluxCluster();
    const begin = world.clock.now();
    world.cluster.put(lease(new Date(begin).toISOString()));

    await takeOver(world.ports, options);

    expect(world.clock.now() - begin).toBe(35_000);
  });

  it("scales down again what a controller under way scaled up, and keeps what it had", async () => {
    const world = aFluxCluster();
    world.cluster.put(lease(new Date(world.clock.now()).toISOString()));
    const { sleep } = world.clock;
    let late = 0;
    const clock = {
      ...world.clock,
      sleep: async (millis: number) => {
        late += 1;
        if (late === 3)
          await world.cluster.mergePatch(
            { apiVersion: "apps/v1", kind: "Deployment", namespace: "flux-system", name: "source-controller" },
            { spec: { replicas: 1 } },
            { fieldManager: "kustomize-controller" },
          );
        await sleep(millis);
      },
    };

    await takeOver({ ...world.ports, clock }, options);

    expect(replicasOf(world.cluster)).toMatchObject({ "source-controller": 0 });
    await handBack(world.ports, options);
    expect(replicasOf(world.cluster)).toMatchObject({ "source-controller": 1, "kustomize-controller": 2 });
  });

  it("says what still runs at the end of its time", async () => {
    const world = aFluxCluster();
    world.cluster.onWrite = () => undefined;

    await expect(takeOver(world.ports, { ...options, timeoutMillis: 5000 })).rejects.toThrow(
      "Flux still runs: Deployment/flux-system/source-controller still has 1 pods: wait until they have ended; " +
        "Deployment/flux-system/kustomize-controller still has 2 pods: wait until they have ended; " +
        "Deployment/flux-system/flux-operator still has 1 pods: wait until they have ended; run take-over again",
    );
  });

  it("writes nothing in a dry run, and nothing without a yes", async () => {
    const world = aFluxCluster();

    await takeOver(world.ports, { ...options, silent: false, dryRun: true });
    await expect(takeOver(world.ports, { ...options, silent: false })).rejects.toThrow("aborting");

    expect(world.cluster.writes).toEqual([]);
    expect(world.stderr()).toContain("source-controller scaled from 1 to 0 (dry run)");
  });

  it("can be repeated", async () => {
    const world = aFluxCluster();
    await takeOver(world.ports, options);
    const { length } = world.cluster.writes;

    await takeOver(world.ports, options);

    expect(world.cluster.writes).toHaveLength(length);
  });

  it("works on one cluster", async () => {
    const { ports } = aWorld({ a: objectCluster(), b: objectCluster() });

    await expect(takeOver(ports, options)).rejects.toThrow("choose it with --cluster");
    await expect(handBack(ports, options)).rejects.toThrow("choose it with --cluster");
  });
});

describe("hand-back", () => {
  async function aTakenCluster(): Promise<World> {
    const world = aFluxCluster();
    await takeOver(world.ports, options);
    await bootstrap(world.cluster, { fleetCluster: { name: "a", arn: "" }, engine: "prod", clock: world.clock });
    return world;
  }

  it("removes what only the engine brought and scales to what was, the operator last", async () => {
    const world = await aTakenCluster();
    const before = world.cluster.writes.length;

    await handBack(world.ports, options);

    const writes = [...new Set(world.cluster.writes.slice(before))];
    expect(writes).toEqual([
      "delete ConfigMap/flux-system/driftless",
      "delete ClusterRoleBinding/driftless-source",
      "delete ClusterRoleBinding/driftless-impersonate",
      "delete ClusterRole/driftless-source",
      "delete ClusterRole/driftless-impersonate",
      "patch Deployment/flux-system/source-controller",
      "patch Deployment/flux-system/kustomize-controller",
      "patch Deployment/flux-system/flux-operator",
    ]);
    expect(replicasOf(world.cluster)).toEqual({
      "source-controller": 1,
      "kustomize-controller": 2,
      "flux-operator": 1,
      web: 2,
    });
    expect(JSON.stringify(world.cluster.objects())).not.toContain("driftless.dev/replicas");
  });

  it("waits until the engine has let go", async () => {
    const world = await aTakenCluster();
    const begin = world.clock.now();

    await handBack(world.ports, options);

    expect(world.clock.now() - begin).toBe(180_000);
  });

  it("writes nothing while an engine serves the cluster, and says what to do", async () => {
    const world = await aTakenCluster();
    const clock = {
      ...world.clock,
      sleep: async (millis: number) => {
        await world.clock.sleep(millis);
        world.cluster.put(ownershipObject({ engine: "prod", renewedAt: world.clock.now(), bootstrapped: true }));
      },
    };
    const before = world.cluster.writes.length;

    await expect(handBack({ ...world.ports, clock }, options)).rejects.toThrow(
      /^engine "prod" still serves this cluster, it said so at .*: remove the cluster from fleet\.json, deploy, and run hand-back again$/,
    );
    expect(world.cluster.writes).toHaveLength(before);
  });

  it("goes on where it was interrupted, and leaves what runs", async () => {
    const world = await aTakenCluster();
    await world.cluster.delete({ apiVersion: "v1", kind: "ConfigMap", namespace: "flux-system", name: "driftless" });
    await world.cluster.mergePatch(
      { apiVersion: "apps/v1", kind: "Deployment", namespace: "flux-system", name: "kustomize-controller" },
      { spec: { replicas: 3 } },
      { fieldManager: "test" },
    );

    await handBack(world.ports, options);

    expect(replicasOf(world.cluster)).toMatchObject({ "kustomize-controller": 3, "source-controller": 1 });
    expect(JSON.stringify(world.cluster.objects())).not.toContain("driftless.dev/replicas");
  });

  it("gives one replica to what was at rest before anybody noted", async () => {
    const world = aWorld([controller("source-controller", 0)]);

    await handBack(world.ports, options);

    expect(replicasOf(world.cluster)).toEqual({ "source-controller": 1 });
  });

  it("writes nothing in a dry run, and nothing without a yes", async () => {
    const world = await aTakenCluster();
    const before = world.cluster.writes.length;

    await handBack(world.ports, { ...options, silent: false, dryRun: true });
    await expect(handBack(world.ports, { ...options, silent: false })).rejects.toThrow("aborting");

    expect(world.cluster.writes).toHaveLength(before);
    expect(world.stderr()).toContain("ConfigMap/flux-system/driftless deleted (dry run)");
    expect(world.stderr()).toContain("kustomize-controller scaled from 0 to 2 (dry run)");
  });
});
