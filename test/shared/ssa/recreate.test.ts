import { beforeEach, describe, expect, it } from "vitest";

import { type KubeObject, refOf } from "../../../shared/api/kube-object.ts";
import { KubeError } from "../../../shared/kubernetes/cluster.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { applyStage, type Checked, type StageOptions } from "../../../shared/ssa/apply.ts";
import { dryRunStage } from "../../../shared/ssa/dry-run.ts";
import { isImmutableError } from "../../../shared/ssa/recreate.ts";
import { fakeClock } from "../../fakes/fake-clock.ts";
import { createMemoryCluster, type MemoryCluster } from "../../fakes/memory-cluster.ts";

type Text = Readonly<Record<string, string>>;

const forced = { "kustomize.toolkit.fluxcd.io/force": "Enabled" };
const config = (data: Text, annotations: Text = {}): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "a", namespace: "shop", annotations },
  data,
});
const invalid = (field: string, why: string) =>
  new KubeError(422, "Invalid", `ConfigMap "a" is invalid: data.${field}: ${why}`, {
    details: { causes: [{ field: `data.${field}`, message: why }] },
  });

let cluster: MemoryCluster;
let fences: number;
let options: Partial<StageOptions> & { clock: Clock };
/** `data.fixed` must not change, `data.wrong` is never accepted. */
beforeEach(() => {
  cluster = createMemoryCluster({
    admit: (next) => {
      const before = next.kind === "ConfigMap" ? (cluster.find(refOf(next))?.data as Text | undefined) : undefined;
      const data = next.data as Text | undefined;
      if (before?.fixed !== undefined && before.fixed !== data?.fixed) throw invalid("fixed", "field is immutable");
      if (data?.wrong !== undefined) throw invalid("wrong", "must not be set");
      return next;
    },
  });
  cluster.put({ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } });
  cluster.put(config({ fixed: "1" }));
  cluster.forgetRequests();
  fences = 0;
  options = { force: true, clock: fakeClock(), fence: () => void (fences += 1) };
});

const live = () => cluster.find(refOf(config({})));
const edit = (metadata: Readonly<Record<string, unknown>>) => cluster.edit(refOf(config({})), { metadata });
const check = async (desired: KubeObject, seen: KubeObject | "unknown" | undefined = "unknown"): Promise<Checked> =>
  (await dryRunStage(cluster, [{ desired, live: seen }], options))[0]!;
const write = async (checked: Checked) => {
  await applyStage(cluster, [checked], () => undefined, options);
};

describe("isImmutableError", () => {
  it.each([
    [422, "Invalid", "spec.selector: anything", true],
    [409, "Conflict", "anything", true],
    [403, "Forbidden", "admission webhook denied: spec.host is immutable", true],
    [400, "BadRequest", "cannot change immutable field", true],
    [403, "Forbidden", "denied by policy", false],
    [500, "InternalError", "field not declared in schema", false],
  ])("of %i %s (%s) is %s", (code, reason, message, expected) => {
    expect(isImmutableError(new KubeError(code, reason, message))).toBe(expected);
  });
});

describe("a field that must not change", () => {
  it("refuses the object in the words of the server without force", async () => {
    options = { ...options, force: false };
    await expect(check(config({ fixed: "2" }))).rejects.toThrow(
      'ConfigMap/shop/a dry-run failed (Invalid): ConfigMap "a" is invalid: data.fixed: field is immutable\n',
    );
    expect(live()).toMatchObject({ data: { fixed: "1" } });
  });

  it.each<[string, () => Promise<Checked>]>([
    ["by the spec", () => check(config({ fixed: "2" }))],
    [
      "by the object in Git",
      () => {
        options = { ...options, force: false };
        return check(config({ fixed: "2" }, forced));
      },
    ],
    [
      "by the live object",
      () => {
        options = { ...options, force: false };
        edit({ annotations: forced });
        return check(config({ fixed: "2" }));
      },
    ],
    ["though the object was believed absent", () => check(config({ fixed: "2" }), undefined)],
  ])("makes a forced object be replaced, %s", async (_, dryRun) => {
    const uid = live()?.metadata.uid;
    const checked = await dryRun();
    expect(checked).toMatchObject({ action: "created", recreated: true });
    expect(live()?.metadata.uid).toBe(uid);
    await write(checked);
    expect(live()).toMatchObject({ data: { fixed: "2" } });
    expect(live()?.metadata.uid).not.toBe(uid);
    expect(cluster.requests.slice(-3)).toEqual([
      "delete ConfigMap/shop/a",
      "get ConfigMap/shop/a",
      "apply ConfigMap/shop/a",
    ]);
    expect(fences).toBe(2);
  });

  it("leaves all of the stage alone when another object of it is refused", async () => {
    const other = { ...config({ wrong: "yes" }), metadata: { name: "b", namespace: "shop" } };
    const stage = [config({ fixed: "2" }), other].map((desired) => ({ desired, live: "unknown" as const }));
    await expect(dryRunStage(cluster, stage, options)).rejects.toThrow(/^ConfigMap\/shop\/b dry-run failed/);
    expect(cluster.requests.filter((request) => request.startsWith("delete"))).toEqual([]);
    expect(live()).toMatchObject({ data: { fixed: "1" } });
  });

  it("keeps an object whose manifest is wrong, for a new one would be refused as well", async () => {
    await expect(check(config({ fixed: "1", wrong: "yes" }))).rejects.toThrow(/data\.wrong: must not be set/);
    expect(live()).toMatchObject({ data: { fixed: "1" } });
  });

  it("is of no concern for an object that is left alone", async () => {
    expect((await check(config({ fixed: "2" }, { "kustomize.toolkit.fluxcd.io/ssa": "Ignore" }))).action).toBe(
      "skipped",
    );
    edit({ annotations: { "kustomize.toolkit.fluxcd.io/reconcile": "disabled" } });
    expect((await check(config({ fixed: "2" }), undefined)).action).toBe("skipped");
  });
});

describe("the object that is replaced", () => {
  it("is waited for while its finalizers run", async () => {
    edit({ finalizers: ["example.com/a"] });
    const checked = await check(config({ fixed: "2" }));
    const { clock } = options;
    let sleeps = 0;
    const sleep = async (milliseconds: number) => {
      await clock.sleep(milliseconds);
      if ((sleeps += 1) === 3) cluster.remove(refOf(config({})));
    };
    options = { ...options, clock: { ...clock, sleep } };
    await write(checked);
    expect(sleeps).toBe(3);
    expect(live()).toMatchObject({ data: { fixed: "2" } });
  });

  it("fails the run when it is not gone in time, and is waited for again by the next one", async () => {
    edit({ finalizers: ["example.com/a"] });
    await expect(write(await check(config({ fixed: "2" })))).rejects.toMatchObject({
      disposition: "retry",
      reason: "ReconciliationFailed",
      message:
        "ConfigMap/shop/a immutable field detected, failed to wait for object to be deleted: it is held by its finalizers (example.com/a), it is created again when it is gone\n",
    });
    const checked = await check(config({ fixed: "2" }));
    expect(checked).toMatchObject({ action: "created", recreated: true });
    cluster.forgetRequests();
    cluster.remove(refOf(config({})));
    await write(checked);
    expect(cluster.requests).toEqual(["get ConfigMap/shop/a", "apply ConfigMap/shop/a"]);
    expect(live()).toMatchObject({ data: { fixed: "2" } });
  });

  it("is not another one that was created in its place since", async () => {
    const checked = await check(config({ fixed: "2" }));
    cluster.remove(refOf(config({})));
    cluster.put(config({ fixed: "3" }));
    await expect(write(checked)).rejects.toThrow(
      /^ConfigMap\/shop\/a immutable field detected, failed to delete object: .*Precondition failed/,
    );
    expect(live()).toMatchObject({ data: { fixed: "3" } });
  });

  it("fails the run in words when it may not be deleted", async () => {
    const checked = await check(config({ fixed: "2" }));
    cluster.failNext("delete", new KubeError(403, "Forbidden", "configmaps is forbidden"));
    await expect(write(checked)).rejects.toThrow(
      "ConfigMap/shop/a immutable field detected, failed to delete object: configmaps is forbidden\n",
    );
  });

  it("stays when the lease was lost before its deletion", async () => {
    const checked = await check(config({ fixed: "2" }));
    options = {
      ...options,
      fence: () => {
        throw new Error("lost");
      },
    };
    await expect(write(checked)).rejects.toThrow("lost");
    expect(live()).toMatchObject({ data: { fixed: "1" } });
  });
});
