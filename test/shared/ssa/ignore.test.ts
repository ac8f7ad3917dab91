import { beforeEach, describe, expect, it } from "vitest";

import { type KubeObject, refOf } from "../../../shared/api/kube-object.ts";
import { defaultApplySettings } from "../../../shared/config/apply-settings.ts";
import { applyManager, applyStage, type Checked, type StageOptions } from "../../../shared/ssa/apply.ts";
import { dryRunStage } from "../../../shared/ssa/dry-run.ts";
import { type IgnoreRule, parseIgnoreRules } from "../../../shared/ssa/ignore.ts";
import { createMemoryCluster, type MemoryCluster, owns } from "../../fakes/memory-cluster.ts";

type Spec = Readonly<Record<string, unknown>>;

const containers = [
  { name: "web", image: "web:1" },
  { name: "side", image: "side:1" },
];
function deployment(spec: Spec = {}, labels: Readonly<Record<string, string>> = {}, name = "web"): KubeObject {
  const template = { metadata: { labels: { app: "web" } }, spec: { containers } };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: "shop", labels: { app: "web", ...labels } },
    spec: { replicas: 2, template, ...spec },
  };
}
const images = (image: string) => ({
  template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "web", image }, containers[1]] } },
});
const replicas: readonly IgnoreRule[] = [{ paths: ["/spec/replicas"], target: { kind: "Deployment" } }];

let cluster: MemoryCluster;
beforeEach(() => {
  cluster = createMemoryCluster({ objects: [{ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } }] });
});

const live = (name = "web"): KubeObject => cluster.find(refOf(deployment({}, {}, name)))!;
const spec = (): Spec => live().spec as Spec;
const isOurs = (...path: readonly string[]) => owns(live(), applyManager, ...path);
/** As an autoscaler does by server-side apply, or by an update. */
const claim = (wanted: Spec, manager = "vpa") =>
  cluster.apply(
    { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web", namespace: "shop" }, spec: wanted },
    { fieldManager: manager, force: true },
  );
const edit = (wanted: Spec) => cluster.edit(refOf(deployment()), { spec: wanted }, "autoscaler");

async function apply(
  desired: KubeObject,
  rules: readonly IgnoreRule[] = replicas,
  options: Partial<StageOptions> = {},
): Promise<Checked> {
  const all = { ...options, ignored: parseIgnoreRules(rules) };
  const checked = await dryRunStage(cluster, [{ desired, live: "unknown" }], all);
  const writes = checked.filter(({ action }) => action === "created" || action === "configured");
  await applyStage(cluster, writes, () => undefined, all);
  return checked[0]!;
}

describe("ignored fields", () => {
  it("have Git's value when the object is created", async () => {
    expect((await apply(deployment())).action).toBe("created");
    expect(spec().replicas).toBe(2);
  });

  it.each<[string, () => unknown]>([
    ["updated", () => edit({ replicas: 5 })],
    ["applied", () => claim({ replicas: 5 })],
  ])("are no drift when somebody else %s them", async (_, change) => {
    await apply(deployment());
    await change();
    expect((await apply(deployment())).action).toBe("unchanged");
    expect((await apply(deployment({ replicas: 3 }))).action).toBe("unchanged");
    expect(spec().replicas).toBe(5);
    expect((await apply(deployment(), [])).action).toBe("configured");
    expect(spec().replicas).toBe(2);
  });

  it("are left out when the object is applied for another reason and somebody else applies them", async () => {
    await apply(deployment());
    await claim({ replicas: 5 });
    expect((await apply(deployment({}, { tier: "front" }))).action).toBe("configured");
    expect(live().metadata.labels).toMatchObject({ tier: "front" });
    expect([spec().replicas, isOurs("f:spec", "f:replicas")]).toEqual([5, false]);
    expect((await apply(deployment({}, { tier: "front" }))).action).toBe("unchanged");
  });

  it("keep their live value, as ours, when nobody else applies them", async () => {
    await apply(deployment());
    edit({ replicas: 5 });
    expect((await apply(deployment({}, { tier: "front" }))).action).toBe("configured");
    expect([spec().replicas, isOurs("f:spec", "f:replicas")]).toEqual([5, true]);
  });

  it("stay ours while their values agree", async () => {
    await apply(deployment());
    await claim({ replicas: 2 });
    await apply(deployment({}, { tier: "front" }));
    expect([spec().replicas, isOurs("f:spec", "f:replicas")]).toEqual([2, true]);
  });

  it("stay unset where Git does not set them", async () => {
    const { replicas: _, ...unset } = deployment().spec as Record<string, unknown>;
    const desired = { ...deployment(), spec: unset };
    await apply(desired);
    edit({ replicas: 5 });
    await apply({ ...desired, metadata: { ...desired.metadata, labels: { tier: "front" } } });
    expect([spec().replicas, isOurs("f:spec", "f:replicas")]).toEqual([5, false]);
  });

  it("are those of an item of a list, whose key tells its owner", async () => {
    const rules = [{ paths: ["/spec/template/spec/containers/0/image", "/spec/template/spec/containers/1/image"] }];
    await apply(deployment(), rules);
    await claim({ template: { spec: { containers: [{ name: "web", image: "web:2" }] } } }, "image-policy");
    const checked = await apply(deployment({}, { tier: "front" }), rules);
    const path = ["f:spec", "f:template", "f:spec", "f:containers"];
    const [web, side] = ['k:{"name":"web"}', 'k:{"name":"side"}'];
    expect(JSON.stringify(checked.desired)).not.toContain("web:1");
    expect(JSON.stringify(live())).toContain("web:2");
    expect([isOurs(...path, web, "f:image"), isOurs(...path, side, "f:image")]).toEqual([false, true]);
  });

  it("belong to nobody else once their owner is taken over", async () => {
    await apply(deployment());
    await claim({ replicas: 5 });
    const settings = { ...defaultApplySettings, overrideManagers: ["vpa"] };
    expect((await apply(deployment(), replicas, { settings })).action).toBe("configured");
    expect([spec().replicas, isOurs("f:spec", "f:replicas"), owns(live(), "vpa", "f:spec")]).toEqual([5, true, false]);
  });

  it("are corrected in objects that the rule is not for", async () => {
    const rules = [{ paths: ["/spec/replicas"], target: { name: "other", labelSelector: "app=web" } }];
    await apply(deployment(), rules);
    edit({ replicas: 5 });
    expect((await apply(deployment(), rules)).action).toBe("configured");
    expect(spec().replicas).toBe(2);
  });

  it("are chosen by the labels that the object is to have", async () => {
    const rules = [{ paths: ["/spec/replicas"], target: { labelSelector: "scaled=yes" } }];
    await apply(deployment(), rules);
    edit({ replicas: 5 });
    await apply(deployment({}, { scaled: "yes" }), rules);
    expect(spec().replicas).toBe(5);
  });

  it("may be all labels and annotations", async () => {
    const rules = [{ paths: ["/metadata"] }];
    await apply(deployment(), rules);
    cluster.edit(refOf(deployment()), { metadata: { labels: { app: "other" } } }, "autoscaler");
    expect((await apply(deployment(), rules)).action).toBe("unchanged");
    expect((await apply(deployment(images("web:2")), rules)).action).toBe("configured");
    expect(live().metadata.labels).toMatchObject({ app: "other" });
  });

  it.each(["", "spec/replicas", "/spec/absent", "/spec/replicas/deeper"])("are none with the path %j", async (path) => {
    const rules = [{ paths: [path] }];
    await apply(deployment(), rules);
    edit({ replicas: 5 });
    expect((await apply(deployment(), rules)).action).toBe("configured");
    expect(spec().replicas).toBe(2);
  });
});

describe("parseIgnoreRules", () => {
  it("refuses a target that is no selector", () => {
    expect(() => parseIgnoreRules([{ paths: ["/spec"], target: { kind: "(" } }])).toThrow(
      expect.objectContaining({
        disposition: "retry",
        reason: "ReconciliationFailed",
        message: expect.stringMatching(/^failed to create ignore rule selector: invalid kind regex: /) as string,
      }) as Error,
    );
  });
});
