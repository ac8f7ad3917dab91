import { describe, expect, it } from "vitest";

import type { KustomizationStatus, Snapshot } from "../../../shared/api/kustomization.ts";
import { attempt, fail, observe, progress, succeed } from "../../../shared/kustomize/status.ts";
import { aKustomizeWorld } from "./kustomize-world.ts";

const start = Date.parse("2026-01-01T10:00:00Z");
const moment = (seconds: number) => ({ now: start + seconds * 1000, generation: 3 });
const failure = { reason: "BuildFailed" as const, message: "no", stalled: false, step: "Building manifests" };
const runOf = (digest: string | undefined, revision = "main@sha1:one") => ({ revision, digest, durationMillis: 1234 });
const line = (status: KustomizationStatus) =>
  (status.conditions ?? []).map(({ type, status: value, reason, message }) => `${type}=${value} ${reason}: ${message}`);
const empty: KustomizationStatus = {};

describe("the conditions", () => {
  it("are Reconciling and Ready=Unknown while a revision is worked on", () => {
    expect(line(progress(empty, "Building manifests", moment(0))).sort()).toEqual([
      "Ready=Unknown Progressing: Reconciliation in progress",
      "Reconciling=True Progressing: Building manifests",
    ]);
  });

  it("keep a failure while it is retried", () => {
    const failed = fail(empty, failure, undefined, moment(0));
    expect(line(failed).sort()).toEqual([
      "Ready=False BuildFailed: no",
      "Reconciling=True ProgressingWithRetry: Building manifests",
    ]);
    expect(line(progress(failed, "again", moment(1))).sort()).toEqual([
      "Ready=False BuildFailed: no",
      "Reconciling=True ProgressingWithRetry: again",
    ]);
  });

  it("forget a wait for dependencies when work begins", () => {
    const { step: _, ...wait } = { ...failure, reason: "DependencyNotReady" as const };
    const waiting = fail(empty, wait, undefined, moment(0));
    expect(line(waiting)).toEqual(["Ready=False DependencyNotReady: no"]);
    expect(line(progress(waiting, "go", moment(1)))).toContain("Ready=Unknown Progressing: Reconciliation in progress");
  });

  it("are Stalled with the generation observed when no retry helps", () => {
    const stalled = fail(empty, { ...failure, stalled: true }, undefined, moment(0));
    expect(line(stalled).sort()).toEqual(["Ready=False BuildFailed: no", "Stalled=True BuildFailed: no"]);
    expect(stalled.observedGeneration).toBe(3);
    expect(fail(empty, failure, undefined, moment(0)).observedGeneration).toBeUndefined();
    expect(line(progress(stalled, "go", moment(1))).join()).not.toContain("Stalled");
  });

  it("are Ready and, with health checks, Healthy after a success", () => {
    const failed = fail(empty, { ...failure, unhealthy: "bad" }, undefined, moment(0));
    expect(line(failed)).toContain("Healthy=False BuildFailed: bad");
    const healthy = succeed(failed, runOf("sha256:a"), moment(1), "Health check passed in 1s");
    expect(line(healthy).sort()).toEqual([
      "Healthy=True Succeeded: Health check passed in 1s",
      "Ready=True ReconciliationSucceeded: Applied revision: main@sha1:one",
    ]);
    expect(healthy).toMatchObject({ observedGeneration: 3, lastAppliedRevision: "main@sha1:one" });
    expect(line(succeed(healthy, runOf("sha256:a"), moment(2), undefined))).toEqual([
      "Ready=True ReconciliationSucceeded: Applied revision: main@sha1:one",
    ]);
  });

  it("move their transition time when status, reason or message do", () => {
    const first = succeed(empty, runOf("sha256:a"), moment(0), undefined);
    const same = succeed(first, runOf("sha256:a"), moment(60), undefined);
    const second = succeed(same, runOf("sha256:b", "main@sha1:two"), moment(60), undefined);
    const times = [first, same, second].map(({ conditions }) => conditions?.[0]?.lastTransitionTime);
    expect(times).toEqual(["2026-01-01T10:00:00Z", "2026-01-01T10:00:00Z", "2026-01-01T10:01:00Z"]);
  });
});

describe("the history", () => {
  const shown = (history: readonly Snapshot[] | undefined) =>
    (history ?? []).map((entry) => `${entry.digest} ${entry.lastReconciledStatus} ${entry.totalReconciliations}`);

  it("merges the same digest and status, in front", () => {
    let status = succeed(empty, runOf("a"), moment(0), undefined);
    status = succeed(status, runOf("b"), moment(1), undefined);
    status = succeed(status, runOf("a", "main@sha1:three"), moment(2), undefined);
    expect(shown(status.history)).toEqual(["a ReconciliationSucceeded 2", "b ReconciliationSucceeded 1"]);
    expect(status.history?.[0]).toEqual({
      digest: "a",
      firstReconciled: "2026-01-01T10:00:00Z",
      lastReconciled: "2026-01-01T10:00:02Z",
      lastReconciledDuration: "1.234s",
      lastReconciledStatus: "ReconciliationSucceeded",
      metadata: { revision: "main@sha1:three" },
      totalReconciliations: 2,
    });
  });

  it("keeps a failure of a digest beside its success, and five entries in all", () => {
    let status = fail(empty, failure, runOf("a"), moment(0));
    status = succeed(status, runOf("a"), moment(1), undefined);
    expect(shown(status.history)).toEqual(["a ReconciliationSucceeded 1", "a BuildFailed 1"]);
    for (const digest of ["b", "c", "d", "e"]) status = succeed(status, runOf(digest), moment(2), undefined);
    expect(status.history?.map(({ digest }) => digest)).toEqual(["e", "d", "c", "b", "a"]);
  });

  it("has no entry for a failure before the build", () => {
    expect(fail(empty, failure, runOf(undefined), moment(0)).history).toBeUndefined();
  });

  it("counts a run of an unchanged closure with the newest entry", () => {
    const status = succeed(empty, runOf("a"), moment(0), undefined);
    expect(shown(succeed(status, runOf(undefined), moment(1), undefined).history)).toEqual([
      "a ReconciliationSucceeded 2",
    ]);
  });
});

describe("what a run begins with", () => {
  it("is an unobserved generation, and the request as handled", () => {
    const world = aKustomizeWorld();
    expect(observe(world.object())).toEqual({ observedGeneration: -1 });
    world.request("now");
    expect(observe(world.object())).toEqual({ observedGeneration: -1, lastHandledReconcileAt: "now" });
  });

  it("notes the attempted revision", () => {
    expect(attempt({ lastAppliedRevision: "a" }, "b")).toEqual({
      lastAppliedRevision: "a",
      lastAttemptedRevision: "b",
    });
  });
});
