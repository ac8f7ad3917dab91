import { describe, expect, it } from "vitest";

import { printMetrics, type MetricsOptions } from "../../cli/commands/metrics.ts";
import type { KubeObject } from "../../shared/api/kube-object.ts";
import { objectCluster } from "../fakes/object-cluster.ts";
import { aKustomization, aWorld } from "./world.ts";

const apps = aKustomization("apps", {
  spec: { sourceRef: { kind: "GitRepository", name: "fleet" }, suspend: true },
  status: {
    lastAppliedRevision: "main@sha1:abc",
    conditions: [{ type: "Ready", status: "False", reason: "BuildFailed", message: "" }],
  },
});
const fleet: KubeObject = {
  apiVersion: "source.toolkit.fluxcd.io/v1",
  kind: "GitRepository",
  metadata: { name: "fleet", namespace: "flux-system" },
  spec: { url: 'https://example.com/a"b\\c' },
};

async function print(options: Partial<MetricsOptions> = {}, objects: readonly KubeObject[] = [apps, fleet]) {
  const world = aWorld(objects);
  await printMetrics(world.ports, { namespace: "flux-system", ...options });
  return world.stdout();
}

describe("metrics", () => {
  it("prints one series for each object, with the labels of Flux's monitoring example", async () => {
    expect(await print()).toBe(
      [
        "# HELP gotk_resource_info The current state of a GitOps Toolkit resource.",
        "# TYPE gotk_resource_info gauge",
        'gotk_resource_info{customresource_group="source.toolkit.fluxcd.io",customresource_kind="GitRepository",customresource_version="v1",exported_namespace="flux-system",name="fleet",url="https://example.com/a\\"b\\\\c"} 1',
        'gotk_resource_info{customresource_group="kustomize.toolkit.fluxcd.io",customresource_kind="Kustomization",customresource_version="v1",exported_namespace="flux-system",name="apps",ready="False",revision="main@sha1:abc",source_name="fleet",suspended="true"} 1',
        "",
      ].join("\n"),
    );
  });

  it("prints what older dashboards read when asked to", async () => {
    const lines = (await print({ deprecated: true }, [apps]))
      .split("\n")
      .filter((line) => /^gotk_(rec|sus)/.test(line));

    expect(lines).toEqual([
      'gotk_reconcile_condition{kind="Kustomization",name="apps",namespace="flux-system",status="True",type="Ready"} 0',
      'gotk_reconcile_condition{kind="Kustomization",name="apps",namespace="flux-system",status="False",type="Ready"} 1',
      'gotk_reconcile_condition{kind="Kustomization",name="apps",namespace="flux-system",status="Unknown",type="Ready"} 0',
      'gotk_suspend_status{kind="Kustomization",name="apps",namespace="flux-system"} 1',
    ]);
  });

  it("keeps to the namespace unless all are asked for, and is silent about nothing", async () => {
    const other = aKustomization("other", { metadata: { name: "other", namespace: "team" } });

    expect(await print({}, [other])).toBe("");
    expect(await print({ allNamespaces: true }, [other])).toContain('exported_namespace="team"');
  });

  it("tells the clusters of a fleet apart", async () => {
    const world = aWorld({ a: objectCluster({ objects: [fleet] }), b: objectCluster({ objects: [fleet] }) });
    await printMetrics(world.ports, { namespace: "flux-system" });

    expect(world.stdout().match(/cluster="\w"/g)).toEqual(['cluster="a"', 'cluster="b"']);
  });
});
