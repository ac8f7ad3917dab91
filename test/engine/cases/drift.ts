/** Drift by somebody's hand, named and corrected: the same cases on the sandbox and on a real API server. */
import { describe, expect, it } from "vitest";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { createDriftRecords } from "../../../shared/drift/records.ts";
import { findStanding } from "../../../shared/drift/standing.ts";
import { conditionsOf } from "../../../shared/health/fields.ts";
import { systemClock } from "../../../shared/runtime/clock.ts";
import { clusterName, type LiveWorld } from "../live-world.ts";
import { configMap, kustomization, namespace, push, statusOfKustomization } from "./deploy.ts";

const key = `${clusterName}/kustomize.toolkit.fluxcd.io/Kustomization/flux-system/drifting`;
const self = {
  apiVersion: "kustomize.toolkit.fluxcd.io/v1",
  kind: "Kustomization",
  namespace: "flux-system",
  name: "drifting",
};
const settings = { apiVersion: "v1", kind: "ConfigMap", namespace: "drifting", name: "settings" };
const web = { apiVersion: "apps/v1", kind: "Deployment", namespace: "drifting", name: "web" };

const deployment = (image: string) =>
  JSON.stringify({
    ...{ apiVersion: web.apiVersion, kind: web.kind, metadata: { name: web.name, namespace: web.namespace } },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: "web" } },
      template: {
        metadata: { labels: { app: "web" } },
        spec: {
          containers: [
            { name: "proxy", image: "proxy:1" },
            { name: "web", image },
          ],
        },
      },
    },
  });
const secret = JSON.stringify({
  ...{ apiVersion: "v1", kind: "Secret", metadata: { name: "login", namespace: "drifting" }, type: "Opaque" },
  stringData: { token: "hunter2" },
});
const login = { apiVersion: "v1", kind: "Secret", namespace: "drifting", name: "login" };

const recordOf = async (world: LiveWorld) => await createDriftRecords(world.table, systemClock).load(key);
const dataOf = (object: KubeObject | undefined) => object?.data as Readonly<Record<string, string>> | undefined;
const by = (fieldManager: string) => ({ fieldManager });
/** As the command line does it: what kubectl adds to an object from Git, its parent takes away again, as with Flux. */
const annotate = (world: LiveWorld, annotations: Readonly<Record<string, string | null>>) =>
  world.cluster.mergePatch(self, { metadata: { annotations } }, by("flux"));
const edit = (world: LiveWorld, data: Readonly<Record<string, string | null>>, manager = "kubectl-edit") =>
  world.cluster.mergePatch(settings, { data }, by(manager));

/** @param world made before all cases */
export function describeDrift(world: () => LiveWorld): void {
  describe("drift", () => {
    it("is nothing after a deployment", async () => {
      await push(world(), {
        "clusters/production/drifting.yaml": kustomization("drifting", "./drifting"),
        "drifting/ns.yaml": namespace("drifting"),
        "drifting/settings.yaml": configMap("settings", "drifting", { color: "green", size: "1" }),
        "drifting/web.yaml": deployment("web:1"),
        "drifting/login.yaml": secret,
      });
      expect((await statusOfKustomization(world(), "drifting")).ready?.status).toBe("True");
      await world().sweep();
      expect(await recordOf(world())).toBeUndefined();
    });

    it("is named with field, values, manager and operation, and corrected by the next sweep", async () => {
      await edit(world(), { color: "red" });
      const image = { op: "replace", path: "/spec/template/spec/containers/1/image", value: "web:hacked" };
      await world().cluster.jsonPatch(web, [image], by("kubectl-set"));
      await world().sweep();

      expect(dataOf(await world().cluster.get(settings))?.color).toBe("green");
      const past = (await recordOf(world()))?.past ?? [];
      expect(past.map(({ id, kind, end }) => [id, kind, end]).sort()).toEqual([
        ["drifting_settings__ConfigMap", "changed", "corrected"],
        ["drifting_web_apps_Deployment", "changed", "corrected"],
      ]);
      const fields = past.flatMap((object) => object.fields);
      expect(fields).toEqual(
        expect.arrayContaining([
          expect.objectContaining({
            ...{ pointer: "/data/color", git: "green", live: "red" },
            ...{ manager: "kubectl-edit", operation: "Update", time: expect.stringMatching(/Z$/) as string },
          }),
          expect.objectContaining({
            ...{ pointer: "/spec/template/spec/containers/1/image", git: "web:1", live: "web:hacked" },
            ...{ manager: "kubectl-set", operation: "Update" },
          }),
        ]),
      );
      const { items } = await world().cluster.list("v1", "Event", { namespace: "flux-system" });
      const told = items.filter((item) => item.reason === "DriftDetected").map((item) => String(item.message));
      expect(told.join("\n")).toMatch(/ConfigMap\/drifting\/settings \/data\/color by kubectl-edit at .*Z: corrected/);
    });

    it("is a field that was taken away, which nobody owns any more", async () => {
      await edit(world(), { size: null });
      await world().sweep();
      expect(dataOf(await world().cluster.get(settings))).toEqual({ color: "green", size: "1" });
      expect((await recordOf(world()))?.past[0]?.fields).toEqual([{ pointer: "/data/size", git: "1", live: null }]);
    });

    it("is an object that was deleted", async () => {
      await world().cluster.delete(settings);
      await world().sweep();
      expect(dataOf(await world().cluster.get(settings))?.color).toBe("green");
      expect((await recordOf(world()))?.past[0]).toMatchObject({ kind: "deleted", end: "corrected" });
    });

    it("never shows a value of a Secret", async () => {
      const stolen = Buffer.from("stolen!").toString("base64");
      await world().cluster.mergePatch(login, { data: { token: stolen } }, by("kubectl-edit"));
      await world().sweep();
      const record = await recordOf(world());
      expect(record?.past[0]?.fields[0]).toMatchObject({
        pointer: "/data/token",
        git: expect.stringMatching(/^hmac:/) as string,
        live: expect.stringMatching(/^hmac:/) as string,
      });
      const { items } = await world().cluster.list("v1", "Event", { namespace: "flux-system" });
      const said = JSON.stringify([record, items, world().logs, await world().cluster.get(self)]);
      for (const text of ["hunter2", "stolen!"])
        for (const value of [text, Buffer.from(text).toString("base64")]) expect(said).not.toContain(value);
    });

    it("of ownership alone is noticed and taken back, so that what leaves Git leaves the cluster", async () => {
      const object: KubeObject = {
        ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings", namespace: "drifting" } },
        data: { color: "green", size: "1" },
      };
      await world().cluster.apply(object, { fieldManager: "kubectl", force: true });
      await world().sweep();
      const owners = (await world().cluster.get(settings))?.metadata.managedFields ?? [];
      expect(owners.map(({ manager }) => manager)).toEqual(["kustomize-controller"]);
      expect((await recordOf(world()))?.past[0]).toMatchObject({
        kind: "ownership",
        fields: [{ manager: "kubectl", operation: "Apply" }],
      });
      await push(world(), { "drifting/settings.yaml": configMap("settings", "drifting", { color: "green" }) });
      expect(dataOf(await world().cluster.get(settings))).toEqual({ color: "green" });
    });

    it("is left in the mode warn, once told of, and no sweep works on it again", async () => {
      await annotate(world(), { "driftless.dev/drift": "warn" });
      await edit(world(), { color: "red" });
      await world().sweep();
      expect(dataOf(await world().cluster.get(settings))?.color).toBe("red");
      const object = await world().cluster.get(self);
      expect(conditionsOf(object ?? ({} as KubeObject)).find(({ type }) => type === "Drifted")?.reason).toBe(
        "DriftWarned",
      );
      expect((await statusOfKustomization(world(), "drifting")).ready?.status).toBe("True");
      const before = world().logs.length;
      await world().sweep();
      const runs = world()
        .logs.slice(before)
        .filter(({ event, fields }) => event === "reconciled" && fields.key === key);
      expect(runs).toEqual([]);
    });

    it("is corrected once it is approved, and only what was approved", async () => {
      const plan = async () => findStanding((await world().cluster.get(self)) ?? ({} as KubeObject))?.plan ?? "";
      await annotate(world(), { "driftless.dev/approve-drift": await plan() });
      await edit(world(), { color: "blue" });
      await world().sweep();
      expect(dataOf(await world().cluster.get(settings))?.color).toBe("blue");
      await annotate(world(), { "driftless.dev/approve-drift": await plan() });
      await world().sweep();
      expect(dataOf(await world().cluster.get(settings))?.color).toBe("green");
    });

    it("is left while a snooze lasts, and corrected when it is over", async () => {
      const until = new Date(Date.now() + 3000).toISOString();
      await annotate(world(), { "driftless.dev/drift": null, "driftless.dev/drift-snooze": `${until} a load test` });
      await edit(world(), { color: "red" });
      await world().sweep();
      expect(dataOf(await world().cluster.get(settings))?.color).toBe("red");
      await world().settle(5000);
      await world().sweep();
      expect(dataOf(await world().cluster.get(settings))?.color).toBe("green");
    });

    it("that comes again after each correction is left to the interval, naming both managers", async () => {
      for (let round = 0; round < 4; round += 1) {
        await edit(world(), { color: `red ${round}` }, "autotuner");
        await world().sweep();
      }
      expect(dataOf(await world().cluster.get(settings))?.color).toBe("red 3");
      const standing = findStanding((await world().cluster.get(self)) ?? ({} as KubeObject));
      expect(standing?.reason).toBe("DriftFlapping");
      expect(standing?.message).toContain("autotuner rewrites what kustomize-controller corrects");
    });
  });
}
