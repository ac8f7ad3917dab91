/** One sweep of a sandbox cluster, whose RBAC and access policies are those that the roles have on EKS. */
import { afterEach, describe, expect, it } from "vitest";

import type { Identity } from "../../../local/sandbox/rbac.ts";
import { ownershipRef, parseOwnership } from "../../../shared/bootstrap/ownership.ts";
import { decodeFluxSettings } from "../../../shared/config/stored-settings.ts";
import type { FleetCluster } from "../../../shared/config/fleet.ts";
import { type Cluster, KubeError } from "../../../shared/kubernetes/cluster.ts";
import type { Held } from "../../../shared/lease/with-lease.ts";
import { readClusterRecord, restUntil } from "../../../shared/runtime/cluster-record.ts";
import type { LogFields } from "../../../shared/runtime/log.ts";
import { sweep, type SweepPorts } from "../../../shared/sweep/sweep.ts";
import { kustomizationApiVersion } from "../../../shared/api/kustomization.ts";
import { createMemoryBlobs } from "../../engine/memory-blobs.ts";
import { createSandboxCluster, type SandboxCluster } from "../../engine/sandbox-cluster.ts";
import { fakeClock } from "../../fakes/fake-clock.ts";
import { aHeld } from "../../fakes/held.ts";
import { memorySpokes } from "../../fakes/spokes.ts";
import { createMemoryTable } from "../../fakes/memory-table.ts";
import { restSweep } from "../../../shared/sweep/rest.ts";

const fleetCluster: FleetCluster = {
  name: "one",
  arn: "arn:aws:eks:eu-west-1:111122223333:cluster/one",
  sync: { url: "https://git.example.com/fleet.git", path: "clusters/one" },
};
const reader: Identity = { user: "sweep", groups: ["system:authenticated"], policies: ["AmazonEKSAdminViewPolicy"] };
const writer: Identity = { user: "apply", groups: ["system:authenticated"], policies: ["AmazonEKSClusterAdminPolicy"] };
const lockedDown: Identity = { user: "apply", groups: ["driftless:impersonate", "system:authenticated"] };

let sandbox: SandboxCluster | undefined;
afterEach(() => sandbox?.stop());

function aWorld() {
  const clock = fakeClock();
  const cluster = (sandbox = createSandboxCluster({ clock }));
  const table = createMemoryTable({ now: clock.now });
  const triggered: string[] = [];
  const servers = new Set<string>();
  let inFlight = 0;
  let mostInFlight = 0;
  const unreachable: string[] = [];
  const pending: string[] = [];
  const standing: unknown[] = [];
  const logs: { readonly event: string; readonly fields: LogFields }[] = [];
  const ports: SweepPorts = {
    engine: "main",
    table,
    blobs: createMemoryBlobs(),
    clock,
    log: (event, fields = {}) => logs.push({ event, fields }),
    trigger: async (key, why, { uid }) => {
      mostInFlight = Math.max(mostInFlight, ++inFlight);
      await new Promise((resolve) => setImmediate(resolve));
      inFlight -= 1;
      triggered.push(`${key} ${why}`);
      servers.add(uid);
    },
    openCluster: async (_, purpose) => cluster.clusterAs(purpose === "sweep" ? reader : applies),
    spokes: () => memorySpokes(),
    frozen: () => undefined,
    unreachable: (name) => void unreachable.push(name),
    swept: () => undefined,
    prunePending: (name, kustomizations) => void pending.push(`${name} ${kustomizations}`),
    driftStands: (name, count) => void standing.push([name, count]),
  };
  let applies = writer;
  return {
    clock,
    cluster: cluster.cluster,
    table,
    triggered,
    servers,
    mostInFlight: () => mostInFlight,
    unreachable,
    pending,
    standing,
    logs,
    applyAs: (identity: Identity) => void (applies = identity),
    ports,
    run: (member: FleetCluster = fleetCluster, held: Partial<Held> = {}) =>
      sweep(member, aHeld("one/sweep", held), ports),
  };
}

const keyOf = (kind: "GitRepository" | "Kustomization") =>
  `one/${kind === "GitRepository" ? "source" : "kustomize"}.toolkit.fluxcd.io/${kind}/flux-system/flux-system`;

describe("a sweep", () => {
  it("bootstraps and triggers what it finds", async () => {
    const world = aWorld();

    expect(await world.run()).toEqual({ kind: "done", againInSeconds: 60 });

    expect(world.unreachable).toEqual([]);
    expect(world.triggered).toEqual([`${keyOf("GitRepository")} new`, `${keyOf("Kustomization")} new`]);
  });

  it("gives a cluster without a root the settings of no flags, before it triggers anything", async () => {
    const world = aWorld();
    const rootless: FleetCluster = { name: "one", arn: fleetCluster.arn, compatibility: "2.8" };
    await world.run(rootless);
    expect(world.triggered).toEqual([]);
    await world.cluster.create(
      {
        apiVersion: "kustomize.toolkit.fluxcd.io/v1",
        kind: "Kustomization",
        metadata: { name: "apps", namespace: "default" },
        spec: { interval: "1m", prune: true, sourceRef: { kind: "GitRepository", name: "apps" } },
      },
      "test",
    );
    await world.table.update({ pk: "CL#one", sk: "META" }, { update: "REMOVE settings", values: {} });
    const found: unknown[] = [];
    const { trigger } = world.ports;
    Object.assign(world.ports, {
      trigger: async (...told: Parameters<typeof trigger>) => {
        found.push(decodeFluxSettings((await readClusterRecord(world.table, "one"))?.settings)?.compatibility);
        await trigger(...told);
      },
    });
    await world.run(rootless);
    expect(found).toEqual(["2.8"]);
  });

  it("leaves the settings of a cluster with a root to that", async () => {
    const world = aWorld();
    await world.run();
    expect((await readClusterRecord(world.table, "one"))?.settings).toBeUndefined();
  });

  it("goes on in a cluster that is locked down, and renews its ownership there", async () => {
    const world = aWorld();
    await world.run();
    world.applyAs(lockedDown);
    world.clock.advance(60_000);
    const before = world.clock.now();

    await world.run({ ...fleetCluster, lockdown: true });

    expect([world.unreachable, world.logs]).toEqual([[], []]);
    expect(world.triggered).toHaveLength(4);
    const ownership = parseOwnership(await world.cluster.get(ownershipRef));
    // Kubernetes' times have no milliseconds.
    expect(before - (ownership?.renewedAt ?? 0)).toBeLessThan(1000);
  });

  it("knows a locked-down cluster again after its table was lost", async () => {
    const world = aWorld();
    await world.run();
    world.applyAs(lockedDown);
    await world.table.delete({ pk: "CL#one", sk: "META" });

    await world.run({ ...fleetCluster, lockdown: true });

    expect([world.unreachable, world.logs]).toEqual([[], []]);
    expect(await world.table.get({ pk: "CL#one", sk: "META" })).toMatchObject({ bootstrapped: true, frozen: [] });
  });

  it("tells how many prunes wait for approval, and nothing while there are none", async () => {
    const world = aWorld();
    await world.run();
    expect(world.pending).toEqual([]);
    const lastTransitionTime = "2026-01-01T00:00:00Z";
    const condition = { type: "PrunePending", status: "True", reason: "DeletionBudgetExceeded", message: "over" };
    const conditions = [{ ...condition, lastTransitionTime }];
    const root = {
      apiVersion: kustomizationApiVersion,
      kind: "Kustomization",
      namespace: "flux-system",
      name: "flux-system",
    };
    const status = { subresource: "status", fieldManager: "gotk-kustomize-controller" } as const;
    await world.cluster.mergePatch(root, { status: { conditions } }, status);

    await world.run();

    expect(world.pending).toEqual(["one 1"]);
  });

  it("tells how many Kustomizations differ from Git and stay so, and asks for a run where somebody governs them anew", async () => {
    const world = aWorld();
    await world.run();
    expect(world.standing).toEqual([]);
    const lastTransitionTime = "2026-01-01T00:00:00Z";
    const message = `1 object differs from Git: ConfigMap/apps/a /data/x; mode approve; plan ${"a".repeat(32)}`;
    const conditions = [{ type: "Drifted", status: "True", reason: "DriftFlapping", message, lastTransitionTime }];
    const root = {
      apiVersion: kustomizationApiVersion,
      kind: "Kustomization",
      namespace: "flux-system",
      name: "flux-system",
    };
    const status = { subresource: "status", fieldManager: "gotk-kustomize-controller" } as const;
    await world.cluster.mergePatch(root, { status: { conditions } }, status);

    await world.run();

    expect(world.standing).toEqual([["one", { uncorrected: 1, flapping: 1 }]]);
  });

  it("tells the rows which API server their objects live on", async () => {
    const world = aWorld();

    await world.run();

    const system = await world.cluster.get({ apiVersion: "v1", kind: "Namespace", name: "kube-system" });
    expect([...world.servers]).toEqual([system?.metadata.uid]);
  });

  it("triggers sixteen objects at a time", async () => {
    const world = aWorld();
    await world.run();
    for (let i = 0; i < 40; i++)
      await world.cluster.create(
        {
          apiVersion: "source.toolkit.fluxcd.io/v1",
          kind: "GitRepository",
          metadata: { name: `r${i}`, namespace: "flux-system" },
          spec: { interval: "1m0s", url: "https://git.example.com/r" },
        },
        "test",
      );

    await world.run();

    expect(world.triggered).toHaveLength(44);
    expect(world.mostInFlight()).toBe(16);
  });

  it("ends when its deadline is near instead of waiting for a slow API server", async () => {
    const world = aWorld();
    await world.run();
    const struck = AbortSignal.abort(new Error("deadline"));

    await expect(world.run(fleetCluster, { signal: struck })).rejects.toThrow("deadline");
    expect(world.unreachable).toEqual([]);
  });

  it("says that it was refused where the API server answered", async () => {
    const world = aWorld();
    await world.run();
    world.applyAs({ user: "apply", groups: ["system:authenticated"] });

    await world.run();

    expect(world.logs).toMatchObject([{ event: "refused", fields: { key: "one/sweep" } }]);
    expect(world.unreachable).toEqual(["one"]);
  });
});

const gitRepositories = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  name: "gitrepositories.source.toolkit.fluxcd.io",
};

describe("a sweep of a cluster with old stored versions", () => {
  const storeOld = ({ cluster }: ReturnType<typeof aWorld>) =>
    cluster.mergePatch(
      gitRepositories,
      { status: { storedVersions: ["v1beta2", "v1"] } },
      { fieldManager: "test", subresource: "status" },
    );
  const stored = async ({ cluster }: ReturnType<typeof aWorld>) =>
    (await cluster.get(gitRepositories))?.status as { storedVersions: unknown };
  const record = (world: ReturnType<typeof aWorld>) => readClusterRecord(world.table, "one");

  it("migrates them before anything of it is triggered", async () => {
    const world = aWorld();
    await world.run();
    await storeOld(world);
    await world.table.delete({ pk: "CL#one", sk: "META" });
    let seen: unknown;
    Object.assign(world.ports, { trigger: async () => (seen = (await stored(world)).storedVersions) });

    await world.run();

    expect(seen).toEqual(["v1"]);
  });

  it("looks again after an hour", async () => {
    const world = aWorld();
    await world.run();
    await storeOld(world);

    world.clock.advance(59 * 60_000);
    await world.run();
    expect((await stored(world)).storedVersions).toEqual(["v1beta2", "v1"]);

    world.clock.advance(60_000);
    await world.run();
    expect((await stored(world)).storedVersions).toEqual(["v1"]);
    expect((await record(world))?.migratedAt).toBe(Math.floor(world.clock.now() / 1000));
  });

  it("stays frozen while one cannot be migrated, and a cluster that is served goes on", async () => {
    const world = aWorld();
    await world.run();
    await storeOld(world);
    const refuse = () => {
      const { openCluster } = world.ports;
      const refusing = async (...call: Parameters<typeof openCluster>): Promise<Cluster> => {
        const cluster = await openCluster(...call);
        const view: Cluster = {
          ...cluster,
          as: () => view,
          mergePatch: async (ref, patch, options) => {
            if (ref.kind === "GitRepository") throw new KubeError(403, "Forbidden", "denied by policy");
            return cluster.mergePatch(ref, patch, options);
          },
        };
        return view;
      };
      Object.assign(world.ports, { openCluster: refusing });
      return () => Object.assign(world.ports, { openCluster });
    };
    const allow = refuse();
    const refusal =
      "GitRepository/flux-system/flux-system cannot be stored as source.toolkit.fluxcd.io/v1: denied by policy";

    world.clock.advance(3_600_000);
    await world.run();
    expect(world.logs).toMatchObject([{ event: "unmigrated", fields: { message: refusal } }]);
    expect((await record(world))?.frozen).toEqual([]);

    await world.table.delete({ pk: "CL#one", sk: "META" });
    await world.run();
    expect((await record(world))?.frozen).toEqual([refusal]);

    allow();
    await world.run();
    expect((await record(world))?.frozen).toEqual([]);
    expect((await stored(world)).storedVersions).toEqual(["v1"]);
  });

  it("begins again when it was frozen in between", async () => {
    const world = aWorld();
    await world.run();
    const running = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: {
        name: "source-controller",
        namespace: "flux-system",
        labels: { "app.kubernetes.io/part-of": "flux" },
      },
      spec: {
        selector: { matchLabels: { app: "source-controller" } },
        template: {
          metadata: { labels: { app: "source-controller" } },
          spec: { containers: [{ name: "manager", image: "ghcr.io/fluxcd/source-controller:v1.7.0" }] },
        },
      },
    };
    await world.cluster.create(running, "test");
    await world.run();
    expect(await record(world)).toMatchObject({ frozen: [expect.stringContaining("has 1 replicas")] });
    expect((await record(world))?.migratedAt).toBeUndefined();

    await storeOld(world);
    await world.cluster.delete({ ...running, name: "source-controller", namespace: "flux-system" });
    await world.run();
    expect((await stored(world)).storedVersions).toEqual(["v1"]);
  });
});

describe("a sweep that does not come to an end", () => {
  it("rests for ten minutes, until one comes to its end", async () => {
    const world = aWorld();

    await restSweep("one", world.ports);

    const seconds = Math.floor(world.clock.now() / 1000);
    expect(restUntil(await world.table.get({ pk: "CL#one", sk: "META" }))).toBe(seconds + 600);
    expect(await readClusterRecord(world.table, "one")).toBeUndefined();
    expect(world.logs).toMatchObject([{ event: "sweep rests", fields: { key: "one/sweep", seconds: 600 } }]);
    await world.run();
    expect(restUntil(await world.table.get({ pk: "CL#one", sk: "META" }))).toBe(0);
  });
});
