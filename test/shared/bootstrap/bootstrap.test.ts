import { describe, expect, it } from "vitest";

import { bootstrap } from "../../../shared/bootstrap/bootstrap.ts";
import { ownershipObject, ownershipRef, parseOwnership, renewOwnership } from "../../../shared/bootstrap/ownership.ts";
import { parseGitRepository } from "../../../shared/api/git-repository.ts";
import { parseKustomization } from "../../../shared/api/kustomization.ts";
import type { FleetCluster } from "../../../shared/config/fleet.ts";
import { KubeError } from "../../../shared/kubernetes/cluster.ts";
import { fakeClock } from "../../fakes/fake-clock.ts";
import { objectCluster } from "../../fakes/object-cluster.ts";

const production: FleetCluster = {
  name: "production",
  arn: "arn:aws:eks:eu-west-1:111122223333:cluster/production",
  sync: { url: "https://git.example.com/fleet", path: "clusters/production", secretRef: "flux-system" },
};

const run = (cluster: ReturnType<typeof objectCluster>, fleetCluster = production) =>
  bootstrap(cluster, { fleetCluster, engine: "prod", clock: fakeClock() });

const gitRepository = { apiVersion: "source.toolkit.fluxcd.io/v1", kind: "GitRepository" } as const;
const root = { namespace: "flux-system", name: "flux-system" } as const;

describe("bootstrap", () => {
  it("installs namespace, definitions, identities and roots into an empty cluster, in this order", async () => {
    const cluster = objectCluster();

    const result = await run(cluster);

    expect(result).toEqual({
      kind: "ready",
      created: [
        "Namespace/flux-system",
        "CustomResourceDefinition/gitrepositories.source.toolkit.fluxcd.io",
        "CustomResourceDefinition/kustomizations.kustomize.toolkit.fluxcd.io",
        "ServiceAccount/flux-system/source-controller",
        "ServiceAccount/flux-system/kustomize-controller",
        "ServiceAccount/flux-system/helm-controller",
        "ServiceAccount/flux-system/notification-controller",
        "ClusterRole/crd-controller-flux-system",
        "ClusterRole/flux-edit-flux-system",
        "ClusterRole/flux-view-flux-system",
        "ClusterRoleBinding/cluster-reconciler-flux-system",
        "ClusterRoleBinding/crd-controller-flux-system",
        "GitRepository/flux-system/flux-system",
        "Kustomization/flux-system/flux-system",
      ],
    });
  });

  it("makes the roots that flux bootstrap would make", async () => {
    const cluster = objectCluster();

    await run(cluster);

    const source = await cluster.get({ ...gitRepository, ...root });
    const kustomization = cluster.objects().find(({ kind }) => kind === "Kustomization");
    expect(source && parseGitRepository(source)).toMatchObject({
      ok: true,
      value: {
        spec: {
          interval: "1m0s",
          ref: { branch: "main" },
          secretRef: { name: "flux-system" },
          url: "https://git.example.com/fleet",
        },
      },
    });
    expect(kustomization && parseKustomization(kustomization)).toMatchObject({
      ok: true,
      value: { spec: { interval: "10m0s", path: "./clusters/production", prune: true } },
    });
  });

  it("binds the group of the source role, and names the engine that owns the cluster", async () => {
    const cluster = objectCluster();

    await run(cluster);

    expect(cluster.objects()).toContainEqual(
      expect.objectContaining({
        kind: "ClusterRoleBinding",
        subjects: [{ kind: "Group", name: "driftless:source", apiGroup: "rbac.authorization.k8s.io" }],
      }),
    );
    expect(parseOwnership(await cluster.get(ownershipRef))).toMatchObject({ engine: "prod", bootstrapped: true });
  });

  it("binds the group that may only impersonate before a lock-down makes that impossible", async () => {
    const cluster = objectCluster();

    await run(cluster);

    expect(cluster.objects()).toContainEqual(
      expect.objectContaining({
        kind: "ClusterRoleBinding",
        subjects: [{ kind: "Group", name: "driftless:impersonate", apiGroup: "rbac.authorization.k8s.io" }],
      }),
    );
  });

  it("creates nothing when it runs again", async () => {
    const cluster = objectCluster();
    await run(cluster);
    const before = cluster.writes.length;

    const result = await run(cluster);

    expect(result).toEqual({ kind: "ready", created: [] });
    expect(cluster.writes.slice(before)).toEqual([
      "patch ConfigMap/flux-system/driftless",
      "apply ClusterRole/driftless-source",
      "apply ClusterRoleBinding/driftless-source",
      "apply ClusterRole/driftless-impersonate",
      "apply ClusterRoleBinding/driftless-impersonate",
      "patch ConfigMap/flux-system/driftless",
    ]);
  });

  it("leaves a repository's own definitions and roots as they are", async () => {
    const definition = {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "gitrepositories.source.toolkit.fluxcd.io" },
      spec: { group: "theirs" },
    };
    const source = { ...gitRepository, metadata: root, spec: { url: "ssh://git@example.com/theirs" } };
    const cluster = objectCluster({ objects: [definition, source] });

    await run(cluster);

    expect(cluster.writes).not.toContain("apply CustomResourceDefinition/gitrepositories.source.toolkit.fluxcd.io");
    expect(await cluster.get({ ...gitRepository, ...root })).toMatchObject({ spec: source.spec });
  });

  it("goes on where an invocation was killed", async () => {
    let requests = 0;
    const cluster = objectCluster({
      onRequest: () => {
        requests += 1;
        if (requests === 12) throw new Error("killed");
      },
    });
    await expect(run(cluster)).rejects.toThrow("killed");

    const result = await run(cluster);

    expect(result).toMatchObject({ kind: "ready" });
    expect(cluster.objects().map(({ kind }) => kind)).toContain("Kustomization");
  });

  it("reports a cluster from which Flux was uninstalled as detached, and writes nothing", async () => {
    const cluster = objectCluster();
    await run(cluster);
    await cluster.delete({ ...gitRepository, ...root });
    const before = cluster.writes.length;

    const result = await run(cluster);

    expect(result).toEqual({ kind: "detached", missing: ["GitRepository/flux-system/flux-system"] });
    expect(cluster.writes).toHaveLength(before);
  });

  it("does not set up again what the table knows, when everything was removed", async () => {
    const cluster = objectCluster();

    const result = await bootstrap(cluster, {
      fleetCluster: production,
      engine: "prod",
      clock: fakeClock(),
      bootstrappedBefore: true,
    });

    expect(result).toMatchObject({ kind: "detached" });
    expect(cluster.writes).toEqual([]);
  });

  it("installs no roots where the repository brings its own", async () => {
    const cluster = objectCluster();
    const { name, arn } = production;

    await run(cluster, { name, arn });

    expect(cluster.objects().map(({ kind }) => kind)).not.toContain("GitRepository");
  });

  it("waits for a definition to be served, but not for ever", async () => {
    const cluster = objectCluster();
    const slow = {
      ...cluster,
      resource: async () => {
        throw new KubeError(404, "NoMatch", "no matches for kind");
      },
    };

    await expect(bootstrap(slow, { fleetCluster: production, engine: "prod", clock: fakeClock() })).rejects.toThrow(
      "CustomResourceDefinition/gitrepositories.source.toolkit.fluxcd.io was not served after 10s",
    );
  });
});

describe("renewOwnership", () => {
  it("does not overwrite an engine that was faster", async () => {
    const cluster = objectCluster({ objects: [ownershipObject({ engine: "a", renewedAt: 0, bootstrapped: true })] });
    const seen = await cluster.get(ownershipRef);
    await renewOwnership(cluster, seen, { engine: "b", renewedAt: 1, bootstrapped: true });

    await expect(renewOwnership(cluster, seen, { engine: "a", renewedAt: 2, bootstrapped: true })).rejects.toThrow(
      KubeError,
    );

    expect(parseOwnership(await cluster.get(ownershipRef))).toMatchObject({ engine: "b" });
  });
});
