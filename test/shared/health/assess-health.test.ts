import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { assessHealth, type Health } from "../../../shared/health/assess-health.ts";

const NOW = Date.parse("2026-11-25T12:00:00Z");

interface Vector {
  readonly name: string;
  readonly manifest: string;
  readonly expectedStatus: string;
  readonly expectedConditions: readonly { readonly type: string; readonly reason: string }[];
}

interface AugmentVector {
  readonly name: string;
  readonly manifest: string;
  readonly statusConditions: readonly { readonly type: string; readonly reason: string }[];
  readonly expectedConditions: readonly { readonly type: string; readonly reason: string }[];
}

/** Flux judges running Jobs otherwise than the stock rule that the published cases describe. */
const FLUX_DIFFERS: Readonly<Record<string, string>> = { "Job 3: Current": "InProgress" };

const vectorFile = "../shared/vectors/kstatus.json";
const { cases: vectors, augment } = (
  existsSync(vectorFile) ? JSON.parse(readFileSync(vectorFile, "utf8")) : { cases: [], augment: [] }
) as { readonly cases: readonly Vector[]; readonly augment: readonly AugmentVector[] };

const fill = (text: string): string =>
  text
    .replaceAll("__NOW_MINUS_1M__", new Date(NOW - 60_000).toISOString())
    .replaceAll("__NOW__", new Date(NOW).toISOString());

describe.skipIf(vectors.length === 0)(
  "assessHealth against kstatus' published cases (skipped without ../shared)",
  () => {
    it.each(vectors)("$name", ({ name, manifest, expectedStatus, expectedConditions }) => {
      const object = parse(fill(manifest), { uniqueKeys: false }) as KubeObject;

      const health = assessHealth(object, [], NOW);

      expect(health.status).toBe(FLUX_DIFFERS[name] ?? expectedStatus);
      if (!(name in FLUX_DIFFERS)) {
        const condition = health.condition;
        expect(condition ? [{ type: condition.type, reason: condition.reason }] : []).toEqual(
          expectedConditions.map(({ type, reason }) => ({ type, reason })),
        );
      }
    });

    // Upstream writes the standard condition into the object; nothing of ours does, but the condition must be that one.
    it.each(augment)("$name", ({ manifest, statusConditions, expectedConditions }) => {
      const parsed = parse(manifest) as KubeObject;
      const object = { ...parsed, status: { ...(parsed.status as object), conditions: statusConditions } };

      const { condition } = assessHealth(object, [], NOW);

      const own = statusConditions.filter(({ type }) => type !== condition?.type);
      const pairs = [...own, ...(condition ? [condition] : [])].map(({ type, reason }) => `${type} ${reason}`);
      expect(pairs.sort()).toEqual(expectedConditions.map(({ type, reason }) => `${type} ${reason}`).sort());
    });
  },
);

const object = (apiVersion: string, kind: string, fields: Record<string, unknown> = {}): KubeObject => {
  const { metadata, ...rest } = fields;
  return { apiVersion, kind, metadata: { name: "web", namespace: "apps", ...(metadata as object) }, ...rest };
};
const pod = (fields: Record<string, unknown>): KubeObject => object("v1", "Pod", fields);
const looping = {
  status: {
    phase: "Running",
    containerStatuses: [{ name: "main", state: { waiting: { reason: "CrashLoopBackOff" } } }],
  },
};
const unschedulable = {
  metadata: { creationTimestamp: new Date(NOW - 60_000).toISOString() },
  status: { phase: "Pending", conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable" }] },
};

describe("assessHealth", () => {
  it.each<[string, KubeObject | undefined, Health["status"], string]>([
    ["an object that does not exist", undefined, "NotFound", "Resource not found"],
    [
      "an object that is being deleted",
      object("v1", "ConfigMap", { metadata: { deletionTimestamp: "2026-11-25T11:00:00Z" } }),
      "Terminating",
      "Resource scheduled for deletion",
    ],
    [
      "a Stalled condition",
      object("example.com/v1", "Thing", {
        status: { conditions: [{ type: "Stalled", status: "True", message: "no way" }] },
      }),
      "Failed",
      "no way",
    ],
    [
      "Ready=Unknown",
      object("example.com/v1", "Thing", {
        status: { conditions: [{ type: "Ready", status: "Unknown", message: "m" }] },
      }),
      "InProgress",
      "m",
    ],
    ["a kind without conditions", object("example.com/v1", "Thing"), "Current", "Resource is current"],
    [
      "a Deployment that nobody has looked at",
      object("apps/v1", "Deployment", { spec: { replicas: 2 } }),
      "InProgress",
      "Replicas: 0/2",
    ],
    [
      "a Deployment past its deadline",
      object("apps/v1", "Deployment", {
        status: { conditions: [{ type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded" }] },
      }),
      "Failed",
      "Progress deadline exceeded",
    ],
    [
      "an OnDelete StatefulSet",
      object("apps/v1", "StatefulSet", { spec: { updateStrategy: { type: "OnDelete" } } }),
      "Current",
      "StatefulSet is using the ondelete update strategy",
    ],
    ["a suspended Job", object("batch/v1", "Job", { spec: { suspend: true } }), "Current", "Job is suspended"],
    [
      "a Job not started",
      object("batch/v1", "Job", { spec: { parallelism: 3 } }),
      "InProgress",
      "Job not started. active: 0/3",
    ],
    [
      "a running Job",
      object("batch/v1", "Job", { status: { startTime: "x", active: 1 } }),
      "InProgress",
      "Job in progress. success:0, active: 1, failed: 0",
    ],
    ["a Pod in an unknown phase", pod({ status: { phase: "Odd" } }), "Unknown", "unknown phase Odd"],
    [
      "a load balancer without cluster IP",
      object("v1", "Service", { spec: { type: "LoadBalancer" } }),
      "InProgress",
      "ClusterIP not set. Service type: LoadBalancer",
    ],
  ])("judges %s", (_, input, status, message) => {
    expect(assessHealth(input, [], NOW)).toMatchObject({ status, message });
  });

  it("reads whole numbers that were kept as text", () => {
    const lossless = (value: string) => ({ isLosslessNumber: true, valueOf: () => Number(value) });
    const stale = object("example.com/v1", "Thing", {
      metadata: { generation: lossless("2") },
      status: { observedGeneration: lossless("1") },
    });

    expect(assessHealth(stale, [], NOW)).toMatchObject({
      status: "InProgress",
      condition: { reason: "LatestGenerationNotObserved" },
    });
  });

  it("fails a workload in progress of which pods have failed", () => {
    const health = assessHealth(object("apps/v1", "Deployment"), [pod(looping), pod(looping), pod({})], NOW);

    expect(health).toEqual({ status: "Failed", message: "2 pods have failed" });
  });

  it.each([
    ["is being deleted", pod({ ...looping, metadata: { deletionTimestamp: "2026-11-25T11:00:00Z" } })],
    ["waits for a node", pod(unschedulable)],
  ])("goes on waiting while the failed pod %s", (_, failedPod) => {
    expect(assessHealth(object("apps/v1", "Deployment"), [failedPod], NOW).status).toBe("InProgress");
  });

  it("does not look at the pods of a DaemonSet", () => {
    expect(assessHealth(object("apps/v1", "DaemonSet"), [pod(looping)], NOW).status).toBe("InProgress");
  });
});
