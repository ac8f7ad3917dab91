/** The manifests of fluxcd/pkg/ssa's own tests through our two passes, with what those tests expect. */
import { existsSync, readdirSync, readFileSync } from "node:fs";

import { beforeEach, describe, expect, it } from "vitest";

import { type KubeObject, refOf, subject } from "../../../shared/api/kube-object.ts";
import { assessHealth } from "../../../shared/health/assess-health.ts";
import { KubeError } from "../../../shared/kubernetes/cluster.ts";
import { parseKubeYaml } from "../../../shared/runtime/kube-yaml.ts";
import { applyManager, applyStage } from "../../../shared/ssa/apply.ts";
import { deleteObjects } from "../../../shared/ssa/delete.ts";
import { hasDrifted } from "../../../shared/ssa/drift.ts";
import { dryRunStage } from "../../../shared/ssa/dry-run.ts";
import { normalize } from "../../../shared/ssa/normalize.ts";
import { compareRefs } from "../../../shared/ssa/order.ts";
import { withOwner } from "../../../shared/ssa/owner.ts";
import { stageCount, stageOf } from "../../../shared/ssa/stages.ts";
import { createMemoryCluster, type MemoryCluster } from "../../fakes/memory-cluster.ts";

const vectors = "../shared/vectors/pkg-ssa";
const id = "one";
const owner = { name: "app1", namespace: "default" };

/** Files that no test of ours reads, with the reason. */
const notTaken: Readonly<Record<string, string>> = {
  jsondiff: "the drift detection of helm-controller, whose charts are not rendered yet",
  "test13.yaml":
    "an exclusion under an annotation of the caller's choice; ours are Flux' own, see the toggles of test1.yaml",
  "test14.yaml": "errors of the status poller, which we have none of: each look is one request",
};

const read = (file: string): readonly KubeObject[] =>
  normalize(parseKubeYaml(readFileSync(`${vectors}/${file}`, "utf8").replaceAll("%[1]s", id))).map((object) =>
    withOwner(object, owner),
  );

const only = (objects: readonly KubeObject[], kind: string): KubeObject => {
  const found = objects.find((object) => object.kind === kind);
  if (!found) throw new Error(`no ${kind}`);
  return found;
};

let cluster: MemoryCluster;
beforeEach(() => {
  cluster = createMemoryCluster();
});

/** All stages; what was done until then is in `done` when one of them is refused. */
async function apply(objects: readonly KubeObject[], done: string[] = []): Promise<readonly string[]> {
  for (let stage = 0; stage < stageCount; stage += 1) {
    const members = objects
      .filter((object) => stageOf(refOf(object)) === stage)
      .sort((a, b) => compareRefs(refOf(a), refOf(b)))
      .map((desired) => ({ desired, live: "unknown" as const }));
    const checked = await dryRunStage(cluster, members);
    const writes = checked.filter(({ action }) => action === "created" || action === "configured");
    await applyStage(cluster, writes, () => undefined);
    done.push(...checked.map(({ desired, action }) => `${subject(desired)} ${action}`));
  }
  return done;
}

const withData = (object: KubeObject, data: Readonly<Record<string, string>>): KubeObject => ({ ...object, data });
const annotated = (object: KubeObject, annotations: Readonly<Record<string, string>>): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, ...annotations } },
});
const toggle = (name: string, value: string) => ({ [`kustomize.toolkit.fluxcd.io/${name}`]: value });
const managersOf = (object: KubeObject): readonly (string | undefined)[] =>
  (cluster.find(refOf(object))?.metadata.managedFields ?? []).map(({ manager }) => manager);

describe.skipIf(!existsSync(vectors))(`the manifests of fluxcd/pkg/ssa (skipped without ${vectors})`, () => {
  const inOrder = [
    ...["Namespace/one", "ClusterRole/one", "StorageClass/one", "ClusterRoleBinding/one", "ServiceAccount/one/one"],
    ...["ConfigMap/one/one", "Secret/one/one", "Service/one/one"],
  ];

  it("are created in order, found unchanged, and written where they changed", async () => {
    const objects = read("test1.yaml");

    expect(await apply(objects)).toEqual(inOrder.map((name) => `${name} created`));
    expect(await apply(objects)).toEqual(inOrder.map((name) => `${name} unchanged`));
    const changed = objects.map((object) => (object.kind === "ConfigMap" ? withData(object, { key: "val" }) : object));
    expect(await apply(changed)).toEqual(
      inOrder.map((name) => `${name} ${name.startsWith("ConfigMap") ? "configured" : "unchanged"}`),
    );
    expect(cluster.find(refOf(only(objects, "ConfigMap")))?.data).toEqual({ key: "val" });
  });

  it("stay as they are where the live object or the wanted one says Ignore", async () => {
    const objects = read("test1.yaml");
    const wanted = only(objects, "ConfigMap");
    await apply(objects);
    cluster.edit(refOf(wanted), { metadata: { annotations: toggle("ssa", "Ignore") }, data: { key: "val" } });

    expect(await apply([wanted])).toEqual(["ConfigMap/one/one skipped"]);
    cluster.edit(refOf(wanted), { metadata: { annotations: null } });
    expect(await apply([wanted])).toEqual(["ConfigMap/one/one configured"]);
    expect(await apply([annotated(wanted, toggle("ssa", "Ignore"))])).toEqual(["ConfigMap/one/one skipped"]);
  });

  it("are created once where they say IfNotPresent, and written again when they say Override", async () => {
    const objects = read("test1.yaml");
    const wanted = only(objects, "ConfigMap");
    const once = annotated(wanted, toggle("ssa", "IfNotPresent"));

    expect(await apply([only(objects, "Namespace"), once])).toEqual([
      "Namespace/one created",
      "ConfigMap/one/one created",
    ]);
    expect(await apply([once])).toEqual(["ConfigMap/one/one skipped"]);
    expect(await apply([annotated(wanted, toggle("ssa", "Override"))])).toEqual(["ConfigMap/one/one configured"]);
  });

  it("need a namespace where their kind lives in one", async () => {
    const { namespace: _, ...metadata } = only(read("test1.yaml"), "ConfigMap").metadata;

    await expect(apply([{ ...only(read("test1.yaml"), "ConfigMap"), metadata }])).rejects.toThrow(
      "namespace not specified",
    );
  });

  it("are deleted in the other order, those excepted that opt out", async () => {
    const objects = read("test1.yaml").map((object) =>
      object.kind === "ConfigMap" ? annotated(object, toggle("prune", "disabled")) : object,
    );
    await apply(objects);

    const deletions = await deleteObjects(cluster, objects.map(refOf), { owner, fence: () => undefined });

    const kinds = inOrder.map((name) => name.split("/")[0]).reverse();
    expect(deletions.map(({ kind, ref }) => `${ref.kind} ${kind}`)).toEqual(
      kinds.map((kind) => `${kind} ${kind === "ConfigMap" ? "kept" : "deleted"}`),
    );
    expect(cluster.find(refOf(only(objects, "ClusterRole")))).toBeUndefined();
  });

  it.each(["test2.yaml", "test3.yaml"])("%s is unchanged after it was applied", async (file) => {
    const objects = read(file);
    await apply(objects);

    expect((await apply(objects)).filter((line) => !line.endsWith(" unchanged"))).toEqual([]);
  });

  it("test2.yaml is taken over from kubectl, its annotation with it", async () => {
    const objects = read("test2.yaml");
    for (const object of objects)
      cluster.put(
        annotated(object, { "kubectl.kubernetes.io/last-applied-configuration": "test" }),
        "kubectl-client-side-apply",
      );

    await apply(objects);

    const deployment = only(objects, "Deployment");
    expect(managersOf(deployment)).toEqual([applyManager]);
    expect(cluster.find(refOf(deployment))?.metadata.annotations ?? {}).not.toHaveProperty([
      "kubectl.kubernetes.io/last-applied-configuration",
    ]);
  });

  it("test4.yaml is written when an entry comes and when it goes", async () => {
    const objects = read("test4.yaml");
    const wanted = only(objects, "ConfigMap");
    await apply(objects);

    expect(await apply([wanted])).toEqual(["ConfigMap/one/one unchanged"]);
    expect(await apply([withData(wanted, { ...(wanted.data as object), token: "diff-test" })])).toEqual([
      "ConfigMap/one/one configured",
    ]);
    expect(await apply([wanted])).toEqual(["ConfigMap/one/one configured"]);
    expect(cluster.find(refOf(wanted))?.data).toEqual(wanted.data);
  });

  it("test5.yaml has its definition first, and is waited for until it is established", async () => {
    const objects = read("test5.yaml");

    expect(objects.map((object) => stageOf(refOf(object)))).toEqual([0, 3]);
    expect(objects.map((object) => assessHealth(object).status)).toEqual(["InProgress", "Current"]);
  });

  it("test6.yaml is written when a metric goes and when it comes", async () => {
    const objects = read("test6.yaml");
    const hpa = only(objects, "HorizontalPodAutoscaler");
    const { metrics, ...spec } = hpa.spec as { readonly metrics: readonly unknown[] };
    const fewer = { ...hpa, spec: { ...spec, metrics: metrics.slice(0, 1) } };
    const name = "HorizontalPodAutoscaler/one/one";
    await apply(objects);

    expect(await apply([hpa])).toEqual([`${name} unchanged`]);
    expect(await apply([fewer])).toEqual([`${name} configured`]);
    expect(await apply([fewer])).toEqual([`${name} unchanged`]);
    expect(await apply([hpa])).toEqual([`${name} configured`]);
  });

  it("test7.yaml drifts with an annotation and with a label", () => {
    const deployment = only(read("test7.yaml"), "Deployment");
    const { labels, annotations, ...metadata } = deployment.metadata;
    const without = (values: Readonly<Record<string, string>> | undefined, name: string) =>
      Object.fromEntries(Object.entries(values ?? {}).filter(([key]) => key !== name));
    const unannotated = {
      ...metadata,
      labels,
      annotations: without(annotations, "annotated"),
    } as KubeObject["metadata"];
    const unlabelled = { ...metadata, annotations, labels: without(labels, "labeled") } as KubeObject["metadata"];

    expect(hasDrifted(deployment, deployment)).toBe(false);
    expect(hasDrifted({ ...deployment, metadata: unannotated }, deployment)).toBe(true);
    expect(hasDrifted({ ...deployment, metadata: unlabelled }, deployment)).toBe(true);
  });

  it("test9.yaml takes away what test8.yaml had, though kubectl came between", async () => {
    const [objects, edited] = [read("test8.yaml"), read("test9.yaml")];
    const ingress = only(edited, "Ingress");
    await apply(objects);
    expect(managersOf(ingress)).toEqual([applyManager]);
    cluster.edit(
      refOf(ingress),
      {
        metadata: { annotations: { "kubectl.kubernetes.io/last-applied-configuration": "test" } },
        spec: { ...(ingress.spec as object) },
      },
      "kubectl-client-side-apply",
    );
    expect(managersOf(ingress)).toEqual([applyManager, "kubectl-client-side-apply"]);

    await apply(edited);

    expect(managersOf(ingress)).toEqual([applyManager]);
    expect(cluster.find(refOf(ingress))?.spec).toEqual(ingress.spec);
  });

  it.each([
    ["Pending", ["Current", "Current", "Failed", "InProgress"]],
    ["Bound", ["Current", "Current", "Failed", "Current"]],
  ])("test10.yaml has failed where its progress did, with a claim that is %s", async (phase, expected) => {
    const objects = read("test10.yaml");
    await apply(objects);
    const condition = { type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded" };
    const replicas = { observedGeneration: 1, replicas: 1, updatedReplicas: 1, unavailableReplicas: 1 };
    cluster.edit(refOf(only(objects, "Deployment")), { status: { ...replicas, conditions: [condition] } });
    cluster.edit(refOf(only(objects, "PersistentVolumeClaim")), { status: { phase } });

    expect(objects.map((object) => assessHealth(cluster.find(refOf(object))).status)).toEqual(expected);
  });

  it("test11.yaml loses the CA that is none", () => {
    const written = parseKubeYaml(readFileSync(`${vectors}/test11.yaml`, "utf8"));
    const definition = only(read("test11.yaml"), "CustomResourceDefinition");

    expect(JSON.stringify(written)).toContain('"caBundle":"CABundle"');
    expect(JSON.stringify(definition)).not.toContain("caBundle");
    expect(definition.spec).toMatchObject({
      conversion: { webhook: { clientConfig: { service: { path: "/convert" } } } },
    });
  });

  it("test12.yaml is applied up to what the server refuses", async () => {
    const objects = read("test12.yaml");
    const names = ["Namespace/one", "ClusterRole/one", "StorageClass/one", "ClusterRoleBinding/one"];
    expect(await apply(objects)).toEqual(names.map((name) => `${name} created`));
    const done: string[] = [];
    const refusal = new KubeError(422, "Invalid", "roleRef: cannot change roleRef");
    cluster.failNext("dry-run ClusterRoleBinding/one", refusal);

    await expect(apply(objects, done)).rejects.toThrow("ClusterRoleBinding/one dry-run failed (Invalid): roleRef");

    expect(done).toEqual(names.slice(0, 3).map((name) => `${name} unchanged`));
  });

  it("are all read but those of the list", () => {
    const taken = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].map((number) => `test${number}.yaml`);

    expect([...taken, ...Object.keys(notTaken)].sort()).toEqual(readdirSync(vectors).sort());
  });
});
