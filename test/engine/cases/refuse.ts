/** What bad input gets: conditions in Flux's words, and nothing half-applied. Same cases on sandbox and real server. */
import { describe, expect, it } from "vitest";

import type { LiveWorld } from "../live-world.ts";
import { configMap, kustomization, namespace, push, statusOfKustomization } from "./deploy.ts";

const service = (name: string, port: number) =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "bad" },
    spec: { ports: [{ port }] },
  });

interface Case {
  readonly title: string;
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly reason: string;
  readonly message: RegExp;
}

const cases: readonly Case[] = [
  {
    title: "a path that is missing",
    name: "nopath",
    files: {},
    reason: "ArtifactFailed",
    message: /^kustomization path not found: stat .*nopath: no such file or directory$/,
  },
  {
    title: "YAML that is broken",
    name: "broken",
    files: { "broken/a.yaml": "kind: ConfigMap\nmetadata: {name: x\n" },
    reason: "BuildFailed",
    message: /broken\/a\.yaml/,
  },
  {
    title: "a document without a kind",
    name: "nokind",
    files: { "nokind/a.yaml": "metadata:\n  name: x\n" },
    reason: "BuildFailed",
    message: /nokind\/a\.yaml/,
  },
  {
    title: "two objects of one name",
    name: "twice",
    files: { "twice/a.yaml": configMap("same", "bad", {}), "twice/b.yaml": configMap("same", "bad", { a: "b" }) },
    reason: "BuildFailed",
    message: /same/,
  },
  {
    title: "a reference out of the tree",
    name: "escape",
    files: { "escape/kustomization.yaml": "resources: [../../../etc/passwd]\n" },
    reason: "BuildFailed",
    message: /\.\.\/\.\.\/\.\.\/etc\/passwd/,
  },
  {
    title: "a remote base",
    name: "remote",
    files: { "remote/kustomization.yaml": "resources: ['https://example.com/base?ref=main']\n" },
    reason: "BuildFailed",
    message: /example\.com/,
  },
  {
    title: "an object that the server refuses",
    name: "rejected",
    files: {
      "rejected/good.yaml": configMap("beside-rejected", "bad", {}),
      "rejected/bad.yaml": service("rejected", 800000),
    },
    reason: "ReconciliationFailed",
    message: /^Service\/bad\/rejected dry-run failed \(Invalid\): .*800000/,
  },
  {
    title: "a namespace that is not there",
    name: "nons",
    files: { "nons/a.yaml": configMap("x", "no-such-namespace", {}) },
    reason: "ReconciliationFailed",
    message:
      /^ConfigMap\/no-such-namespace\/x not found: namespaces "no-such-namespace" not found — add the Namespace no-such-namespace to this Kustomization/,
  },
  {
    title: "a kind without a definition",
    name: "nocrd",
    files: {
      "nocrd/a.yaml": JSON.stringify({
        apiVersion: "nothere.example.com/v1",
        kind: "Ghost",
        metadata: { name: "g", namespace: "bad" },
      }),
    },
    reason: "ReconciliationFailed",
    message:
      /^Ghost\/bad\/g dry-run failed: no matches for kind "Ghost" in version "nothere\.example\.com\/v1" — the cluster has no definition of Ghost/,
  },
  {
    title: "a field that is not built yet",
    name: "fields",
    files: { "fields/a.yaml": configMap("never-applied", "bad", {}) },
    spec: { decryption: { provider: "sops" } },
    reason: "FeatureNotSupported",
    message: /decryption/,
  },
  {
    title: "a workload that does not become ready",
    name: "never",
    files: {
      "never/a.yaml": JSON.stringify({
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name: "never", namespace: "bad", annotations: { "sandbox.driftless.dev/ready": "false" } },
        spec: {
          replicas: 1,
          selector: { matchLabels: { app: "never" } },
          template: { metadata: { labels: { app: "never" } }, spec: { containers: [{ name: "c", image: "never:1" }] } },
        },
      }),
    },
    spec: { wait: true, timeout: "1s" },
    reason: "HealthCheckFailed",
    message:
      /^health check failed after 3\d(\.\d+)?s: timeout waiting for: \[Deployment\/bad\/never status: 'InProgress'\] — Deployment\/bad\/never: /,
  },
];

export function describeRefusals(world: () => LiveWorld): void {
  describe("bad input", () => {
    it.each(cases)(
      "ends with a condition for $title",
      async ({ name, files, spec, reason, message }) => {
        await push(world(), {
          "clusters/production/bad.yaml": [
            kustomization("bad-ns", "./bad-ns"),
            kustomization(name, `./${name}`, spec),
          ].join("\n---\n"),
          "bad-ns/ns.yaml": namespace("bad"),
          ...files,
        });
        await world().trigger("Kustomization", name);
        if (reason === "HealthCheckFailed") await world().skip(40_000);

        const { ready, status, ids } = await statusOfKustomization(world(), name);
        expect(ready).toMatchObject({ status: "False", reason });
        expect(ready?.message).toMatch(message);
        expect(status.lastAppliedRevision).toBeUndefined();
        if (reason !== "HealthCheckFailed") expect(ids).toEqual([]);
      },
      120_000,
    );

    it("names both Kustomizations that own one object, and goes on", async () => {
      await push(world(), {
        "clusters/production/bad.yaml": [
          kustomization("bad-ns", "./bad-ns"),
          kustomization("first", "./both/first"),
          kustomization("second", "./both/second", { dependsOn: [{ name: "first" }] }),
        ].join("\n---\n"),
        "bad-ns/ns.yaml": namespace("bad"),
        "both/first/cm.yaml": configMap("shared", "bad", { by: "first" }),
        "both/second/cm.yaml": configMap("shared", "bad", { by: "second" }),
      });

      const conflicts = world().logs.filter(({ fields }) => fields.reason === "OwnershipConflict");
      expect(conflicts.map(({ fields }) => fields.message)).toContain(
        "ConfigMap/bad/shared is owned by Kustomization/flux-system/first and wanted by Kustomization/flux-system/second: remove it from one of the two",
      );
      expect((await statusOfKustomization(world(), "second")).ready?.status).toBe("True");
    });

    it("writes nothing while Flux serves the cluster, and goes on when it is gone", async () => {
      const ref = { apiVersion: "apps/v1", kind: "Deployment", namespace: "flux-system", name: "kustomize-controller" };
      const labels = { "app.kubernetes.io/part-of": "flux", "app.kubernetes.io/component": "kustomize-controller" };
      const template = {
        metadata: { labels: { app: "kc" } },
        spec: { containers: [{ name: "manager", image: "kc:1" }] },
      };
      const spec = { replicas: 1, selector: { matchLabels: { app: "kc" } }, template };
      await world().cluster.create(
        {
          apiVersion: ref.apiVersion,
          kind: ref.kind,
          metadata: { namespace: ref.namespace, name: ref.name, labels },
          spec,
        },
        "test",
      );
      await world().sweep();
      world().repository.commit({ "apps/frozen.yaml": configMap("frozen", "shop", {}) });
      await world().trigger("GitRepository", "flux-system");
      const frozen = { apiVersion: "v1", kind: "ConfigMap", namespace: "shop", name: "frozen" };
      expect(await world().cluster.get(frozen)).toBeUndefined();
      expect(world().logs.findLast(({ event }) => event === "frozen")?.fields.message).toMatch(
        /^Deployment\/flux-system\/kustomize-controller has 1 replicas: Flux serves this cluster/,
      );

      await world().cluster.delete(ref);
      await world().sweep();
      await world().trigger("GitRepository", "flux-system");
      expect(await world().cluster.get(frozen)).toBeDefined();
    });

    it("applies nothing beside an object that is refused", async () => {
      const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: "bad", name: "beside-rejected" };
      expect(await world().cluster.get(ref)).toBeUndefined();
    });
  });
}
