import { describe, expect, it } from "vitest";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { heldMessage } from "../../../shared/kustomize/deletion-budget.ts";
import type { Item } from "../../../shared/lease/ports.ts";
import { type Due, findDue, fluxObjects } from "../../../shared/sweep/due.ts";
import { sourceKeyOf } from "../../../shared/kustomize/source-ref.ts";

const key = "one/kustomize.toolkit.fluxcd.io/Kustomization/apps/shop";
const sourceKey = "one/source.toolkit.fluxcd.io/GitRepository/apps/shop";

const kustomization = (
  metadata: Partial<KubeObject["metadata"]> = {},
  rest: Readonly<Record<string, unknown>> = {},
): KubeObject => ({
  apiVersion: "kustomize.toolkit.fluxcd.io/v1",
  kind: "Kustomization",
  metadata: { name: "shop", namespace: "apps", uid: "u1", generation: 2, ...metadata },
  spec: { sourceRef: { kind: "GitRepository", name: "shop" }, ...(rest.spec as object | undefined) },
  status: rest.status ?? {},
});
const row: Item = { seenUid: "u1", seenGen: 2, seenRev: "main@sha1:one" };
const now = 1_800_000_000;
const stored: Item = { revision: "main@sha1:one", announced: "main@sha1:one" };
const asked = (at: string) => ({ annotations: { "reconcile.fluxcd.io/requestedAt": at } });
const suspended = { spec: { suspend: true } };
const digest = "0123456789abcdef0123456789abcdef";
/** A prune of this plan waits, as the run of this generation said. */
const waits = (observedGeneration = 2) => ({
  status: {
    conditions: [
      {
        type: "PrunePending",
        status: "True",
        reason: "DeletionBudgetExceeded",
        message: heldMessage([], [], { digest, name: "shop", namespace: "apps" }),
        observedGeneration,
      },
    ],
  },
});
const approved = (plan: string) => ({ annotations: { "driftless.dev/approve-prune": plan } });
const deletionTimestamp = "2026-01-01T10:00:00Z";

function dueOf(objects: readonly KubeObject[], rows: Readonly<Record<string, Item>> = { [key]: row }, source = stored) {
  const sources = new Map(Object.entries({ [sourceKey]: source }));
  return findDue("one", fluxObjects("one", objects), { rows: new Map(Object.entries(rows)), sources, now });
}

describe("drift that is governed anew", () => {
  it("is due until a run that knew of it has failed, which is retried anyway", () => {
    const objects = fluxObjects("one", [kustomization()]);
    const rowsWith = (failedGov: string) => new Map([[key, { ...row, failedGov }]]);
    const isGovernedAnew = (_: KubeObject, failed: unknown) => failed !== "as it is now";
    const known = { sources: new Map([[sourceKey, stored]]), now, isGovernedAnew };
    expect(findDue("one", objects, { ...known, rows: rowsWith("") })).toEqual([{ key, why: "governed" }]);
    expect(findDue("one", objects, { ...known, rows: rowsWith("as it is now") })).toEqual([]);
  });
});

describe("what is due", () => {
  it.each<[string, KubeObject, Item | undefined, Due["why"] | undefined]>([
    ["nothing new", kustomization(), row, undefined],
    ["no row", kustomization(), undefined, "new"],
    ["a row that saw nothing yet", kustomization(), {}, "new"],
    ["another incarnation", kustomization({ uid: "u2" }), row, "new"],
    ["another generation", kustomization({ generation: 3 }), row, "spec"],
    ["a new object that is suspended", kustomization({}, suspended), undefined, "new"],
    ["a spec that suspends", kustomization({ generation: 3 }, suspended), row, "spec"],
    ["a deletion", kustomization({ deletionTimestamp: "2026-01-01T10:00:00Z" }), row, "deleted"],
    [
      "a deletion while suspended",
      kustomization({ deletionTimestamp: "2026-01-01T10:00:00Z" }, suspended),
      row,
      "deleted",
    ],
    ["a deletion that waits for approval", kustomization({ deletionTimestamp }, waits()), row, undefined],
    [
      "a deletion that waits, at a new revision",
      kustomization({ deletionTimestamp }, waits()),
      { ...row, seenRev: "main@sha1:zero" },
      undefined,
    ],
    ["a deletion of what waited before", kustomization({ deletionTimestamp, generation: 3 }, waits()), row, "deleted"],
    ["an approved deletion", kustomization({ deletionTimestamp, ...approved(digest) }, waits()), row, "approved"],
    ["a request for a deletion", kustomization({ deletionTimestamp, ...asked("t2") }, waits()), row, "requestedAt"],
    ["a prune that waits", kustomization({}, waits()), row, undefined],
    ["an approved prune", kustomization(approved(digest), waits()), row, "approved"],
    ["the approval of another plan", kustomization(approved("fedc"), waits()), row, undefined],
    ["an approval of nothing", kustomization(approved(digest)), row, undefined],
    ["a request", kustomization(asked("t2"), { status: { lastHandledReconcileAt: "t1" } }), row, "requestedAt"],
    [
      "a request that was handled",
      kustomization(asked("t1"), { status: { lastHandledReconcileAt: "t1" } }),
      row,
      undefined,
    ],
    ["a request while suspended", kustomization(asked("t2"), suspended), row, undefined],
    ["a revision that it has not seen", kustomization(), { ...row, seenRev: "main@sha1:zero" }, "source"],
    ["a revision that a run may be at", kustomization(), { ...row, seenRev: "zero", leaseExp: now + 20 }, undefined],
    [
      "a revision that a dead run has not seen",
      kustomization(),
      { ...row, seenRev: "zero", leaseExp: now - 1 },
      "source",
    ],
    ["a first revision", kustomization(), { seenUid: "u1", seenGen: 2 }, "source"],
    ["a revision while suspended", kustomization({}, suspended), { ...row, seenRev: "main@sha1:zero" }, undefined],
  ])("with %s", (_, object, known, why) => {
    expect(dueOf([object], known ? { [key]: known } : {})).toEqual(why ? [{ key, why }] : []);
  });

  it("is no revision of a source that has stored none", () => {
    expect(dueOf([kustomization()], { [key]: { seenUid: "u1", seenGen: 2 } }, {})).toEqual([]);
  });

  it("is a source that has not announced what it stored, once", () => {
    const source: KubeObject = {
      apiVersion: "source.toolkit.fluxcd.io/v1",
      kind: "GitRepository",
      metadata: { name: "shop", namespace: "apps", uid: "s1", generation: 1 },
    };
    const behind = { ...stored, announced: "main@sha1:zero" };
    const rows = { [sourceKey]: { seenUid: "s1", seenGen: 1 } };
    expect(dueOf([source], rows, behind)).toEqual([{ key: sourceKey, why: "announce" }]);
    expect(dueOf([source], {}, behind)).toEqual([{ key: sourceKey, why: "new" }]);
    expect(dueOf([source], rows)).toEqual([]);
  });

  it("is a row whose object is gone, if its kind is listed at all", () => {
    const helm = "one/helm.toolkit.fluxcd.io/HelmRelease/apps/shop";
    expect(dueOf([], { [key]: row, [helm]: row, "one/sweep": {} })).toEqual([{ key, why: "gone" }]);
  });
});

describe("the source of a Kustomization", () => {
  it("is in its own namespace unless it says otherwise", () => {
    expect(sourceKeyOf("one", kustomization())).toBe(sourceKey);
    const sourceRef = { kind: "GitRepository", name: "shop", namespace: "flux-system" };
    expect(sourceKeyOf("one", kustomization({}, { spec: { sourceRef } }))).toBe(
      "one/source.toolkit.fluxcd.io/GitRepository/flux-system/shop",
    );
  });

  it("is none without a reference", () => {
    expect(sourceKeyOf("one", { ...kustomization(), spec: {} })).toBeUndefined();
  });
});
