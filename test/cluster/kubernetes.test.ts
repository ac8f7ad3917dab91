/** The cluster adapter and server-side apply against a real API server. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import type { KubeObject, ObjectRef } from "../../shared/api/kube-object.ts";
import { refOf } from "../../shared/api/kube-object.ts";
import { KubeError } from "../../shared/kubernetes/cluster.ts";
import { createCluster, type OpenCluster } from "../../shared/kubernetes/create-cluster.ts";
import { connectKubeconfig } from "../../shared/kubernetes/kubeconfig.ts";
import { parseKubeYaml } from "../../shared/runtime/kube-yaml.ts";
import { applyManager, applyStage, type Checked, dryRunStage } from "../../shared/ssa/apply.ts";
import { deleteObjects } from "../../shared/ssa/delete.ts";
import { normalize } from "../../shared/ssa/normalize.ts";
import { compareRefs } from "../../shared/ssa/order.ts";
import { type Owner, withOwner } from "../../shared/ssa/owner.ts";
import { stageCount, stageOf } from "../../shared/ssa/stages.ts";
import { missingForCluster, realBinary, type RealCluster, startRealCluster } from "../real/up.ts";

const missing = missingForCluster();
const golden = "../shared/golden";
const owner: Owner = { name: "golden-plain", namespace: "flux-system" };
const namespace = "engine";

describe.skipIf(missing)(`a real API server${missing ? `: ${missing}` : ""}`, () => {
  let real: RealCluster;
  let cluster: OpenCluster;
  const sent: string[] = [];

  beforeAll(async () => {
    real = await startRealCluster();
    const connection = await connectKubeconfig({ path: real.kubeconfigPath });
    cluster = createCluster({ ...connection, onRequest: (method, path) => sent.push(`${method} ${path}`) });
    await cluster.create(object("v1", "Namespace", namespace, {}, ""), "test");
  });
  beforeEach(() => void sent.splice(0));
  afterAll(async () => {
    await cluster.close();
    await real.stop();
  });

  describe("createCluster", () => {
    it("finds kinds by aggregated discovery, once", async () => {
      expect(await cluster.resource("apiregistration.k8s.io/v1", "APIService")).toEqual({
        group: "apiregistration.k8s.io",
        version: "v1",
        kind: "APIService",
        plural: "apiservices",
        namespaced: false,
      });
      await cluster.resource("discovery.k8s.io/v1", "EndpointSlice");
      expect(sent.sort()).toEqual(["GET /api", "GET /apis"]);
    });

    it("says in Flux's words that a kind is not there", async () => {
      await expect(cluster.get(ref("nothere.example.com/v1", "Ghost", "g"))).rejects.toMatchObject({
        reason: "NoMatch",
        message: 'no matches for kind "Ghost" in version "nothere.example.com/v1"',
      });
    });

    it("gives undefined for what does not exist", async () => {
      expect(await cluster.get(ref("v1", "ConfigMap", "nothing"))).toBeUndefined();
    });

    it("lists with kind, or metadata alone", async () => {
      await apply(object("v1", "ConfigMap", "listed", { data: { key: "value" } }, namespace, { app: "listed" }));
      const options = { namespace, labelSelector: "app=listed" };
      const whole = await cluster.list("v1", "ConfigMap", options);
      const metadata = await cluster.list("v1", "ConfigMap", { ...options, metadataOnly: true });
      expect(whole.items).toMatchObject([{ apiVersion: "v1", kind: "ConfigMap", data: { key: "value" } }]);
      expect(metadata.items).toMatchObject([{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "listed" } }]);
      expect(metadata.items[0]).not.toHaveProperty("data");
      expect(Number(whole.resourceVersion)).toBeGreaterThan(0);
    });

    it("writes nothing in a dry-run", async () => {
      const wanted = object("v1", "ConfigMap", "dry", { data: { key: "value" } });
      const result = await cluster.apply(wanted, { fieldManager: applyManager, force: true, dryRun: true });
      expect(result.metadata.resourceVersion).toBeUndefined();
      expect(await cluster.get(refOf(wanted))).toBeUndefined();
    });

    it("keeps int64, unknown fields and long decimals of custom resources", async () => {
      const name = await define("numbers", true);
      const spec = { big: 9223372036854775807n, decimal: 0.1, nested: { anything: [1, "two", null] } };
      const wanted = object(name.apiVersion, name.kind, "n", { spec });
      await apply(wanted);
      const live = await cluster.get(refOf(wanted));
      expect(JSON.stringify(live?.spec, (_, value: unknown) => (isLossless(value) ? String(value) : value))).toBe(
        JSON.stringify({ big: "9223372036854775807", decimal: 0.1, nested: { anything: [1, "two", null] } }),
      );
      const [checked] = await dryRunStage(cluster, [{ desired: wanted, live: "unknown" }]);
      expect(checked?.action).toBe("unchanged");
    });

    it("impersonates", async () => {
      const other = cluster.as(`system:serviceaccount:${namespace}:nobody`);
      await expect(other.get(ref("v1", "Secret", "s"))).rejects.toMatchObject({
        reason: "Forbidden",
        message: expect.stringContaining(
          `User "system:serviceaccount:${namespace}:nobody" cannot get resource "secrets"`,
        ) as string,
      });
    });

    it("watches from a version", async () => {
      const { resourceVersion } = await cluster.list("v1", "ConfigMap", { namespace });
      await apply(object("v1", "ConfigMap", "watched", { data: { key: "value" } }));
      const events = cluster.watch("v1", "ConfigMap", { namespace, resourceVersion, timeoutSeconds: 5 });
      for await (const event of events) {
        expect(event).toMatchObject({ type: "ADDED", object: { kind: "ConfigMap", metadata: { name: "watched" } } });
        break;
      }
    });

    it("throws Gone for a version that is too old", async () => {
      const events = cluster.watch("v1", "ConfigMap", { namespace, resourceVersion: "1", timeoutSeconds: 2 });
      const read = async () => {
        for await (const event of events) expect(event.type).toBe("ADDED");
      };
      // A young server still has every event; then the watch just ends.
      await read().catch((error: unknown) => expect(error).toMatchObject({ reason: "Gone", code: 410 }));
    });

    it("ends a watch when its signal aborts", async () => {
      const { resourceVersion } = await cluster.list("v1", "ConfigMap", { namespace });
      const events = cluster.watch("v1", "ConfigMap", { namespace, resourceVersion, signal: AbortSignal.timeout(100) });
      for await (const _ of events) throw new Error("unexpected event");
    });

    it("deletes only the incarnation that is meant", async () => {
      const created = await apply(object("v1", "ConfigMap", "once", { data: {} }));
      const target = refOf(created);
      await expect(cluster.delete(target, { uid: "another" })).rejects.toMatchObject({ reason: "Conflict" });
      expect(await cluster.delete(target, { uid: created.metadata.uid ?? "" })).toBe("deleted");
      expect(await cluster.delete(target)).toBe("absent");
    });

    it("refuses a patch of another version", async () => {
      const created = await apply(object("v1", "ConfigMap", "versioned", { data: { a: "1" } }));
      const patch = { metadata: { resourceVersion: created.metadata.resourceVersion }, data: { a: "2" } };
      await cluster.mergePatch(refOf(created), patch, { fieldManager: "test" });
      await expect(
        cluster.mergePatch(refOf(created), { ...patch, data: { a: "3" } }, { fieldManager: "test" }),
      ).rejects.toMatchObject({
        code: 409,
        reason: "Conflict",
      });
    });
  });

  describe("applyStage", () => {
    it("finds a custom resource right after its definition", async () => {
      const name = await define("fresh", false);
      await apply(object(name.apiVersion, name.kind, "f", { spec: { a: 1 } }));
      expect(await cluster.get(ref(name.apiVersion, name.kind, "f"))).toMatchObject({ spec: { a: 1 } });
    });

    it("leaves out fields that a built-in kind does not have", async () => {
      const [deployment] = normalize(parseKubeYaml(typos.replaceAll("NAMESPACE", namespace)));
      if (!deployment) throw new Error("no deployment");
      const [checked] = await dryRunStage(cluster, [{ desired: deployment, live: undefined }]);
      expect(checked).toMatchObject({ action: "created" });
      expect(JSON.stringify(checked?.desired)).not.toMatch(/typo/);
      expect(JSON.stringify(checked?.desired)).toMatch(/"containerPort":80/);
    });

    it.each([
      ["an invalid field", { spec: { ports: [{ port: 800000, targetPort: 80 }] } }, "Service", namespace],
      ["a missing namespace", { data: {} }, "ConfigMap", "no-such-namespace"],
    ])("refuses %s in Flux's words", async (_, content, kind, where) => {
      const desired = object("v1", kind, "refused", content, where);
      const messages: Record<string, string> = {
        Service: `Service/${namespace}/refused dry-run failed (Invalid): Service "refused" is invalid: spec.ports[0].port: Invalid value: 800000: must be between 1 and 65535, inclusive\n`,
        ConfigMap: `ConfigMap/no-such-namespace/refused not found: namespaces "no-such-namespace" not found\n`,
      };
      await expect(dryRunStage(cluster, [{ desired, live: "unknown" }])).rejects.toMatchObject({
        message: messages[kind],
      });
    });

    it("says so when a namespace is not given", async () => {
      const desired = object("v1", "ConfigMap", "nowhere", { data: {} }, "");
      await expect(dryRunStage(cluster, [{ desired, live: "unknown" }])).rejects.toMatchObject({
        message: "ConfigMap/nowhere namespace not specified: the server could not find the requested resource\n",
      });
    });

    it("takes over what kubectl applied, and what leaves Git leaves the cluster", async () => {
      const folder = mkdtempSync(join(tmpdir(), "takeover-"));
      const file = join(folder, "cm.json");
      const before = object("v1", "ConfigMap", "taken", { data: { a: "1", old: "1" } });
      writeFileSync(file, JSON.stringify(before));
      execFileSync(realBinary("kubectl") ?? "kubectl", ["--kubeconfig", real.kubeconfigPath, "apply", "-f", file]);
      rmSync(folder, { recursive: true });

      const desired = withOwner(object("v1", "ConfigMap", "taken", { data: { a: "1" } }), owner);
      const [checked] = await dryRunStage(cluster, [{ desired, live: "unknown" }]);
      expect(checked?.action).toBe("configured");
      await write([checked]);

      const live = await cluster.get(refOf(desired));
      expect(live?.data).toEqual({ a: "1" });
      expect(live?.metadata.annotations).toBeUndefined();
      expect(live?.metadata.managedFields?.map(({ manager, operation }) => `${manager} ${operation}`)).toEqual([
        "kustomize-controller Apply",
      ]);
      const [again] = await dryRunStage(cluster, [{ desired, live: "unknown" }]);
      expect(again?.action).toBe("unchanged");
    });

    describe.skipIf(!existsSync(golden))("Flux's golden objects", () => {
      it("are owned field by field as Flux owns them, and unchanged when applied again", async () => {
        const desired = readGolden();
        for (let stage = 0; stage < stageCount; stage += 1) {
          const members = desired.filter((member) => stageOf(refOf(member)) === stage);
          await write(
            await dryRunStage(
              cluster,
              members.map((member) => ({ desired: member, live: undefined })),
            ),
          );
        }
        const compared = desired.map(async (member) => {
          const live = await cluster.get(refOf(member));
          const file = `${golden}/objects/plain_${member.kind}_${member.metadata.name}.json`;
          const expected = JSON.parse(readFileSync(file, "utf8")) as KubeObject;
          expect({ file, fields: ours(live) }).toEqual({ file, fields: ours(expected) });
        });
        await Promise.all(compared);
        const again = await dryRunStage(
          cluster,
          desired.map((member) => ({ desired: member, live: "unknown" as const })),
        );
        expect(again.filter(({ action }) => action !== "unchanged")).toEqual([]);

        const deletions = await deleteObjects(cluster, desired.map(refOf), { owner, fence: () => undefined });
        expect(deletions.filter(({ kind }) => kind !== "deleted" && kind !== "absent")).toEqual([]);
      });
    });
  });

  const apply = (wanted: KubeObject) => cluster.apply(wanted, { fieldManager: "test", force: true });

  async function write(checked: readonly (Checked | undefined)[]): Promise<void> {
    const writes = checked.filter((entry) => entry !== undefined);
    await applyStage(cluster, writes, () => undefined);
  }

  /** A definition that is established. */
  async function define(plural: string, isOpen: boolean): Promise<{ apiVersion: string; kind: string }> {
    const group = `${plural}.${namespace}.example.com`;
    const kind = `${plural[0]?.toUpperCase() ?? ""}${plural.slice(1)}`;
    const spec = isOpen
      ? { type: "object", "x-kubernetes-preserve-unknown-fields": true }
      : { type: "object", properties: { a: { type: "integer" } } };
    const schema = { openAPIV3Schema: { type: "object", properties: { spec } } };
    const definition = object(
      "apiextensions.k8s.io/v1",
      "CustomResourceDefinition",
      `${plural}.${group}`,
      {
        spec: {
          group,
          scope: "Namespaced",
          names: { kind, plural },
          versions: [{ name: "v1", served: true, storage: true, schema }],
        },
      },
      "",
    );
    await expect(cluster.resource(`${group}/v1`, kind)).rejects.toBeInstanceOf(KubeError);
    await apply(definition);
    const isEstablished = async () => {
      const live = await cluster.get(refOf(definition));
      const { conditions = [] } = (live?.status ?? {}) as { conditions?: { type: string; status: string }[] };
      return conditions.some(({ type, status }) => type === "Established" && status === "True");
    };
    await expect.poll(isEstablished).toBe(true);
    return { apiVersion: `${group}/v1`, kind };
  }
});

const typos = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: corrected, namespace: NAMESPACE, typo: 1}
typo: 1
spec:
  typo: 2
  selector: {matchLabels: {app: x}}
  template:
    metadata: {labels: {app: x}}
    spec:
      typo: {a: 1}
      containers:
      - {name: a, image: i}
      - {name: c, image: i, typo: 1, ports: [{containerPort: 80, typo: 1}], env: [{name: A, value: b, typo: 1}]}
`;

function object(
  apiVersion: string,
  kind: string,
  name: string,
  content: Readonly<Record<string, unknown>>,
  where = namespace,
  labels?: Readonly<Record<string, string>>,
): KubeObject {
  const metadata = { name, ...(where === "" ? {} : { namespace: where }), ...(labels ? { labels } : {}) };
  return { ...content, apiVersion, kind, metadata };
}

const ref = (apiVersion: string, kind: string, name: string): ObjectRef => ({ apiVersion, kind, namespace, name });

const isLossless = (value: unknown): boolean =>
  typeof value === "object" && value !== null && "isLosslessNumber" in value;

function readGolden(): readonly KubeObject[] {
  const folder = `${golden}/input/plain`;
  const files = readdirSync(folder).filter((name) => name !== "kustomization.yaml");
  const objects = files.flatMap((name) => normalize(parseKubeYaml(readFileSync(join(folder, name), "utf8"))));
  return objects.map((member) => withOwner(member, owner)).sort((a, b) => compareRefs(refOf(a), refOf(b)));
}

function ours(live: KubeObject | undefined): unknown {
  return live?.metadata.managedFields?.find(
    ({ manager, operation }) => manager === applyManager && operation === "Apply",
  )?.fieldsV1;
}
