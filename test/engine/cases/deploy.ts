/** What a push does to a cluster: the same cases on the sandbox and on a real API server. */
import { describe, expect, it } from "vitest";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { conditionsOf } from "../../../shared/health/fields.ts";
import type { LiveWorld } from "../live-world.ts";

const kustomize = "kustomize.toolkit.fluxcd.io/v1";

export function kustomization(name: string, path: string, spec: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    apiVersion: kustomize,
    kind: "Kustomization",
    metadata: { name, namespace: "flux-system" },
    spec: {
      interval: "10m",
      path,
      prune: true,
      timeout: "30s",
      sourceRef: { kind: "GitRepository", name: "flux-system" },
      ...spec,
    },
  });
}

export function configMap(name: string, namespace: string, data: Readonly<Record<string, string>>): string {
  return JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace }, data });
}

export const namespace = (name: string): string =>
  JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name } });

export async function statusOfKustomization(world: LiveWorld, name: string, ns = "flux-system") {
  const object = await world.cluster.get({ apiVersion: kustomize, kind: "Kustomization", namespace: ns, name });
  const status = (object?.status ?? {}) as {
    inventory?: { entries: { id: string }[] };
    lastAppliedRevision?: string;
    lastAttemptedRevision?: string;
    history?: unknown[];
  };
  const ready = object && conditionsOf(object).find(({ type }) => type === "Ready");
  return { object, status, ready, ids: (status.inventory?.entries ?? []).map(({ id }) => id) };
}

export async function push(world: LiveWorld, files: Readonly<Record<string, string | null>>): Promise<void> {
  world.repository.commit(files);
  await world.trigger("GitRepository", "flux-system");
}

const find = (world: LiveWorld, kind: string, name: string, ns?: string): Promise<KubeObject | undefined> =>
  world.cluster.get({ apiVersion: "v1", kind, name, ...(ns ? { namespace: ns } : {}) });

/** @param world made before all cases; they build on each other's cluster but use names of their own */
export function describeDeploy(world: () => LiveWorld): void {
  describe("a push", () => {
    it("bootstraps an empty cluster and deploys the root with its children", async () => {
      world().repository.commit({
        "clusters/production/apps.yaml": kustomization("apps", "./apps"),
        "apps/ns.yaml": namespace("shop"),
        "apps/settings.yaml": configMap("settings", "shop", { color: "green" }),
      });
      await world().sweep();

      expect((await find(world(), "ConfigMap", "settings", "shop"))?.data).toEqual({ color: "green" });
      const root = await statusOfKustomization(world(), "flux-system");
      expect(root.ready).toMatchObject({ status: "True", reason: "ReconciliationSucceeded" });
      expect(root.ids).toEqual(["flux-system_apps_kustomize.toolkit.fluxcd.io_Kustomization"]);
      const apps = await statusOfKustomization(world(), "apps");
      expect(apps.ids).toEqual(["_shop__Namespace", "shop_settings__ConfigMap"]);
      expect(apps.status.lastAppliedRevision).toMatch(/^main@sha1:[0-9a-f]{40}$/);
    });

    it("writes exactly the object that changed, with a handful of requests", async () => {
      world().takeRequests();
      await push(world(), { "apps/settings.yaml": configMap("settings", "shop", { color: "blue" }) });

      expect((await find(world(), "ConfigMap", "settings", "shop"))?.data).toEqual({ color: "blue" });
      const writes = world()
        .takeRequests()
        .filter((line) => line.startsWith("PATCH") && line.includes("force=true") && !line.includes("dryRun"));
      expect(writes).toEqual([expect.stringContaining("/api/v1/namespaces/shop/configmaps/settings?")]);
    });

    it("prunes what leaves Git and forgets it", async () => {
      await push(world(), { "apps/extra.yaml": configMap("extra", "shop", { a: "b" }) });
      expect(await find(world(), "ConfigMap", "extra", "shop")).toBeDefined();

      await push(world(), { "apps/extra.yaml": null });

      expect(await find(world(), "ConfigMap", "extra", "shop")).toBeUndefined();
      expect((await statusOfKustomization(world(), "apps")).ids).not.toContain("shop_extra__ConfigMap");
    });

    it("restores an edit by hand and an object that was deleted", async () => {
      const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: "shop", name: "settings" };
      await world().cluster.mergePatch(ref, { data: { color: "red" } }, { fieldManager: "kubectl-edit" });
      await world().sweep();
      expect((await find(world(), "ConfigMap", "settings", "shop"))?.data).toEqual({ color: "blue" });

      await world().cluster.delete(ref);
      await world().sweep();
      expect((await find(world(), "ConfigMap", "settings", "shop"))?.data).toEqual({ color: "blue" });
    });

    it("asks nothing of the applied objects while nothing changes", async () => {
      await world().sweep();
      world().takeRequests();
      await world().sweep();

      const requests = world().takeRequests();
      expect(requests.filter((line) => line.startsWith("PATCH") && !line.includes("/configmaps/driftless"))).toEqual(
        [],
      );
      expect(requests.length).toBeLessThanOrEqual(14);
    });

    it("orders Kustomizations of one revision by dependsOn", async () => {
      await push(world(), {
        "clusters/production/late.yaml": kustomization("late", "./late", { dependsOn: [{ name: "early" }] }),
        "clusters/production/early.yaml": kustomization("early", "./early"),
        "late/cm.yaml": configMap("late", "shop", {}),
        "early/cm.yaml": configMap("early", "shop", {}),
      });
      const lines = world()
        .logs.filter(({ event }) => event === "applied")
        .map(({ fields }) => String(fields.object));
      expect(lines.indexOf("ConfigMap/shop/early")).toBeLessThan(lines.indexOf("ConfigMap/shop/late"));
      expect((await statusOfKustomization(world(), "late")).ready?.status).toBe("True");
    });

    describe("with variables", () => {
      const substituted = (spec: Readonly<Record<string, unknown>> = {}) =>
        kustomization("substituted", "./substituted", {
          postBuild: {
            substitute: { host: "b.example.com" },
            substituteFrom: [
              { kind: "ConfigMap", name: "vars" },
              { kind: "Secret", name: "vars" },
              { kind: "ConfigMap", name: "nowhere", optional: true },
            ],
          },
          ...spec,
        });
      const named = (object: object) =>
        JSON.stringify({ apiVersion: "v1", metadata: { namespace: "flux-system", name: "vars" }, ...object });

      it("takes them from ConfigMaps, Secrets and the spec, and puts common metadata over all", async () => {
        await push(world(), {
          "clusters/production/vars.yaml": [
            named({ kind: "ConfigMap", data: { color: "green", size: "3", host: "a.example.com" } }),
            named({ kind: "Secret", stringData: { size: "44", token: "s3cret" } }),
          ].join("\n---\n"),
          "clusters/production/substituted.yaml": substituted({
            commonMetadata: { labels: { team: "a" }, annotations: { literal: "${host}" } },
          }),
          "substituted/a.yaml": configMap("substituted", "shop", {
            text: "${color} ${size} ${host} ${other:=default} $${kept} ${token}",
          }),
          "substituted/b.yaml": configMap("untouched", "shop", { text: "plain" }),
          "substituted/c.yaml": JSON.stringify({
            apiVersion: "v1",
            kind: "ConfigMap",
            metadata: {
              name: "raw",
              namespace: "shop",
              labels: { "kustomize.toolkit.fluxcd.io/substitute": "disabled" },
            },
            data: { text: "${broken" },
          }),
        });

        const object = await find(world(), "ConfigMap", "substituted", "shop");
        expect(object?.data).toEqual({ text: "green 44 b.example.com default ${kept} s3cret" });
        expect(object?.metadata).toMatchObject({
          labels: { team: "a", "kustomize.toolkit.fluxcd.io/name": "substituted" },
          annotations: { literal: "${host}" },
        });
        expect((await find(world(), "ConfigMap", "raw", "shop"))?.data).toEqual({ text: "${broken" });
      });

      it("applies what a changed variable changes, and nothing else", async () => {
        const vars = { apiVersion: "v1", kind: "Secret", namespace: "flux-system", name: "vars" };
        const size = Buffer.from("55").toString("base64");
        await world().cluster.mergePatch(vars, { data: { size } }, { fieldManager: "kubectl" });
        world().takeRequests();
        await world().trigger("Kustomization", "substituted");

        expect(JSON.stringify(await find(world(), "ConfigMap", "substituted", "shop"))).toContain("green 55 ");
        const writes = world()
          .takeRequests()
          .filter((line) => line.startsWith("PATCH") && line.includes("force=true") && !line.includes("dryRun"));
        expect(writes).toEqual([expect.stringContaining("/configmaps/substituted?")]);
      });

      it("keeps values of Secrets out of what the API server says of a refusal", async () => {
        const metadata = { name: "refused", namespace: "shop", labels: { secret: "-${token}-" } };
        await push(world(), {
          "substituted/d.yaml": JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata }),
        });
        const { ready } = await statusOfKustomization(world(), "substituted");
        expect(ready).toMatchObject({ status: "False", reason: "ReconciliationFailed" });
        expect(ready?.message).toContain("-*****-");
        expect(ready?.message).not.toContain("s3cret");
        await push(world(), { "substituted/d.yaml": null });
      });

      it("names the object and the variable that is not set", async () => {
        await push(world(), { "substituted/d.yaml": configMap("unset", "shop", { text: "${unset_variable}" }) });
        const { ready } = await statusOfKustomization(world(), "substituted");
        expect(ready).toMatchObject({
          status: "False",
          reason: "BuildFailed",
          message: expect.stringMatching(
            /^post build failed for 'ConfigMap\.v1\.\[noGrp\]\/unset': envsubst error: variable substitution failed: variable not set \(strict mode\): "unset_variable" — set unset_variable in spec\.postBuild\.substitute/,
          ) as string,
        });
        await push(world(), { "substituted/d.yaml": null });
      });
    });

    it("merges the fields of the spec into the build", async () => {
      const patch = JSON.stringify({
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "base" },
        data: { b: "2" },
      });
      await push(world(), {
        "clusters/production/merged.yaml": kustomization("merged", "./merged", {
          targetNamespace: "shop",
          namePrefix: "a-",
          nameSuffix: "-z",
          patches: [{ patch }],
          components: ["../labelled", "../missing"],
          ignoreMissingComponents: true,
          images: [{ name: "web", newName: "registry.example.com/web", newTag: "1.2.3" }],
          buildMetadata: ["originAnnotations"],
        }),
        "merged/base.yaml": configMap("base", "", { a: "1" }),
        "merged/job.yaml": JSON.stringify({
          apiVersion: "batch/v1",
          kind: "CronJob",
          metadata: { name: "job" },
          spec: {
            schedule: "0 0 1 1 *",
            jobTemplate: {
              spec: {
                template: { spec: { restartPolicy: "Never", containers: [{ name: "job", image: "web:latest" }] } },
              },
            },
          },
        }),
        "labelled/kustomization.yaml":
          "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nlabels: [{pairs: {team: a}}]\n",
      });

      const { ids, ready } = await statusOfKustomization(world(), "merged");
      expect(ready).toMatchObject({ status: "True" });
      expect(ids).toEqual(["shop_a-base-z__ConfigMap", "shop_a-job-z_batch_CronJob"]);
      const object = await find(world(), "ConfigMap", "a-base-z", "shop");
      expect(object).toMatchObject({ data: { a: "1", b: "2" }, metadata: { labels: { team: "a" } } });
      expect(object?.metadata.annotations?.["config.kubernetes.io/origin"]).toBe("path: base.yaml\n");
      const job = { apiVersion: "batch/v1", kind: "CronJob", namespace: "shop", name: "a-job-z" };
      expect(JSON.stringify(await world().cluster.get(job))).toContain("registry.example.com/web:1.2.3");
    });

    it("removes a tenant with its children, ServiceAccount and RBAC in one commit", async () => {
      const subject = { kind: "ServiceAccount", name: "tenant", namespace: "tenant" };
      const child = JSON.parse(
        kustomization("child", "./tenant/child", { serviceAccountName: "tenant" }),
      ) as KubeObject;
      const inTenant = { ...child, metadata: { name: "child", namespace: "tenant" } };
      const source = { kind: "GitRepository", name: "flux-system", namespace: "flux-system" };
      const spec = { ...(child.spec as object), sourceRef: source };
      await push(world(), {
        "clusters/production/tenant.yaml": kustomization("tenant", "./tenant/base"),
        "tenant/base/ns.yaml": namespace("tenant"),
        "tenant/base/sa.yaml": JSON.stringify({
          apiVersion: "v1",
          kind: "ServiceAccount",
          metadata: { name: "tenant", namespace: "tenant" },
        }),
        "tenant/base/rb.yaml": JSON.stringify({
          apiVersion: "rbac.authorization.k8s.io/v1",
          kind: "RoleBinding",
          metadata: { name: "tenant", namespace: "tenant" },
          roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
          subjects: [subject],
        }),
        "tenant/base/child.yaml": JSON.stringify({ ...inTenant, spec }),
        "tenant/child/cm.yaml": configMap("inner", "tenant", { a: "b" }),
      });
      expect(await find(world(), "ConfigMap", "inner", "tenant")).toBeDefined();

      await push(world(), { "clusters/production/tenant.yaml": null });
      await world().settle(12_000);

      expect((await statusOfKustomization(world(), "child", "tenant")).object).toBeUndefined();
      expect((await statusOfKustomization(world(), "tenant")).object).toBeUndefined();
      expect(await find(world(), "ConfigMap", "inner", "tenant")).toBeUndefined();
      await expect.poll(() => find(world(), "Namespace", "tenant"), { timeout: 15_000 }).toBeUndefined();
    });
  });
}
