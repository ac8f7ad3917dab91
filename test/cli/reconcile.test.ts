import { existsSync, readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { reconcile } from "../../cli/commands/reconcile.ts";
import { resume } from "../../cli/commands/resume.ts";
import { suspend } from "../../cli/commands/suspend.ts";
import { findKind } from "../../cli/kinds.ts";
import { objectCluster } from "../fakes/object-cluster.ts";
import { aGitRepository, aKustomization, aWorld, playEngine, revision } from "./world.ts";

const golden = "../shared/vectors/flux-cli/testdata/kustomization";
const git = findKind("GitRepository")!;
const ks = findKind("Kustomization")!;
const apps = { namespace: "flux-system", name: "apps", timeoutMillis: 300_000 };

const inGolden = (file: string) =>
  readFileSync(`${golden}/${file}`, "utf8")
    .replaceAll("{{ .ns }}", "flux-system")
    .replaceAll(/6\.3\.5@sha1:[0-9a-f]+/g, revision)
    .replaceAll("tkfg", "apps");

describe("reconcile", () => {
  it("annotates, wakes the engine and waits, the source first", async () => {
    const world = aWorld([aGitRepository(), aKustomization()]);
    playEngine(world.cluster);

    await reconcile(world.ports, ks, { ...apps, withSource: true });

    expect(world.triggered).toEqual(["local/GitRepository/fleet", "local/Kustomization/apps"]);
    expect(world.stdout()).toBe("");
    const kustomization = world.cluster.objects().find(({ kind }) => kind === "Kustomization");
    expect(kustomization?.metadata.annotations).toEqual({ "reconcile.fluxcd.io/requestedAt": "2026-01-01T10:00:00Z" });
  });

  it.skipIf(!existsSync(golden))("says what Flux says", async () => {
    const world = aWorld([
      aGitRepository("apps"),
      aKustomization("apps", { spec: { sourceRef: { kind: "GitRepository", name: "apps" } } }),
    ]);
    playEngine(world.cluster);

    await reconcile(world.ports, ks, { ...apps, withSource: true });

    expect(world.stderr()).toBe(inGolden("reconcile_kustomization_from_git.golden"));
  });

  it("does not take an older success for the answer", async () => {
    const world = aWorld([aKustomization()]);

    await expect(reconcile(world.ports, ks, apps)).rejects.toThrow(
      `Kustomization/flux-system/apps is not ready after 300s: Applied revision: ${revision}`,
    );
  });

  it("ends at once when the object stalls", async () => {
    const stalled = [{ type: "Stalled", status: "True", reason: "InvalidCELExpression", message: "does not compile" }];
    const world = aWorld([aKustomization("apps", { status: { conditions: stalled } })]);
    playEngine(world.cluster);

    await expect(reconcile(world.ports, ks, apps)).rejects.toThrow("does not compile");
  });

  it("waits while the object is reconciling", async () => {
    const world = aWorld([aKustomization()]);
    playEngine(world.cluster);
    const { ports, cluster } = world;
    const slow = {
      ...ports.clock,
      sleep: async (milliseconds: number) => {
        await ports.clock.sleep(milliseconds);
        if (ports.clock.now() < Date.parse("2026-01-01T10:00:03Z")) return;
        const found = cluster.objects()[0]!;
        const status = { ...(found.status as object), conditions: [{ type: "Ready", status: "True" }] };
        cluster.put({ ...found, status });
      },
    };
    const found = cluster.objects()[0]!;
    cluster.put({
      ...found,
      status: { lastAppliedRevision: "a", conditions: [{ type: "Reconciling", status: "True" }] },
    });

    await reconcile({ ...ports, clock: slow }, ks, apps);

    expect(ports.clock.now()).toBe(Date.parse("2026-01-01T10:00:03Z"));
  });

  it("refuses a suspended object", async () => {
    const world = aWorld([aKustomization("apps", { spec: { suspend: true } })]);

    await expect(reconcile(world.ports, ks, apps)).rejects.toThrow("resource is suspended");
    expect(world.cluster.writes).toEqual([]);
  });

  it("refuses a source that it does not reconcile", async () => {
    const world = aWorld([aKustomization("apps", { spec: { sourceRef: { kind: "Bucket", name: "b" } } })]);

    await expect(reconcile(world.ports, ks, { ...apps, withSource: true })).rejects.toThrow(
      "cannot reconcile source of kind Bucket",
    );
  });

  it("names an object that does not exist", async () => {
    await expect(reconcile(aWorld([]).ports, git, apps)).rejects.toThrow(
      `GitRepository object 'apps' not found in "flux-system" namespace`,
    );
  });

  it("goes on when the engine cannot be woken", async () => {
    const world = aWorld([aKustomization()], {
      trigger: async () => {
        throw new Error("queue is gone");
      },
    });
    playEngine(world.cluster);

    await reconcile(world.ports, ks, apps);

    expect(world.stderr()).toContain(
      "⚠️ the engine could not be woken, its next sweep will see the request: queue is gone",
    );
  });
});

describe("suspend", () => {
  it("sets the field on all named objects and reports names that do not exist", async () => {
    const world = aWorld([aKustomization()]);

    await suspend(world.ports, ks, { namespace: "flux-system", names: ["apps", "foo", "apps"] });

    expect(world.cluster.objects()[0]).toMatchObject({ spec: { suspend: true, prune: true } });
    expect(world.stderr()).toBe(
      "► suspending kustomization apps in flux-system namespace\n✔ kustomization suspended\n" +
        "✗ Kustomization foo not found in flux-system namespace\n",
    );
  });

  it.skipIf(!existsSync(golden))("says what Flux says", async () => {
    const world = aWorld([aKustomization()]);

    await suspend(world.ports, ks, { namespace: "flux-system", names: ["apps", "foo", "bar"] });

    expect(world.stderr()).toBe(inGolden("suspend_kustomization_from_git_multiple_args.golden"));
  });

  it("takes all of the namespace only when told to", async () => {
    const world = aWorld([aKustomization("a"), aKustomization("b")]);

    await expect(suspend(world.ports, ks, { namespace: "flux-system", names: [] })).rejects.toThrow(
      "kustomization name is required",
    );
    await suspend(world.ports, ks, { namespace: "flux-system", names: [], all: true });

    expect(world.cluster.writes).toEqual(["patch Kustomization/flux-system/a", "patch Kustomization/flux-system/b"]);
  });

  it("acts on the clusters that have the object, and says which", async () => {
    const clusters = { production: objectCluster({ objects: [aKustomization()] }), staging: objectCluster() };
    const world = aWorld(clusters);

    await suspend(world.ports, ks, { namespace: "flux-system", names: ["apps"] });

    expect(world.stderr()).toBe(
      "► production: suspending kustomization apps in flux-system namespace\n✔ production: kustomization suspended\n",
    );
  });
});

describe("resume", () => {
  const options = { namespace: "flux-system", timeoutMillis: 60_000 };
  const suspended = (name: string) => aKustomization(name, { spec: { suspend: true, prune: true } });

  it.skipIf(!existsSync(golden))("removes the field, waits for a single object, and says what Flux says", async () => {
    const world = aWorld([suspended("apps")]);

    await resume(world.ports, ks, { ...options, names: ["apps"] });

    expect(world.cluster.objects()[0]?.spec).toEqual({ prune: true });
    expect(world.triggered).toEqual(["local/Kustomization/apps"]);
    expect(world.stderr()).toBe(inGolden("resume_kustomization_from_git.golden"));
  });

  it("does not wait for several unless told to", async () => {
    const world = aWorld([suspended("a"), suspended("b")]);

    await resume(world.ports, ks, { ...options, names: ["a", "b"] });

    expect(world.stderr()).not.toContain("waiting");
  });

  it("waits until the new generation was seen", async () => {
    const old = aKustomization("apps", { metadata: { name: "apps", namespace: "flux-system", generation: 2 } });
    const world = aWorld([old]);

    await expect(resume(world.ports, ks, { ...options, names: ["apps"] })).rejects.toThrow(
      "reconciliation failed for 1 Kustomization(s)",
    );

    expect(world.stderr()).toContain(
      "✗ Kustomization apps reconciliation failed: Kustomization/flux-system/apps is not ready",
    );
  });
});
