import { describe, expect, it } from "vitest";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { causeOfPods } from "../../../shared/health/pod-cause.ts";

const pod = (name: string, status: Readonly<Record<string, unknown>>, minute = 0): KubeObject => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, creationTimestamp: `2026-01-01T10:0${minute}:00Z` },
  status,
});
const container = (state: unknown, more: Readonly<Record<string, unknown>> = {}) => ({
  containerStatuses: [{ name: "web", image: "myorg/web:bad", ready: false, state, ...more }],
});
const ready = { phase: "Running", conditions: [{ type: "Ready", status: "True" }] };

describe("causeOfPods", () => {
  it.each<[string, Readonly<Record<string, unknown>>, string | undefined]>([
    ["a ready Pod", ready, undefined],
    ["a Pod that has completed", { phase: "Succeeded" }, undefined],
    [
      "an image that is not there",
      container({ waiting: { reason: "ErrImagePull", message: "not found" } }),
      "Pod a: container web: ErrImagePull: image myorg/web:bad: not found",
    ],
    [
      "a crash loop, without the pause that grows",
      container(
        { waiting: { reason: "CrashLoopBackOff", message: "back-off 5m0s restarting failed container" } },
        { lastState: { terminated: { exitCode: 137, reason: "OOMKilled", message: "s3cret" } } },
      ),
      "Pod a: container web: CrashLoopBackOff, ended with code 137 (OOMKilled)",
    ],
    [
      "a container that ended",
      container({ terminated: { exitCode: 1, reason: "Error", message: "s3cret" } }),
      "Pod a: container web: ended with code 1",
    ],
    [
      "no node",
      {
        phase: "Pending",
        conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/3 nodes" }],
      },
      "Pod a: Unschedulable: 0/3 nodes",
    ],
    ["an eviction", { phase: "Failed", reason: "Evicted", message: "low on disk" }, "Pod a: Evicted: low on disk"],
    ["a start", { phase: "Pending", ...container({ waiting: { reason: "ContainerCreating" } }) }, "Pod a: is Pending"],
    [
      "a readiness probe",
      { phase: "Running", ...container({ running: {} }) },
      "Pod a: container web runs but is not ready, see its readiness probe",
    ],
    ["nothing", {}, "Pod a: no node has reported it yet"],
  ])("tells of %s", (_, status, cause) => {
    expect(causeOfPods([pod("ready", ready, 1), pod("a", status)])).toBe(cause);
  });

  it("prefers one with a reason, and the newest of those", () => {
    const waiting = (reason: string) => container({ waiting: { reason } });
    const pods = [
      pod("old", waiting("CrashLoopBackOff"), 1),
      pod("new", waiting("ErrImagePull"), 2),
      pod("newest", { phase: "Pending" }, 3),
    ];
    expect(causeOfPods(pods)).toMatch(/^Pod new: container web: ErrImagePull/);
  });
});
