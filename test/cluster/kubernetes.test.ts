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
import { defaultApplySettings } from "../../shared/config/apply-settings.ts";
import { applyManager, applyStage, type Checked, type StageOptions } from "../../shared/ssa/apply.ts";
import { deleteObjects } from "../../shared/ssa/delete.ts";
import { dryRunStage } from "../../shared/ssa/dry-run.ts";
import { parseIgnoreRules } from "../../shared/ssa/ignore.ts";
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

    it("takes over what bootstrap applied", async () => {
      const wanted = object("v1", "ConfigMap", "root", { data: { a: "1" } });
      await cluster.apply({ ...wanted, data: { a: "1", dropped: "1" } }, { fieldManager: "driftless" });
      expect((await reapply(wanted)).action).toBe("configured");
      expect((await cluster.get(refOf(wanted)))?.data).toEqual({ a: "1" });
      expect((await reapply(wanted)).action).toBe("unchanged");
    });

    describe("an immutable field", () => {
      const service = (spec: Readonly<Record<string, unknown>>) =>
        object("v1", "Service", "fixed", { spec: { ports: [{ port: 80, protocol: "TCP" }], ...spec } });
      const labelled = (app: string) => ({
        replicas: 0,
        selector: { matchLabels: { app } },
        template: { metadata: { labels: { app } }, spec: { containers: [{ name: "a", image: "a:1" }] } },
      });
      const deployment = (app: string) => object("apps/v1", "Deployment", "selected", { spec: labelled(app) });

      it.each<[string, KubeObject, KubeObject, RegExp]>([
        [
          "the address of a Service",
          service({}),
          service({ clusterIP: "None" }),
          /^Service\/engine\/fixed dry-run failed \(Invalid\): Service "fixed" is invalid: spec\.clusterIPs\[0\]: .*may not change once set/,
        ],
        [
          "the selector of a Deployment",
          deployment("one"),
          deployment("two"),
          /^Deployment\/engine\/selected dry-run failed \(Invalid\): .*field is immutable/,
        ],
      ])("is refused, or replaces the object: %s", async (_, before, after, message) => {
        await reapply(before);
        const uid = (await cluster.get(refOf(before)))?.metadata.uid;
        await expect(reapply(after)).rejects.toThrow(message);
        expect((await cluster.get(refOf(before)))?.metadata.uid).toBe(uid);

        expect(await reapply(after, { force: true })).toMatchObject({ action: "created", recreated: true });
        const live = await cluster.get(refOf(before));
        expect(live).toMatchObject({ spec: after.spec as Record<string, unknown> });
        expect(live?.metadata.uid).not.toBe(uid);
        await expectUnchanged(after, { force: true });
      });

      it("is not what a wrong manifest has, whose object stays", async () => {
        await reapply(service({}), { force: true });
        const uid = (await cluster.get(refOf(service({}))))?.metadata.uid;
        const wrong = service({ ports: [{ port: 800000, protocol: "TCP" }] });
        await expect(reapply(wrong, { force: true })).rejects.toThrow(/must be between 1 and 65535/);
        expect((await cluster.get(refOf(wrong)))?.metadata.uid).toBe(uid);
      });

      it("waits for finalizers, and says what holds the object", async () => {
        await reapply(service({ clusterIP: "None" }), { force: true });
        const target = refOf(service({}));
        await cluster.mergePatch(target, { metadata: { finalizers: ["example.com/a"] } }, { fieldManager: "test" });
        let now = 0;
        const clock = { now: () => now, sleep: async (milliseconds: number) => void (now += milliseconds) };
        await expect(reapply(service({}), { force: true, clock })).resolves.toBeDefined();
        const changed = service({ clusterIP: "10.0.0.200" });
        await expect(reapply(changed, { force: true, clock })).rejects.toThrow(
          /held by its finalizers \(example\.com\/a\)/,
        );
        await cluster.mergePatch(target, { metadata: { finalizers: null } }, { fieldManager: "test" });
        expect((await reapply(changed, { force: true, clock })).action).toBe("created");
      });
    });

    describe("ignored fields", () => {
      const ignored = parseIgnoreRules([
        { paths: ["/spec/replicas", "/spec/template/spec/containers/0/image"], target: { kind: "Deploy.*" } },
      ]);
      const wanted = (name: string, labels: Readonly<Record<string, string>> = {}): KubeObject => {
        const template = { metadata: { labels: { app: name } }, spec: { containers: [{ name: "a", image: "a:1" }] } };
        const spec = { replicas: 1, selector: { matchLabels: { app: name } }, template };
        return object("apps/v1", "Deployment", name, { spec }, namespace, labels);
      };
      const valuesOf = async (name: string) => {
        const live = await cluster.get(refOf(wanted(name)));
        const { replicas, template } = live?.spec as {
          replicas: number;
          template: { spec: { containers: { image: string }[] } };
        };
        return [replicas, template.spec.containers[0]?.image, JSON.stringify(ours(live)).includes("f:replicas")];
      };

      it("are left to whoever applies them", async () => {
        await reapply(wanted("applied"), { ignored });
        const claim = { replicas: 3, selector: (wanted("applied").spec as { selector: unknown }).selector };
        const template = {
          metadata: { labels: { app: "applied" } },
          spec: { containers: [{ name: "a", image: "a:2" }] },
        };
        await apply(object("apps/v1", "Deployment", "applied", { spec: { ...claim, template } }));
        await expectUnchanged(wanted("applied"), { ignored });
        expect((await reapply(wanted("applied", { tier: "front" }), { ignored })).action).toBe("configured");
        expect(await valuesOf("applied")).toEqual([3, "a:2", false]);
        await expectUnchanged(wanted("applied", { tier: "front" }), { ignored });
      });

      it("keep the value that somebody set", async () => {
        await reapply(wanted("edited"), { ignored });
        const scale = [{ op: "replace", path: "/spec/replicas", value: 3 }];
        await cluster.jsonPatch(refOf(wanted("edited")), scale, { fieldManager: "autoscaler" });
        await expectUnchanged(wanted("edited"), { ignored });
        expect((await reapply(wanted("edited", { tier: "front" }), { ignored })).action).toBe("configured");
        expect(await valuesOf("edited")).toEqual([3, "a:1", true]);
        expect((await reapply(wanted("edited", { tier: "front" }))).action).toBe("configured");
        expect(await valuesOf("edited")).toEqual([1, "a:1", true]);
      });
    });

    it("frees an object of a manager that makes its dry-run fail", async () => {
      const pod = (...names: readonly string[]) => {
        const containers = names.map((name) => ({ name, image: `${name}:1` }));
        const template = { metadata: { labels: { app: "wedged" } }, spec: { containers } };
        const spec = { replicas: 0, selector: { matchLabels: { app: "wedged" } }, template };
        return object("apps/v1", "Deployment", "wedged", { spec });
      };
      await reapply(pod("a", "b"));
      const limits = { resources: { limits: { cpu: "1" } } };
      const template = { spec: { containers: [{ name: "b", ...limits }] } };
      await cluster.apply({ ...pod(), spec: { template } }, { fieldManager: "legacy", force: true });
      await expect(reapply(pod("a"))).rejects.toThrow(/containers\[\d\]\.image: Required value/);
      const settings = { ...defaultApplySettings, overrideManagersBeforeDryRun: ["legacy"] };
      expect((await reapply(pod("a"), { settings })).action).toBe("configured");
      expect(JSON.stringify((await cluster.get(refOf(pod())))?.spec)).not.toContain('"b"');
      await expectUnchanged(pod("a"), { settings });
    });

    it("applies in a version of an API whose fields are owned in an older one", async () => {
      const group = "migrated.example.com";
      const version = (name: string, storage: boolean, fields: Readonly<Record<string, unknown>> = {}) => {
        const extract = { type: "object", properties: { key: { type: "string" }, ...fields } };
        const items = { type: "object", properties: { extract } };
        const spec = { type: "object", properties: { from: { type: "array", items } } };
        return {
          name,
          served: true,
          storage,
          schema: { openAPIV3Schema: { type: "object", properties: { spec } } },
        };
      };
      const serve = async (...versions: readonly unknown[]) => {
        const names = { kind: "Thing", plural: "things" };
        const content = { spec: { group, scope: "Namespaced", names, versions } };
        await apply(object("apiextensions.k8s.io/v1", "CustomResourceDefinition", `things.${group}`, content, ""));
      };
      const thing = (name: string, given: string) => {
        const spec = { from: [{ extract: { key: "a" } }] };
        return object(`${group}/${given}`, "Thing", name, { spec });
      };
      const problem = (wanted: KubeObject) =>
        reapply(wanted).then(
          () => "",
          (error: unknown) => String(error),
        );
      await serve(version("v1beta1", true));
      await expect.poll(() => problem(thing("t", "v1beta1")), { timeout: 20_000 }).toBe("");
      await serve(version("v1", true), version("v1beta1", false));
      await expect.poll(() => problem(thing("t", "v1")), { timeout: 20_000 }).toBe("");
      // Somebody's write stores the object in the new version; what we own of it is noted in the old one.
      await cluster.mergePatch(refOf(thing("t", "v1")), { metadata: { labels: { a: "1" } } }, { fieldManager: "test" });
      await serve(version("v1", true, { policy: { type: "string", default: "x" } }), version("v1beta1", false));
      await expect
        .poll(() => problem(thing("t", "v1")), { timeout: 20_000 })
        .toMatch(/policy: field not declared in schema/);

      const settings = { ...defaultApplySettings, migrateApiVersion: true };
      expect((await reapply(thing("t", "v1"), { settings })).action).toBe("configured");
      const live = await cluster.get(refOf(thing("t", "v1")));
      expect(live?.spec).toEqual({ from: [{ extract: { key: "a", policy: "x" } }] });
      expect((await reapply(thing("t", "v1"), { settings })).action).toBe("unchanged");
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

  /** Looks, dry-runs and writes what differs. */
  async function reapply(desired: KubeObject, options: Partial<StageOptions> = {}): Promise<Checked> {
    const [checked] = await dryRunStage(cluster, [{ desired, live: "unknown" }], options);
    if (!checked) throw new Error("nothing checked");
    if (checked.action === "created" || checked.action === "configured")
      await applyStage(cluster, [checked], () => undefined, options);
    return checked;
  }

  /** In the end: the revision that the deployment controller notes may move in the middle of a look. */
  async function expectUnchanged(desired: KubeObject, options: Partial<StageOptions>): Promise<void> {
    await expect.poll(async () => (await reapply(desired, options)).action).toBe("unchanged");
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
